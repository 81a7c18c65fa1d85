// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::codec::test {

using Bytes = std::vector<std::uint8_t>;

[[nodiscard]] inline Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

/// Random letters, few enough that they can be compressed.
[[nodiscard]] Bytes letters(std::size_t length, unsigned seed);
/// Random bytes, which cannot.
[[nodiscard]] Bytes noise(std::size_t length, unsigned seed);
/// Text as APIs exchange it.
[[nodiscard]] Bytes json(std::size_t length, unsigned seed);

/// A peer's sending half by plain zlib: messages with the windows of those before them.
class PlainDeflate {
 public:
  explicit PlainDeflate(int window_bits = 15, int level = 6, int memory_level = 8, int strategy = Z_DEFAULT_STRATEGY);
  ~PlainDeflate();
  PlainDeflate(const PlainDeflate&) = delete;
  PlainDeflate& operator=(const PlainDeflate&) = delete;

  /// The message as RFC 7692 7.2.1 sends it.
  [[nodiscard]] Bytes message(const Bytes& text);
  /// A DEFLATE stream of its own with a last block (BFINAL=1).
  [[nodiscard]] Bytes stream(const Bytes& text);
  void reset() { deflateReset(&stream_); }

 private:
  [[nodiscard]] Bytes run(const Bytes& text, int flush);

  z_stream stream_{};
};

/// A peer's receiving half by plain zlib.
class PlainInflate {
 public:
  explicit PlainInflate(int window_bits = 15);
  ~PlainInflate();
  PlainInflate(const PlainInflate&) = delete;
  PlainInflate& operator=(const PlainInflate&) = delete;

  /// The message's text; fails the test when the message is not well-formed.
  [[nodiscard]] Bytes message(Bytes payload);
  void reset() { inflateReset(&stream_); }

 private:
  z_stream stream_{};
};

}  // namespace millrace::codec::test
