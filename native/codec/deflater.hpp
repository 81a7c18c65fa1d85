// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "memory/heap.hpp"

struct z_stream_s;

namespace millrace::codec {

/// Whose Huffman codes a compressed message has.
enum class Codes : std::uint8_t {
  own,   ///< such as suit it
  fixed  ///< those of RFC 1951 3.2.6, which nobody has to work out or send
};

/// Compresses one message after the other, each with the window of those before it (RFC 7692 7.2.1). State lies in a
/// Heap: (1 << (window_bits + 2)) + (1 << (memory_level + 9)) + 8 KiB. Zeroed bytes are a closed one. One thread.
class Deflater {
 public:
  /// `level` is 1 to 9, `memory_level` 1 to 9, `window_bits` 8 to 15. False when there is no memory; nothing is left
  /// behind then.
  [[nodiscard]] bool open(memory::Heap* heap, int level, int memory_level, unsigned window_bits,
                          Codes codes = Codes::own) noexcept;
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return stream_ != nullptr; }

  /// Forgets the window.
  void reset() noexcept;

  /// No message of this length becomes longer, whatever it holds and at any memory level, before its tail is taken off.
  [[nodiscard]] static constexpr std::size_t bound(std::size_t length) noexcept {
    return length + length / 8 + length / 32 + 64;
  }

  /// Compresses a message into `to`, without its tail; how long it is then, or -ENOSPC: the room was too small, and the
  /// deflater is to be reset or closed.
  [[nodiscard]] std::int64_t compress(const std::uint8_t* from, std::size_t length, std::uint8_t* to,
                                      std::size_t room) noexcept;

 private:
  memory::Heap* heap_;
  z_stream_s* stream_;
  bool narrow_;                ///< a window of 256 bytes, which zlib cannot have
  std::uint32_t since_flush_;  ///< how much was compressed since the narrow window was last emptied
};

}  // namespace millrace::codec
