// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "protocol/close_code.hpp"
#include "protocol/frame.hpp"

namespace {

using namespace millrace::protocol;
using Bytes = std::vector<std::uint8_t>;

Bytes body_of(unsigned code, const std::string& reason) {
  Bytes out = {static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code)};
  out.insert(out.end(), reason.begin(), reason.end());
  return out;
}

ProtocolError parse(const Bytes& body, CloseBody* out, Relaxed relaxed = {}) {
  return parse_close_body(body.data(), body.size(), out, relaxed);
}

Bytes written(std::uint16_t code, const std::string& reason) {
  Bytes out(kMaxControlPayload, 0xDB);
  const std::size_t length =
      write_close_body(out.data(), code, reinterpret_cast<const std::uint8_t*>(reason.data()), reason.size());
  REQUIRE(length <= kMaxControlPayload);
  out.resize(length);
  return out;
}

/// RFC 6455 7.4.1, 7.4.2 and the IANA registry, written out.
bool may_be_sent(unsigned code) {
  static const std::set<unsigned> kRegistered = {1000, 1001, 1002, 1003, 1007, 1008,
                                                 1009, 1010, 1011, 1012, 1013, 1014};
  const bool library = code / 1000 == 3;
  const bool application = code / 1000 == 4;
  return kRegistered.count(code) == 1 || library || application;
}

TEST_CASE("RFC 6455 7.4: every close code from 0 to 65535") {
  std::size_t wrong = 0;
  for (unsigned code = 0; code <= 65535; ++code) {
    CloseBody body;
    const Bytes bytes = body_of(code, "bye");
    const ProtocolError result = parse(bytes, &body);
    if (is_sendable(static_cast<std::uint16_t>(code)) != may_be_sent(code)) ++wrong;
    if (result != (may_be_sent(code) ? ProtocolError::none : ProtocolError::invalid_close_code)) ++wrong;
    if (may_be_sent(code) && (body.code != code || body.reason != bytes.data() + 2 || body.reason_length != 3)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("each rule of a Close body, not enforced") {
  const auto only = [](Rule rule) { return Relaxed(static_cast<std::uint32_t>(rule)); };
  CloseBody body{.code = 7, .reason = nullptr, .reason_length = 9};
  CHECK(parse({0x03}, &body, only(Rule::close_length)) == ProtocolError::none);
  CHECK(body.code == 0);
  CHECK(body.reason_length == 0);
  CHECK(parse({0x03}, &body, only(Rule::close_code)) == ProtocolError::invalid_close_body);
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 2999U, 5000U, 65535U}) {
    CHECK(parse(body_of(code, "bye"), &body, only(Rule::close_code)) == ProtocolError::none);
    CHECK(body.code == code);
    CHECK(body.reason_length == 3);
  }
  CHECK(parse(body_of(1005, ""), &body, only(Rule::close_length)) == ProtocolError::invalid_close_code);
  const Bytes bad = body_of(1000, "\xC0\x80");
  CHECK(parse(bad, &body, only(Rule::close_reason_utf8)) == ProtocolError::none);
  CHECK(body.reason_length == 2);
  CHECK(parse(bad, &body, only(Rule::text_utf8)) == ProtocolError::invalid_close_reason);
}

TEST_CASE("RFC 6455 5.5.1: an empty body has no code, a body of one byte is refused") {
  CloseBody body{.code = 7, .reason = nullptr, .reason_length = 9};
  CHECK(parse({}, &body) == ProtocolError::none);
  CHECK(body.code == 0);
  CHECK(body.reason_length == 0);
  for (unsigned byte = 0; byte < 256; ++byte) {
    CHECK(parse({static_cast<std::uint8_t>(byte)}, &body) == ProtocolError::invalid_close_body);
  }
}

TEST_CASE("RFC 6455 5.5.1: the reason is UTF-8") {
  CloseBody body;
  CHECK(parse(body_of(1000, ""), &body) == ProtocolError::none);
  CHECK(parse(body_of(1000, "gr\xC3\xBC\xC3\x9F"), &body) == ProtocolError::none);
  CHECK(parse(body_of(1000, std::string(123, 'x')), &body) == ProtocolError::none);
  CHECK(body.reason_length == 123);
  for (const std::string reason : {"\xFF", "ok\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"}) {
    CHECK(parse(body_of(1000, reason), &body) == ProtocolError::invalid_close_reason);
  }
  // The code comes first on the wire and is judged first.
  CHECK(parse(body_of(1005, "\xFF"), &body) == ProtocolError::invalid_close_code);
}

TEST_CASE("a written Close body reads back") {
  CHECK(written(0, "ignored").empty());
  for (const std::uint16_t code : {1000, 1001, 1011, 3000, 4999}) {
    for (const std::string& reason : {std::string(), std::string("going"), std::string(123, 'r')}) {
      const Bytes bytes = written(code, reason);
      CloseBody body;
      REQUIRE(parse(bytes, &body) == ProtocolError::none);
      CHECK(body.code == code);
      CHECK(std::string(body.reason, body.reason + body.reason_length) == reason);
    }
  }
}

TEST_CASE("RFC 6455 5.5: a long reason is cut at a code point to fit 125 bytes") {
  for (const std::string unit : {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    for (std::size_t lead = 0; lead < 4; ++lead) {
      std::string reason(lead, '.');
      while (reason.size() < 200) reason += unit;
      const Bytes bytes = written(1000, reason);
      CloseBody body;
      REQUIRE(parse(bytes, &body) == ProtocolError::none);
      CHECK(body.reason_length == lead + (123 - lead) / unit.size() * unit.size());
      CHECK(reason.compare(0, body.reason_length, std::string(body.reason, body.reason + body.reason_length)) == 0);
    }
  }
}

TEST_CASE("each protocol error has one close code that may be sent") {
  for (unsigned value = 1; value <= 16; ++value) {
    const auto error = static_cast<ProtocolError>(value);
    CHECK(is_sendable(static_cast<std::uint16_t>(close_code(error))));
  }
  CHECK(close_code(ProtocolError::reserved_bits) == CloseCode::protocol_error);
  CHECK(close_code(ProtocolError::invalid_utf8) == CloseCode::invalid_frame_payload_data);
  CHECK(close_code(ProtocolError::invalid_close_reason) == CloseCode::invalid_frame_payload_data);
  CHECK(close_code(ProtocolError::message_too_big) == CloseCode::message_too_big);
  CHECK(close_code(ProtocolError::none) == CloseCode::none);
}

}  // namespace
