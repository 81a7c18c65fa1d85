// SPDX-License-Identifier: Apache-2.0
//
// Line by line, as handshake_parser.cpp: every verdict depends on the bytes alone, never on how they were cut.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "protocol/http_syntax.hpp"
#include "protocol/response.hpp"

namespace millrace::protocol {

static_assert(sizeof(ResponseParser) == 16 && std::is_trivially_destructible_v<ResponseParser>);

namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::uint16_t kSwitchingProtocols = 101;
constexpr std::uint16_t kFirstFinal = 200;

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// HTTP-version SP status-code [SP reason-phrase], RFC 9112 4. The status, or 0.
std::uint16_t status_of(std::string_view line) noexcept {
  constexpr std::size_t kStatus = kVersion.size() + 2;
  constexpr std::size_t kShortest = kStatus + 3;
  if (line.size() < kShortest || !line.starts_with(kVersion) || !is_digit(line[kVersion.size()])) return 0;
  if (line[kVersion.size() + 1] != ' ' || line[kStatus] == '0') return 0;
  std::uint16_t status = 0;
  for (const char digit : line.substr(kStatus, 3)) {
    if (!is_digit(digit)) return 0;
    status = static_cast<std::uint16_t>(status * 10 + (digit - '0'));
  }
  const std::string_view rest = line.substr(kShortest);
  const bool well_formed = rest.empty() || (rest.front() == ' ' && is_field_value(rest));
  return well_formed ? status : std::uint16_t{0};
}

bool is_field(std::string_view line) noexcept {
  const std::size_t colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon)) && is_field_value(line.substr(colon + 1));
}

}  // namespace

ResponseParse ResponseParser::parse(const std::uint8_t* bytes, std::uint32_t length, const HandshakeLimits& limits,
                                    ResponseFacts* facts) noexcept {
  // Nothing behind the limit is looked at.
  const std::uint32_t visible = std::min(length, limits.max_header_bytes);
  while (scanned_ < visible) {
    const auto* line_feed = static_cast<const std::uint8_t*>(std::memchr(bytes + scanned_, '\n', visible - scanned_));
    if (line_feed == nullptr) break;
    const auto end = static_cast<std::uint32_t>(line_feed - bytes) + 1;
    const std::string_view line{reinterpret_cast<const char*>(bytes) + line_start_, end - line_start_};
    if (!line.ends_with("\r\n")) return ResponseParse::malformed;
    scanned_ = line_start_ = end;
    if (!take_line(line.substr(0, line.size() - 2), limits)) return ResponseParse::malformed;
    if (line.size() > 2) continue;
    if (status_ == kSwitchingProtocols || status_ >= kFirstFinal) {
      *facts = {status_, head_start_, end};
      return ResponseParse::complete;
    }
    head_start_ = end;
    status_ = 0;
  }
  scanned_ = visible;
  // Another protocol might never send a line feed.
  const std::size_t known = std::min<std::size_t>(visible - line_start_, kVersion.size());
  if (status_ == 0 && std::memcmp(bytes + line_start_, kVersion.data(), known) != 0) return ResponseParse::malformed;
  // The head can end with the next byte at the earliest.
  return visible == limits.max_header_bytes ? ResponseParse::malformed : ResponseParse::incomplete;
}

/// A line without its CRLF; the empty one ends a head.
bool ResponseParser::take_line(std::string_view line, const HandshakeLimits& limits) noexcept {
  if (status_ == 0) {
    status_ = status_of(line);
    return status_ != 0;
  }
  if (line.empty()) return true;
  if (field_count_ == limits.max_header_count) return false;
  ++field_count_;
  return is_field(line);
}

}  // namespace millrace::protocol
