// SPDX-License-Identifier: Apache-2.0
//
// Rules that are not enforced, each alone, seen from both ends of a loop.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "frames.hpp"
#include "java_half.hpp"
#include "protocol/rules.hpp"

namespace millrace::engine::test {

namespace {

using protocol::Rule;

ring::LoopOptions relaxing(Rule rule) {
  ring::LoopOptions options = test_options();
  options.relaxed = static_cast<std::uint32_t>(rule);
  return options;
}

/// A frame as a client must not write it: no mask.
std::string unmasked_frame(std::uint8_t opcode, const std::string& payload, bool final = true) {
  std::string header = client_header(opcode, payload.size(), final);
  header.resize(header.size() - 4);
  header[1] = static_cast<char>(header[1] & 0x7f);
  return header + payload;
}

/// A length in eight bytes, however short.
std::string long_form(std::uint8_t opcode, const std::string& payload) {
  return std::string(1, static_cast<char>(0x80 | opcode)) + '\xff' + big_endian(payload.size(), 8) +
         big_endian(kKey, 4) + masked(payload, kKey);
}

/// Every message of `stream`, and then "end", comes back; also where the stream is cut.
void expect_echoes(Rule rule, const std::string& stream, const std::vector<std::string>& messages) {
  JavaHalf java(relaxing(rule));
  java.echo = JavaHalf::Echo::borrowed;
  const std::uint16_t port = java.listen();
  const std::string whole = stream + client_frame(kText, "end");
  for (std::size_t cut = 0; cut <= std::min<std::size_t>(stream.size(), 40); ++cut) {
    CAPTURE(cut);
    Client client = Client::tcp(port);
    open_connection(java, client);
    const std::int64_t before = java.counter(ring::kBytesReceived);
    client.write(whole.substr(0, cut));
    REQUIRE(pump(java, {&client},
                 [&] { return java.counter(ring::kBytesReceived) == before + static_cast<std::int64_t>(cut); }));
    client.write(whole.substr(cut));
    for (const std::string& message : messages) {
      const bool same = next_frame(java, client).payload == message;
      CHECK(same);
    }
    CHECK(next_frame(java, client).payload == "end");
    client.close();
    expect_idle(java);
  }
  CHECK(java.counter(ring::kProtocolErrors) == 0);
}

/// With any other rule relaxed it is refused all the same.
void expect_refused_without(Rule rule, const std::string& stream, std::uint16_t code) {
  ring::LoopOptions options = test_options();
  options.relaxed = protocol::kAllRules & ~static_cast<std::uint32_t>(rule);
  JavaHalf java(options);
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  client.write(stream);
  Frame frame = next_frame(java, client);
  CHECK(frame.opcode() == kCloseFrame);
  CHECK(frame.close_code() == code);
  client.close();
  expect_idle(java);
}

/// What the peer is answered, and what CLOSED says.
void expect_close(Rule rule, const std::string& close, std::uint16_t code, const std::string& reason) {
  JavaHalf java(relaxing(rule));
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  client.write(close);
  const Frame answer = next_frame(java, client);
  CHECK(answer.opcode() == kCloseFrame);
  CHECK(answer.payload.empty());
  REQUIRE(java.first(ring::kClosing) != nullptr);
  CHECK(java.first(ring::kClosing)->code() == 0);
  CHECK(java.first(ring::kClosing)->protocol_error() == 0);
  CHECK(java.first(ring::kClosing)->bytes == reason);
  client.close();
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kClosed) == 1; }));
  CHECK(java.first(ring::kClosed)->code() == code);
  CHECK((java.first(ring::kClosed)->record.flags & ring::kPeerBegan) != 0);
  expect_idle(java);
}

}  // namespace

