// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstring>

#include "protocol/base64.hpp"
#include "protocol/handshake.hpp"
#include "protocol/sha1.hpp"

namespace millrace::protocol {

namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kMaxKey = 24;
constexpr std::string_view kAcceptHead =
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: ";
static_assert(kAcceptHead.size() + kAcceptLength + 4 == kAcceptResponse);
static_assert(base64_length(kSha1Length) == kAcceptLength);

/// Leaves the status line and the fields, below 256 bytes together, their room in kMaxRefusal.
constexpr std::size_t kMaxSentence = 256;

std::string_view reason_phrase(std::uint16_t status) noexcept {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 421:
      return "Misdirected Request";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

/// The fields that a status obliges us to send.
std::string_view fields_for(std::uint16_t status) noexcept {
  switch (status) {
    case 405:  // RFC 9110 15.5.6
      return "Connection: close\r\nAllow: GET, HEAD\r\n";
    case 426:  // RFC 9110 15.5.22 and 7.8, RFC 6455 4.4
      return "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    default:
      return "Connection: close\r\n";
  }
}

std::string_view cut_at_code_point(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<std::uint8_t>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

class Writer {
 public:
  explicit Writer(std::uint8_t* out) noexcept : start_(out), next_(out) {}
  Writer& add(std::string_view text) noexcept {
    if (!text.empty()) std::memcpy(next_, text.data(), text.size());
    next_ += text.size();
    return *this;
  }
  Writer& add(std::size_t number) noexcept {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return add({digits, static_cast<std::size_t>(end - digits)});
  }
  [[nodiscard]] std::size_t length() const noexcept { return static_cast<std::size_t>(next_ - start_); }

 private:
  std::uint8_t* start_;
  std::uint8_t* next_;
};

}  // namespace

void accept_key(std::string_view key, char out[kAcceptLength]) noexcept {
  std::uint8_t text[kMaxKey + kGuid.size()];
  const std::string_view used = key.substr(0, kMaxKey);
  const std::size_t length = Writer{text}.add(used).add(kGuid).length();
  std::uint8_t digest[kSha1Length];
  sha1(text, length, digest);
  base64_encode(digest, kSha1Length, out);
}

std::size_t write_accept(std::string_view key, std::string_view extra, std::uint8_t* out) noexcept {
  char accept[kAcceptLength];
  accept_key(key, accept);
  return Writer{out}.add(kAcceptHead).add({accept, kAcceptLength}).add("\r\n").add(extra).add("\r\n").length();
}

std::size_t write_refusal(const Refusal& refusal, std::uint8_t* out) noexcept {
  const std::uint16_t status = refusal.status >= 100 && refusal.status <= 999 ? refusal.status : std::uint16_t{500};
  const std::string_view sentence = cut_at_code_point(refusal.sentence, kMaxSentence);
  Writer writer{out};
  writer.add("HTTP/1.1 ").add(std::size_t{status}).add(" ").add(reason_phrase(status)).add("\r\n");
  writer.add(fields_for(status));
  writer.add("Content-Type: text/plain; charset=utf-8\r\nContent-Length: ").add(sentence.size()).add("\r\n\r\n");
  return writer.add(sentence).length();
}

}  // namespace millrace::protocol
