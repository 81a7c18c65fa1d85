// SPDX-License-Identifier: Apache-2.0
//
// The head is taken line by line. Bytes of an unfinished line are only searched for its end; a line is judged once,
// when it is complete; no line is looked at again. So every byte is seen at most twice, and every verdict depends on
// the bytes alone, never on how they were cut: a limit is reached at the same byte whether the line behind it is known
// or not.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "protocol/base64.hpp"
#include "protocol/handshake.hpp"
#include "protocol/http_syntax.hpp"

namespace millrace::protocol {

static_assert(sizeof(HandshakeParser) <= 64 && std::is_trivially_destructible_v<HandshakeParser>);

namespace {

enum Seen : std::uint16_t {
  kHost = 1 << 0,
  kOrigin = 1 << 1,
  kKey = 1 << 2,
  kVersion = 1 << 3,
  kVersion13 = 1 << 4,
  kContentLength = 1 << 5,
  kUpgradeWebSocket = 1 << 6,
  kConnectionUpgrade = 1 << 7,
};

enum class Field { other, host, origin, key, version, content_length, transfer_encoding, upgrade, connection };

struct FieldName {
  std::string_view lower;
  Field field;
};

constexpr FieldName kFieldNames[] = {
    {"host", Field::host},
    {"origin", Field::origin},
    {"sec-websocket-key", Field::key},
    {"sec-websocket-version", Field::version},
    {"content-length", Field::content_length},
    {"transfer-encoding", Field::transfer_encoding},
    {"upgrade", Field::upgrade},
    {"connection", Field::connection},
};

constexpr Refusal kNotHttp{400, "this is not an HTTP request"};
constexpr Refusal kBareLineFeed{400, "a line does not end with CR LF"};
constexpr Refusal kRequestLine{400, "the request line is malformed"};
constexpr Refusal kTarget{400, "the request target is neither a path nor an absolute URI of http or ws"};
constexpr Refusal kMethod{405, "only GET and HEAD are served"};
constexpr Refusal kHttpVersion{505, "only HTTP/1.1 is served"};
constexpr Refusal kLongRequestLine{414, "the request line is longer than the limit"};
constexpr Refusal kLongHead{431, "the request head is longer than the limit"};
constexpr Refusal kManyFields{431, "the request has more header fields than the limit"};
constexpr Refusal kFolding{400, "a header field is folded over two lines"};
constexpr Refusal kFieldName{400, "a header field name is malformed"};
constexpr Refusal kFieldValue{400, "a header field value has a control character"};
constexpr Refusal kRepeatedHost{400, "the Host header field is repeated"};
constexpr Refusal kRepeatedOrigin{400, "the Origin header field is repeated"};
constexpr Refusal kRepeatedKey{400, "the Sec-WebSocket-Key header field is repeated"};
constexpr Refusal kRepeatedVersion{400, "the Sec-WebSocket-Version header field is repeated"};
constexpr Refusal kRepeatedContentLength{400, "the Content-Length header field is repeated"};
constexpr Refusal kBadContentLength{400, "the Content-Length header field is not a number"};
constexpr Refusal kBody{400, "the request has a body"};
constexpr Refusal kNoHost{400, "the Host header field is missing"};
constexpr Refusal kBadHost{400, "the Host header field is malformed"};
constexpr Refusal kUpgradeMethod{400, "a WebSocket upgrade must use GET"};
constexpr Refusal kNoUpgrade{400, "the Upgrade header field does not name websocket"};
constexpr Refusal kNoConnection{400, "the Connection header field does not name upgrade"};
constexpr Refusal kWebSocketVersion{426, "only WebSocket version 13 is served"};
constexpr Refusal kNoKey{400, "the Sec-WebSocket-Key header field is missing"};
constexpr Refusal kBadKey{400, "the Sec-WebSocket-Key header field is not base64 of 16 bytes"};

constexpr std::size_t kKeyLength = 24;
constexpr std::ptrdiff_t kNonceLength = 16;

Field field_of(std::string_view name) noexcept {
  for (const auto& entry : kFieldNames) {
    if (equals_ignoring_case(name, entry.lower)) return entry.field;
  }
  return Field::other;
}

Slice slice_of(const std::uint8_t* head, std::string_view text) noexcept {
  const auto* start = reinterpret_cast<const std::uint8_t*>(text.data());
  return {static_cast<std::uint32_t>(start - head), static_cast<std::uint32_t>(text.size())};
}

/// No body may follow the head: frames or the next request would be read out of it (request smuggling).
const Refusal* judge_content_length(std::string_view value) noexcept {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) return &kBadContentLength;
  return value.find_first_not_of('0') == std::string_view::npos ? nullptr : &kBody;
}

/// Base64 of 16 bytes, RFC 6455 4.2.1.
bool is_key(std::string_view key) noexcept {
  std::uint8_t nonce[kKeyLength / 4 * 3];
  return key.size() == kKeyLength && base64_decode(key, nonce) == kNonceLength;
}

}  // namespace

