// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "protocol/handshake.hpp"

namespace {

using namespace millrace::protocol;

constexpr char kKey[] = "dGhlIHNhbXBsZSBub25jZQ==";

std::string accepted(const std::string& extra) {
  std::vector<std::uint8_t> out(kAcceptResponse + extra.size());
  const std::size_t length = write_accept(kKey, extra, out.data());
  REQUIRE(length == out.size());
  return {out.begin(), out.end()};
}

std::string refused(std::uint16_t status, const std::string& sentence) {
  std::vector<std::uint8_t> out(kMaxRefusal);
  const std::size_t length = write_refusal({status, sentence}, out.data());
  REQUIRE(length <= kMaxRefusal);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)};
}

bool has_line(const std::string& response, const std::string& line) {
  return ("\r\n" + response).find("\r\n" + line + "\r\n") != std::string::npos;
}

std::string body_of(const std::string& response) { return response.substr(response.find("\r\n\r\n") + 4); }

TEST_CASE("RFC 6455 4.2.2: the accepting response") {
  CHECK(accepted("") ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  CHECK(accepted("Sec-WebSocket-Protocol: chat\r\n").ends_with("Sec-WebSocket-Protocol: chat\r\n\r\n"));
}

TEST_CASE("a refusal is a whole HTTP response that closes") {
  for (const std::uint16_t status : {400, 401, 403, 404, 405, 408, 413, 414, 421, 426, 429, 431, 500, 503, 505, 418}) {
    const std::string response = refused(status, "because");
    CHECK(response.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
    CHECK(response.find("\r\nConnection: close") != std::string::npos);
    CHECK(has_line(response, "Content-Type: text/plain; charset=utf-8"));
    CHECK(has_line(response, "Content-Length: 7"));
    CHECK(body_of(response) == "because");
  }
  CHECK(refused(400, "x").starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(refused(0, "x").starts_with("HTTP/1.1 500 "));
  CHECK(body_of(refused(403, "")).empty());
}

TEST_CASE("RFC 6455 4.4, RFC 9110 15.5.22: 426 names the version and the protocol") {
  const std::string response = refused(426, "x");
  CHECK(has_line(response, "Sec-WebSocket-Version: 13"));
  CHECK(has_line(response, "Upgrade: websocket"));
  CHECK(has_line(response, "Connection: close, Upgrade"));
}

TEST_CASE("RFC 9110 15.5.6: 405 names the methods") { CHECK(has_line(refused(405, "x"), "Allow: GET, HEAD")); }

TEST_CASE("a long sentence is cut at a code point and the length says so") {
  for (const std::string unit : {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    for (const std::uint16_t status : {426, 431}) {
      std::string sentence = ".";
      while (sentence.size() < 2000) sentence += unit;
      const std::string response = refused(status, sentence);
      const std::string body = body_of(response);
      CHECK(body.size() > 200);
      CHECK((body.size() - 1) % unit.size() == 0);
      CHECK(sentence.starts_with(body));
      CHECK(has_line(response, "Content-Length: " + std::to_string(body.size())));
    }
  }
}

}  // namespace
