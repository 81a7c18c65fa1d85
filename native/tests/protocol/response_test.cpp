// SPDX-License-Identifier: Apache-2.0
#include "protocol/response.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace {

using namespace millrace::protocol;
using namespace std::string_literals;

struct Verdict {
  ResponseParse result = ResponseParse::incomplete;
  ResponseFacts facts;
  std::size_t at = 0;  ///< bytes that were there when it was reached
};

/// Gives the bytes piece by piece, each time as a copy of exactly what is there.
Verdict parse(const std::string& bytes, std::size_t step, const HandshakeLimits& limits = {}) {
  ResponseParser parser;
  Verdict out;
  while (out.at < bytes.size() && out.result == ResponseParse::incomplete) {
    out.at = std::min(out.at + step, bytes.size());
    const std::vector<std::uint8_t> head(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(out.at));
    out.result = parser.parse(head.data(), static_cast<std::uint32_t>(head.size()), limits, &out.facts);
  }
  return out;
}

/// The verdict, which no cut may change.
Verdict judge(const std::string& bytes, const HandshakeLimits& limits = {}) {
  const Verdict whole = parse(bytes, bytes.size(), limits);
  for (std::size_t step = 1; step < std::min<std::size_t>(bytes.size(), 64); ++step) {
    const Verdict cut = parse(bytes, step, limits);
    REQUIRE(cut.result == whole.result);
    REQUIRE(cut.facts.status == whole.facts.status);
    REQUIRE(cut.facts.head == whole.facts.head);
    REQUIRE(cut.facts.head_end == whole.facts.head_end);
  }
  return whole;
}

void expect_status(const std::string& head, std::uint16_t status) {
  CAPTURE(head);
  const Verdict verdict = judge(head + "\x81\x05trail"s);
  REQUIRE(verdict.result == ResponseParse::complete);
  CHECK(verdict.facts.status == status);
  CHECK(verdict.facts.head == 0);
  CHECK(verdict.facts.head_end == head.size());
}

void expect_malformed(const std::string& bytes) {
  CAPTURE(bytes);
  CHECK(judge(bytes).result == ResponseParse::malformed);
}

TEST_CASE("RFC 9112 4: status lines") {
  expect_status("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101);
  expect_status("HTTP/1.1 101 \r\n\r\n", 101);
  expect_status("HTTP/1.1 101\r\n\r\n", 101);
  expect_status("HTTP/1.0 200 Connection established\r\n\r\n", 200);
  expect_status("HTTP/1.9 999 a\tb \xE9\r\n\r\n", 999);
  for (const char* line :
       {"HTTP/1.1  101 x", "HTTP/1.1 101x", "HTTP/1.1 1010", "HTTP/1.1 10", "HTTP/1.1 099 x", "HTTP/1.1 1a1 x",
        "HTTP/2.0 101 x", "http/1.1 101 x", "HTTP/1.x 101 x", "HTTP/1.1\t101 x", "HTTP/1.1 101\tx", "HTTP/1.10 101 x",
        "HTTP/1.1 101 a\x01", "HTTP/1.1 101 a\x7F", "HTTP/1.1", "", "GET / HTTP/1.1"}) {
    expect_malformed(line + "\r\n\r\n"s);
  }
  expect_malformed("HTTP/1.1 101 a\0\r\n\r\n"s);
}

TEST_CASE("another protocol is known by its first wrong byte") {
  CHECK(parse("\x15\x03\x01", 1).at == 1);
  CHECK(parse("HTTP/2 200", 1).at == 6);
  CHECK(parse("SSH-2.0-OpenSSH_9.2", 100).result == ResponseParse::malformed);
}

TEST_CASE("RFC 9112 5: fields") {
  expect_status("HTTP/1.1 302 Found\r\nLocation:/x\r\nA:\r\nB: \t c d \xFF\t\r\n\r\n", 302);
  for (const char* field : {"no colon", ": no name", "a b: c", "a : b", " folded: x", "\tfolded: x", "a: b\x01",
                            "a: b\rc", "a: b\x7F", "\xE9: b", "a\nb: c"}) {
    expect_malformed("HTTP/1.1 101 x\r\nA: b\r\n"s + field + "\r\n\r\n");
  }
  expect_malformed("HTTP/1.1 101 x\r\nA: b\n\r\n\r\n");
  expect_malformed("HTTP/1.1 101 x\nA: b\r\n\r\n");
  expect_malformed("HTTP/1.1 101 x\r\n\n");
}

TEST_CASE("RFC 9110 15.2: interim responses are skipped") {
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  const std::string head = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n";
  const Verdict verdict = judge(interim + head + "behind");
  REQUIRE(verdict.result == ResponseParse::complete);
  CHECK(verdict.facts.status == 101);
  CHECK(verdict.facts.head == interim.size());
  CHECK(verdict.facts.head_end == interim.size() + head.size());
  CHECK(judge(interim).result == ResponseParse::incomplete);
  expect_malformed(interim + "GARBAGE");
  expect_malformed(interim + "\r\n");
}

TEST_CASE("the limits hold for all heads together") {
  const std::string head = "HTTP/1.1 101 x\r\nAa: b\r\n\r\n";
  HandshakeLimits limits;
  limits.max_header_bytes = static_cast<std::uint32_t>(head.size());
  CHECK(judge(head + "behind", limits).result == ResponseParse::complete);
  --limits.max_header_bytes;
  CHECK(judge(head, limits).result == ResponseParse::malformed);
  CHECK(parse(head, 1, limits).at == limits.max_header_bytes);

  std::string interims;
  while (interims.size() < limits.max_header_bytes) interims += "HTTP/1.1 102 \r\n\r\n";
  CHECK(judge(interims, limits).result == ResponseParse::malformed);

  limits = {};
  limits.max_header_count = 2;
  CHECK(judge("HTTP/1.1 100 x\r\nA: b\r\n\r\nHTTP/1.1 101 x\r\nA: b\r\n\r\n", limits).result ==
        ResponseParse::complete);
  CHECK(judge("HTTP/1.1 100 x\r\nA: b\r\nA: b\r\n\r\nHTTP/1.1 101 x\r\nA: b\r\n\r\n", limits).result ==
        ResponseParse::malformed);
}

}  // namespace
