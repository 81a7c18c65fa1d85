// SPDX-License-Identifier: Apache-2.0
//
// The head of an HTTP/1.x response, as a client reads it (RFC 9112 4-5): bytes in, facts out. No allocation, no I/O. As
// with HandshakeParser the caller keeps the bytes in one contiguous buffer that grows, and the parser remembers how far
// it has looked. What the response means is for Java to judge.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/handshake.hpp"

namespace millrace::protocol {

struct ResponseFacts {
  std::uint16_t status = 0;    ///< 101, or 200 to 999
  std::uint32_t head = 0;      ///< where the head begins: behind interim responses (RFC 9110 15.2), which are skipped
  std::uint32_t head_end = 0;  ///< behind its empty line
};

enum class ResponseParse : std::uint8_t { incomplete, complete, malformed };

/// Takes any minor version of HTTP/1, because proxies still say 1.0, and a status line that ends with its status.
/// Everything else that RFC 9112 does not allow is malformed: a bare line feed, a folded field, a control character.
/// The limits of bytes and fields count for interim responses and the final one together.
class ResponseParser {
 public:
  /// Looks at `bytes[0, length)`, of which earlier calls have seen a prefix. Bytes behind the empty line are ignored.
  /// After complete or malformed the parser must not be called again before reset().
  [[nodiscard]] ResponseParse parse(const std::uint8_t* bytes, std::uint32_t length, const HandshakeLimits& limits,
                                    ResponseFacts* facts) noexcept;
  void reset() noexcept { *this = ResponseParser{}; }

 private:
  [[nodiscard]] bool take_line(std::string_view line, const HandshakeLimits& limits) noexcept;

  std::uint32_t scanned_ = 0;     ///< searched for a line end so far
  std::uint32_t line_start_ = 0;  ///< of the line that is not complete yet
  std::uint32_t head_start_ = 0;
  std::uint16_t field_count_ = 0;
  std::uint16_t status_ = 0;  ///< 0 until the status line is there
};

}  // namespace millrace::protocol
