// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/inflater.hpp"
#include "memory/heap.hpp"

struct libdeflate_compressor;
struct libdeflate_decompressor;

namespace millrace::codec {

/// Messages that share nothing with those before them, each in one call: one such object serves all connections of a
/// loop. Both halves of its state are made when first used, in a Heap. One thread.
class WholeMessages {
 public:
  /// Bytes behind a payload that are overwritten while it is inflated.
  static constexpr std::size_t kBehind = 9;

  explicit WholeMessages(memory::Heap* heap, int level = 1) noexcept : heap_(heap), level_(level) {}
  WholeMessages(const WholeMessages&) = delete;
  WholeMessages& operator=(const WholeMessages&) = delete;
  ~WholeMessages() { close(); }
  void close() noexcept;

  /// How hard to look for repetitions, 1 to 12; before the first message.
  void set_level(int level) noexcept { level_ = level; }

  /// The length of the compressed message, or 0 when it does not fit into `room`, or there is no memory. The encoder
  /// wants eight bytes more than it fills. It writes one DEFLATE stream with an end: see RFC 7692 7.2.3.4.
  [[nodiscard]] std::size_t compress(const std::uint8_t* from, std::size_t length, std::uint8_t* to,
                                     std::size_t room) noexcept;

  /// Inflates a message; kBehind bytes behind its payload are written to. `more`: it does not fit into `room`. Some
  /// faults may pass for which zlib has a name: symbols that are reserved are read as their neighbours, code lengths
  /// may be repeated beyond their number, there may be more codes than symbols, and what is written behind the payload
  /// may happen to end an unfinished block.
  [[nodiscard]] Inflating inflate(std::uint8_t* payload, std::size_t length, std::uint8_t* to, std::size_t room,
                                  std::size_t* written) noexcept;

 private:
  memory::Heap* heap_;
  int level_;
  libdeflate_compressor* compressor_ = nullptr;
  libdeflate_decompressor* decompressor_ = nullptr;
};

}  // namespace millrace::codec