HandshakeParse HandshakeParser::parse(const std::uint8_t* head, std::uint32_t length, const HandshakeLimits& limits,
                                      RequestFacts* facts, Refusal* refusal) noexcept {
  const auto refuse = [refusal](const Refusal& reason) {
    *refusal = reason;
    return HandshakeParse::refused;
  };
  if (length == 0) return HandshakeParse::incomplete;
  // Another protocol, most often TLS, might never send a line feed.
  if (scanned_ == 0 && !is_token_character(static_cast<char>(head[0]))) return refuse(kNotHttp);

  // Nothing behind the limit is looked at: where both limits are passed, the smaller one is met first, however the
  // bytes were cut.
  const std::uint32_t visible = std::min(length, limits.max_header_bytes);
  while (scanned_ < visible) {
    const auto* line_feed = static_cast<const std::uint8_t*>(std::memchr(head + scanned_, '\n', visible - scanned_));
    if (line_feed == nullptr) break;
    const auto end = static_cast<std::uint32_t>(line_feed - head) + 1;
    if (const auto* reason = over_limit(end, limits)) return refuse(*reason);
    const std::string_view line{reinterpret_cast<const char*>(head) + line_start_, end - line_start_};
    if (!line.ends_with("\r\n")) return refuse(kBareLineFeed);
    if (line.size() == 2) {
      found_.head_length = end;
      if (const auto* reason = judge(head, limits.relaxed)) return refuse(*reason);
      *facts = found_;
      return HandshakeParse::complete;
    }
    if (const auto* reason = take_line(head, line.substr(0, line.size() - 2), limits)) return refuse(*reason);
    scanned_ = line_start_ = end;
  }
  scanned_ = visible;
  // The line can end with the next byte at the earliest.
  if (const auto* reason = over_limit(std::uint64_t{visible} + 1, limits)) return refuse(*reason);
  return HandshakeParse::incomplete;
}

const Refusal* HandshakeParser::over_limit(std::uint64_t line_end, const HandshakeLimits& limits) const noexcept {
  const std::uint64_t longest_request_line = std::uint64_t{limits.max_request_line} + 2;
  if (line_start_ == 0 && line_end > longest_request_line) return &kLongRequestLine;
  return line_end > limits.max_header_bytes ? &kLongHead : nullptr;
}

const Refusal* HandshakeParser::take_line(const std::uint8_t* head, std::string_view line,
                                          const HandshakeLimits& limits) noexcept {
  if (line_start_ == 0) return take_request_line(head, line);
  if (field_count_ == limits.max_header_count) return &kManyFields;
  ++field_count_;
  return take_field(head, line);
}

/// method SP request-target SP HTTP-version, RFC 9112 3.
const Refusal* HandshakeParser::take_request_line(const std::uint8_t* head, std::string_view line) noexcept {
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return &kRequestLine;
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return &kRequestLine;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const HttpVersion version = http_version(line.substr(second + 1));

  if (!is_token(method) || version == HttpVersion::malformed) return &kRequestLine;
  if (version == HttpVersion::other) return &kHttpVersion;
  if (method != "GET" && method != "HEAD") return &kMethod;
  if (!is_request_target(target)) return &kTarget;
  found_.kind = method == "GET" ? RequestKind::get : RequestKind::head;
  found_.target = slice_of(head, target);
  return nullptr;
}

const Refusal* HandshakeParser::take_field(const std::uint8_t* head, std::string_view line) noexcept {
  if (line.front() == ' ' || line.front() == '\t') return &kFolding;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return &kFieldName;
  if (!is_field_value(line.substr(colon + 1))) return &kFieldValue;
  const std::string_view value = trim(line.substr(colon + 1));

  const auto first_time = [this](Seen bit) {
    const bool first = (seen_ & bit) == 0;
    seen_ |= bit;
    return first;
  };
  switch (field_of(line.substr(0, colon))) {
    case Field::host:
      if (!first_time(kHost)) return &kRepeatedHost;
      if (!is_host(value)) return &kBadHost;
      found_.host = slice_of(head, value);
      return nullptr;
    case Field::origin:
      if (!first_time(kOrigin)) return &kRepeatedOrigin;
      found_.origin = slice_of(head, value);
      found_.has_origin = true;
      return nullptr;
    case Field::key:
      if (!first_time(kKey)) return &kRepeatedKey;
      found_.key = slice_of(head, value);
      return nullptr;
    case Field::version:
      if (!first_time(kVersion)) return &kRepeatedVersion;
      if (value == "13") seen_ |= kVersion13;
      return nullptr;
    case Field::content_length:
      return first_time(kContentLength) ? judge_content_length(value) : &kRepeatedContentLength;
    case Field::transfer_encoding:
      return &kBody;
    // These two are lists: their elements may come in one field or in several (RFC 9110 5.3).
    case Field::upgrade:
      if (list_contains(value, "websocket")) seen_ |= kUpgradeWebSocket;
      return nullptr;
    case Field::connection:
      if (list_contains(value, "upgrade")) seen_ |= kConnectionUpgrade;
      return nullptr;
    case Field::other:
      return nullptr;
  }
  return nullptr;
}

/// What only the whole head tells, RFC 6455 4.2.1.
const Refusal* HandshakeParser::judge(const std::uint8_t* head, Relaxed relaxed) noexcept {
  // One WebSocket field is an attempt: to answer it as a plain GET would hide the client's mistake.
  const bool attempt = (seen_ & (kUpgradeWebSocket | kKey | kVersion)) != 0;
  if ((seen_ & kHost) == 0 && !(attempt && relaxed.has(Rule::host_header))) return &kNoHost;
  if (!attempt) return nullptr;
  if (found_.kind != RequestKind::get) return &kUpgradeMethod;
  if ((seen_ & kUpgradeWebSocket) == 0) return &kNoUpgrade;
  if ((seen_ & kConnectionUpgrade) == 0 && !relaxed.has(Rule::connection_header)) return &kNoConnection;
  // Before the key: another version may have another key (RFC 6455 4.4).
  if ((seen_ & kVersion13) == 0 && !relaxed.has(Rule::version)) return &kWebSocketVersion;
  if ((seen_ & kKey) == 0) return &kNoKey;
  if (!is_key(found_.key.of(head))) return &kBadKey;
  found_.kind = RequestKind::upgrade;
  return nullptr;
}

}  // namespace millrace::protocol
