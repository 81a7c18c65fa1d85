// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>

#include "handshake_fixture.hpp"
#include "protocol/handshake.hpp"

namespace {

using namespace millrace::protocol;
using namespace millrace::protocol::test;

std::string line_of(std::size_t length) {
  const std::string around = "GET / HTTP/1.1";
  return "GET /" + std::string(length - around.size(), 'a') + " HTTP/1.1";
}

TEST_CASE("RFC 9110 15.5.15: a request line at, below and above its limit") {
  const HandshakeLimits limits{.max_request_line = 60, .max_header_bytes = 1000, .max_header_count = 10};
  for (std::size_t length = 55; length <= 70; ++length) {
    const Outcome outcome = parse(request(line_of(length), {{"Host", "a"}}), limits);
    CHECK(outcome.result == (length <= 60 ? HandshakeParse::complete : HandshakeParse::refused));
    CHECK(outcome.status == (length <= 60 ? 0 : 414));
  }
}

TEST_CASE("RFC 6585 5: a head at, below and above its limit") {
  for (std::size_t length = 80; length <= 120; ++length) {
    const std::string around = request("GET / HTTP/1.1", {{"Host", "a"}, {"X", ""}});
    const std::string head =
        request("GET / HTTP/1.1", {{"Host", "a"}, {"X", std::string(length - around.size(), 'x')}});
    REQUIRE(head.size() == length);
    const HandshakeLimits limits{.max_request_line = 50, .max_header_bytes = 100, .max_header_count = 10};
    for (const std::string behind : {"", "frames behind the head do not count"}) {
      const Outcome outcome = parse(head + behind, limits);
      CHECK(outcome.result == (length <= 100 ? HandshakeParse::complete : HandshakeParse::refused));
      CHECK(outcome.status == (length <= 100 ? 0 : 431));
    }
  }
}

TEST_CASE("RFC 6585 5: a count of fields at, below and above its limit") {
  for (std::size_t count = 1; count <= 12; ++count) {
    Fields fields = {{"Host", "a"}};
    while (fields.size() < count) fields.emplace_back("X", "y");
    const Outcome outcome =
        parse(plain(fields), {.max_request_line = 50, .max_header_bytes = 1000, .max_header_count = 10});
    CHECK(outcome.result == (count <= 10 ? HandshakeParse::complete : HandshakeParse::refused));
    CHECK(outcome.status == (count <= 10 ? 0 : 431));
  }
}

TEST_CASE("a line that does not end is refused at the limit, not held for ever") {
  const HandshakeLimits limits{.max_request_line = 60, .max_header_bytes = 200, .max_header_count = 10};
  const auto bytewise = [&limits](const std::string& text) {
    std::vector<std::size_t> every;
    for (std::size_t end = 0; end <= text.size(); ++end) every.push_back(end);
    return feed(text, every, limits);
  };
  const Outcome line = bytewise(std::string(500, 'G'));
  CHECK(line.status == 414);
  CHECK(line.decided_at == 62);
  const Outcome field = bytewise("GET / HTTP/1.1\r\nX: " + std::string(500, 'y'));
  CHECK(field.status == 431);
  CHECK(field.decided_at == 200);
  parse(std::string(500, 'G'), limits);
  parse("GET / HTTP/1.1\r\nX: " + std::string(500, 'y'), limits);
}

TEST_CASE("the verdict does not depend on the cut where two limits and a fault are close together") {
  for (std::uint32_t line_limit = 10; line_limit <= 40; ++line_limit) {
    for (std::uint32_t head_limit = 10; head_limit <= 50; ++head_limit) {
      const HandshakeLimits limits{
          .max_request_line = line_limit, .max_header_bytes = head_limit, .max_header_count = 2};
      parse("GET /abcdefgh HTTP/1.1\r\nHost: a\r\n\r\n", limits);
      parse("GET /abcdefgh HTTP/1.1\nHost: a\r\n\r\n", limits);
      parse("GET /abcdefgh HTTP/1.0\r\nHost: a\r\n\r\n", limits);
      parse("GET / HTTP/1.1\r\nHost: a\r\n bad\r\n\r\n", limits);
    }
  }
}

/// Replaces what the parser has no business to look at by line feeds. A parser that looks at one of them again would
/// find the end of a line there and refuse the request.
TEST_CASE("byte by byte, each byte is looked at twice at most: when it comes, and with its complete line") {
  Fields fields = upgrade_fields();
  fields.emplace_back("X", std::string(6000, 'x'));
  for (int i = 0; i < 80; ++i) fields.emplace_back("Y" + std::to_string(i), std::string(100, 'y'));
  const std::string request = upgrade(fields);
  const std::string key_field = "Sec-WebSocket-Key: ";
  const std::size_t key = request.find(key_field) + key_field.size();

  HandshakeParser parser;
  RequestFacts facts;
  Refusal refusal;
  HandshakeParse result = HandshakeParse::incomplete;
  std::size_t line_start = 0;
  std::size_t shown = 0;
  for (std::size_t end = 1; end <= request.size() && result == HandshakeParse::incomplete; ++end) {
    const bool line_complete = request[end - 1] == '\n';
    const std::size_t visible_from = line_complete ? line_start : end - 1;
    std::string view(end, '\n');
    std::copy(request.begin() + static_cast<std::ptrdiff_t>(visible_from),
              request.begin() + static_cast<std::ptrdiff_t>(end),
              view.begin() + static_cast<std::ptrdiff_t>(visible_from));
    shown += end - visible_from;
    // The key alone is judged with the whole head.
    if (end == request.size()) {
      view.replace(key, 24, request, key, 24);
      shown += 24;
    }
    result = parser.parse(reinterpret_cast<const std::uint8_t*>(view.data()), static_cast<std::uint32_t>(end), {},
                          &facts, &refusal);
    if (line_complete) line_start = end;
  }
  CHECK_MESSAGE(result == HandshakeParse::complete, refusal.sentence);
  CHECK(facts.kind == RequestKind::upgrade);
  CHECK(facts.head_length == request.size());
  CHECK(shown <= 2 * request.size() + 24);
}

}  // namespace
