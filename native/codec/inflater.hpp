// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "memory/heap.hpp"

struct z_stream_s;

namespace millrace::codec {

/// What a sender takes off the end of a compressed message, and a receiver adds again (RFC 7692 7.2.1).
inline constexpr std::uint8_t kTail[4] = {0x00, 0x00, 0xff, 0xff};

/// How far inflating a message has come.
enum class Inflating : std::uint8_t {
  done,       ///< the message is complete
  more,       ///< the room is used up, and more comes
  rests,      ///< so much of the payload was looked at as should be
  malformed,  ///< it is no DEFLATE data, or ends in the middle of a block
  no_memory
};

/// Inflates one message after the other, each with the window of those before it (RFC 7692 7.2.2), into whatever room
/// the caller has, piece by piece. State lies in a Heap: 8 KiB, and the window, 1 << window_bits, from the first
/// message that needs it on. A block marked as the last of a DEFLATE stream ends no message: what follows it is a new
/// stream (7.2.3.4). Zeroed bytes are a closed one. One thread.
class Inflater {
 public:
  /// `window_bits` is 8 to 15. False when there is no memory; nothing is left behind then.
  [[nodiscard]] bool open(memory::Heap* heap, unsigned window_bits) noexcept;
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return stream_ != nullptr; }

  /// Forgets the window, and a message that was not finished.
  void reset() noexcept;

  /// Begins a message; its bytes are read while it is inflated.
  void begin(const std::uint8_t* payload, std::size_t length) noexcept;
  /// Writes at most `room` bytes and says in `*written` how many. Without room it only finds out whether more comes: if
  /// so, the message cannot be continued. Looks at no more than `input` bytes of the payload: blocks without content
  /// take time and come to nothing. After anything but `done`, `more` and `rests` the inflater is to be reset or
  /// closed.
  [[nodiscard]] Inflating next(std::uint8_t* to, std::size_t room, std::size_t* written,
                               std::size_t input = SIZE_MAX) noexcept;

 private:
  [[nodiscard]] Inflating run() noexcept;

  memory::Heap* heap_;
  z_stream_s* stream_;
  const std::uint8_t* rest_;  ///< of the payload, behind what zlib was given: it counts in 32 bits
  std::size_t rest_length_;
  std::size_t input_;  ///< how much of it may be looked at
  bool in_tail_;
};

}  // namespace millrace::codec
