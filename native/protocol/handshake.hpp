// SPDX-License-Identifier: Apache-2.0
//
// The server's side of the opening handshake (RFC 6455 4.2): bytes in, facts out. No allocation, no I/O. The caller
// keeps the bytes of the request in one contiguous buffer that grows; the parser remembers how far it has looked, so
// the whole work is linear even when a request comes byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/rules.hpp"

namespace millrace::protocol {

struct HandshakeLimits {
  std::uint32_t max_request_line = 8192;   ///< bytes before its CRLF; over it 414
  std::uint32_t max_header_bytes = 16384;  ///< whole head, terminator included; over it 431
  std::uint16_t max_header_count = 100;    ///< fields; over it 431
  Relaxed relaxed{};                       ///< rules that are not enforced
};

/// A run of bytes within the request head.
struct Slice {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  [[nodiscard]] std::string_view of(const std::uint8_t* head) const noexcept {
    return {reinterpret_cast<const char*>(head) + offset, length};
  }
};

/// What a well-formed request asked for.
enum class RequestKind : std::uint8_t {
  none = 0,
  upgrade = 1,  ///< a WebSocket upgrade that meets RFC 6455 4.2.1, as far as it is enforced
  get = 2,      ///< a plain GET without a body
  head = 3,     ///< a plain HEAD without a body
};

struct RequestFacts {
  RequestKind kind = RequestKind::none;
  std::uint32_t head_length = 0;  ///< bytes up to and with the empty line
  Slice target;                   ///< path and query as sent
  Slice host;                     ///< empty when absent
  Slice origin;                   ///< empty when absent
  Slice key;                      ///< Sec-WebSocket-Key, 24 characters; only for an upgrade
  bool has_origin = false;
};

enum class HandshakeParse : std::uint8_t { incomplete, complete, refused };

/// Why a request is refused: an HTTP status and one sentence.
struct Refusal {
  std::uint16_t status = 400;
  std::string_view sentence;
};

class HandshakeParser {
 public:
  /// Looks at `head[0, length)`, of which earlier calls have seen a prefix. Bytes behind the empty line are ignored.
  /// After complete or refused the parser must not be called again before reset().
  [[nodiscard]] HandshakeParse parse(const std::uint8_t* head, std::uint32_t length, const HandshakeLimits& limits,
                                     RequestFacts* facts, Refusal* refusal) noexcept;
  void reset() noexcept { *this = HandshakeParser{}; }

 private:
  [[nodiscard]] const Refusal* over_limit(std::uint64_t line_end, const HandshakeLimits& limits) const noexcept;
  [[nodiscard]] const Refusal* take_line(const std::uint8_t* head, std::string_view line,
                                         const HandshakeLimits& limits) noexcept;
  [[nodiscard]] const Refusal* take_request_line(const std::uint8_t* head, std::string_view line) noexcept;
  [[nodiscard]] const Refusal* take_field(const std::uint8_t* head, std::string_view line) noexcept;
  [[nodiscard]] const Refusal* judge(const std::uint8_t* head, Relaxed relaxed) noexcept;

  std::uint32_t scanned_ = 0;     ///< searched for a line end so far
  std::uint32_t line_start_ = 0;  ///< of the line that is not complete yet
  std::uint16_t field_count_ = 0;
  std::uint16_t seen_ = 0;  ///< which fields came, and what they said
  RequestFacts found_;      ///< `kind` is the method until the head is complete
};

/// Sec-WebSocket-Accept for a key (RFC 6455 4.2.2, 5.4): 28 characters, no terminator.
inline constexpr std::size_t kAcceptLength = 28;
void accept_key(std::string_view key, char out[kAcceptLength]) noexcept;

/// Writes a complete refusal response (status line, `Connection: close`, `Content-Length`, the version header for 426,
/// the sentence as a text/plain body) into `out`; returns its length, at most kMaxRefusal.
inline constexpr std::size_t kMaxRefusal = 512;
[[nodiscard]] std::size_t write_refusal(const Refusal& refusal, std::uint8_t* out) noexcept;

/// Writes the 101 response; `extra` are further header lines, each ending in CRLF (may be empty). Returns its length,
/// which is kAcceptResponse + extra.size().
[[nodiscard]] std::size_t write_accept(std::string_view key, std::string_view extra, std::uint8_t* out) noexcept;
inline constexpr std::size_t kAcceptResponse = 129;

}  // namespace millrace::protocol