TEST_CASE("MASKED_FRAMES: both kinds side by side, packed, in pieces, fragmented") {
  const std::string big = pattern(70'000);
  const std::string stream = unmasked_frame(kText, "one") + client_frame(kText, "two") + unmasked_frame(kBinary, "") +
                             unmasked_frame(kText, "thr", false) + client_frame(kContinuation, "ee") +
                             unmasked_frame(kBinary, pattern(300)) + unmasked_frame(kBinary, big);
  expect_echoes(Rule::masked_frames, stream, {"one", "two", "", "three", pattern(300), big});
  expect_refused_without(Rule::masked_frames, unmasked_frame(kText, "x"), 1002);
}

TEST_CASE("RESERVED_BITS are not looked at") {
  std::string stream = client_frame(kText, "one");
  stream[0] = static_cast<char>(0xF1);
  expect_echoes(Rule::reserved_bits, stream, {"one"});
  expect_refused_without(Rule::reserved_bits, stream, 1002);
}

TEST_CASE("RESERVED_OPCODES: their frames are skipped, whatever their length, and take no memory") {
  const std::string stream = client_frame(3, "skipped") + client_frame(kText, "a", false) + client_frame(7, "") +
                             client_frame(15, pattern(125)) + client_frame(kContinuation, "b") +
                             client_frame(4, pattern(200'000), false);
  expect_echoes(Rule::reserved_opcodes, stream, {"ab"});
  expect_refused_without(Rule::reserved_opcodes, client_frame(5, "x"), 1002);

  // A control frame is one whatever it is for.
  for (const std::string& bad : {client_frame(11, "x", false), client_header(12, 126)}) {
    JavaHalf java(relaxing(Rule::reserved_opcodes));
    Client client = Client::tcp(java.listen());
    open_connection(java, client);
    client.write(bad);
    CHECK(next_frame(java, client).close_code() == 1002);
    client.close();
    expect_idle(java);
  }

  // Longer than any message may be.
  JavaHalf java(relaxing(Rule::reserved_opcodes));
  java.echo = JavaHalf::Echo::borrowed;
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  constexpr std::uint64_t kLength = 40 << 20;
  client.write(client_header(6, kLength));
  for (std::uint64_t sent = 0; sent < kLength; sent += 1 << 20) client.write(std::string(1 << 20, 'x'));
  client.write(client_frame(kText, "end"));
  CHECK(next_frame(java, client).payload == "end");
  CHECK(java.counter(ring::kBlockBytesHighWater) <= 1 << 20);
  client.close();
  expect_idle(java);
}

TEST_CASE("SHORTEST_LENGTH: longer forms are read, and answered in the shortest") {
  const std::string stream = long_form(kText, "one") + long_form(kBinary, "") + long_form(kBinary, pattern(300));
  expect_echoes(Rule::shortest_length, stream, {"one", "", pattern(300)});
  expect_refused_without(Rule::shortest_length, long_form(kText, "x"), 1002);
}

TEST_CASE("TEXT_UTF8: text is delivered as it is") {
  const std::string stream = client_frame(kText, "\xc0\x80") + client_frame(kText, "\xe2", false) +
                             client_frame(kContinuation, "\xff") + client_frame(kText, "\xed\xa0\x80");
  expect_echoes(Rule::text_utf8, stream, {"\xc0\x80", "\xe2\xff", "\xed\xa0\x80"});
  expect_refused_without(Rule::text_utf8, client_frame(kText, "\xff"), 1007);
}

TEST_CASE("CLOSE_LENGTH and CLOSE_CODE: answered by an empty Close") {
  expect_close(Rule::close_length, client_frame(kCloseFrame, "x"), 1005, "");
  expect_close(Rule::close_code, client_close(1006, "why"), 1006, "why");
  expect_close(Rule::close_code, client_close(99, "why"), 99, "why");
  expect_refused_without(Rule::close_length, client_frame(kCloseFrame, "x"), 1002);
  expect_refused_without(Rule::close_code, client_close(1006), 1002);
}

TEST_CASE("CLOSE_REASON_UTF8: the reason is told as it is") {
  JavaHalf java(relaxing(Rule::close_reason_utf8));
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  client.write(client_close(1000, "\xff!"));
  CHECK(next_frame(java, client).close_code() == 1000);
  CHECK(java.first(ring::kClosing)->bytes == "\xff!");
  client.close();
  expect_idle(java);
  expect_refused_without(Rule::close_reason_utf8, client_close(1000, "\xff"), 1007);
}

TEST_CASE("the rules of the opening handshake") {
  const std::string key = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  struct Case {
    Rule rule;
    std::string fields;
  };
  const Case cases[] = {
      {Rule::host_header, "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"},
      {Rule::connection_header, "Host: a\r\nSec-WebSocket-Version: 13\r\n"},
      {Rule::version, "Host: a\r\nConnection: Upgrade\r\n"},
  };
  for (const Case& one : cases) {
    for (const bool relaxed : {false, true}) {
      JavaHalf java(relaxed ? relaxing(one.rule) : test_options());
      Client client = Client::tcp(java.listen());
      client.write("GET / HTTP/1.1\r\n" + key + one.fields + "\r\n");
      std::optional<std::string> head;
      REQUIRE(pump(java, {&client}, [&] { return (head = client.take_head()).has_value(); }));
      CHECK(head->starts_with(relaxed ? "HTTP/1.1 101 " : "HTTP/1.1 4"));
      client.close();
      expect_idle(java);
    }
  }
}

TEST_CASE("a rule that there is not cannot be relaxed") {
  ring::LoopOptions options = test_options();
  options.relaxed = protocol::kAllRules + 1;
  const std::int64_t group = create_group();
  CHECK(create(group, options) == -EINVAL);
  CHECK(destroy_group(group) == 0);
}

}  // namespace millrace::engine::test
