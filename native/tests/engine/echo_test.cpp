// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "java_half.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

/// Sends one message and checks that the same comes back in one frame.
void check_echo(JavaHalf& java, Client& client, std::uint8_t opcode, const std::string& payload) {
  client.write(client_frame(opcode, payload));
  const Frame frame = next_frame(java, client);
  CHECK(frame.alone());
  CHECK(frame.opcode() == opcode);
  const bool same = frame.payload == payload;
  CHECK_MESSAGE(same, "length ", payload.size(), " came back as ", frame.payload.size());
}

/// What a stream means: what the server must send for it when it echoes messages.
struct Expected {
  std::uint8_t opcode;
  std::string payload;
};

/// A short stream with everything in it that can be cut: three lengths of header, fragments of a text that split code
/// points, control frames between them.
std::string mixed_stream(std::vector<Expected>* expected) {
  const std::string euro = "\xE2\x82\xAC\xF0\x9F\x98\x80";
  std::string stream;
  stream += client_frame(kText, "a");
  expected->push_back({kText, "a"});
  stream += client_frame(kText, euro.substr(0, 2), false, 0x01020304);
  stream += client_frame(kPing, "p1", true, 0xFFEEDDCC);
  stream += client_frame(kContinuation, "", false);
  stream += client_frame(kContinuation, euro.substr(2, 3), false, 0x0A0B0C0D);
  stream += client_frame(kPongFrame, "unasked");
  stream += client_frame(kContinuation, euro.substr(5), true, 0x00000001);
  expected->push_back({kText, euro});
  stream += client_frame(kBinary, "");
  expected->push_back({kBinary, ""});
  stream += client_frame(kBinary, pattern(130), true, 0x55AA55AA);
  expected->push_back({kBinary, pattern(130)});
  stream += client_frame(kText, "", false);
  stream += client_frame(kContinuation, "", true);
  expected->push_back({kText, ""});
  stream += client_close(1000, "bye");
  return stream;
}

/// Everything that `expected` says comes, in order, with pongs for "p1" anywhere between, and a Close at the end.
void expect_stream(JavaHalf& java, Client& client, const std::vector<Expected>& expected) {
  std::size_t at = 0;
  std::size_t pongs = 0;
  for (;;) {
    const Frame frame = next_frame(java, client);
    REQUIRE(frame.alone());
    if (frame.opcode() == kPongFrame) {
      CHECK(frame.payload == "p1");
      ++pongs;
      continue;
    }
    if (frame.opcode() == kCloseFrame) {
      CHECK(frame.close_code() == 1000);
      break;
    }
    REQUIRE(at < expected.size());
    CHECK(frame.opcode() == expected[at].opcode);
    CHECK(frame.payload == expected[at].payload);
    ++at;
  }
  CHECK(at == expected.size());
  CHECK(pongs == 1);
}

}  // namespace

TEST_CASE("every size around the boundaries comes back as it went") {
  constexpr std::size_t kSizes[] = {0,      1,      125,           126,     127,           2047,     2048,   2049,
                                    65535,  65536,  65537,         131058,  131071,        131072,   131073, 262130,
                                    524287, 524289, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3'000'001};
  for (const Echo how : {Echo::borrowed, Echo::staged, Echo::owned, Echo::shared, Echo::retained}) {
    CAPTURE(static_cast<int>(how));
    JavaHalf java;
    java.echo = how;
    const std::uint16_t port = java.listen();
    Client client = Client::tcp(port);
    open_connection(java, client);
    for (const std::size_t size : kSizes) {
      CAPTURE(size);
      check_echo(java, client, kBinary, pattern(size, size));
      check_echo(java, client, kText, ascii(size, size));
      java.events.clear();
    }
    client.close();
    java.events.clear();
    expect_idle(java);
  }
}

TEST_CASE("a message that goes out twice in a turn, between others that lie beside it") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  java.on_event = [&](const Event& event) {
    if (event.record.type != ring::kMessage) return;
    ring::Record again = java.connection_command(ring::kSend, event.id());
    again.opcode = event.record.opcode;
    again.flags = ring::kBorrowed;
    again.address = event.record.address;
    again.length = event.record.length;
    java.put(again);
  };
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  // Headers go over those of the client: the last bytes of one message lie right in front of the next one's.
  constexpr std::size_t kSizes[] = {3000, 125, 65535, 2048, 65536, 2049, 0, 4000};
  std::string stream;
  for (const std::size_t size : kSizes) stream += client_frame(kBinary, pattern(size, size), true, 0x91A2B3C4);
  client.write(stream);
  for (const std::size_t size : kSizes) {
    CAPTURE(size);
    for (int time = 0; time < 2; ++time) {
      const Frame frame = next_frame(java, client);
      CHECK(frame.alone());
      const bool same = frame.payload == pattern(size, size);
      CHECK(same);
    }
  }
  client.close();
  expect_idle(java);
}

TEST_CASE("the largest message passes, one byte more is refused on its header") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  check_echo(java, client, kBinary, pattern(16 << 20));
  java.events.clear();
  client.write(client_header(kBinary, (16 << 20) + 1));
  const Frame frame = next_frame(java, client);
  CHECK(frame.opcode() == kCloseFrame);
  CHECK(frame.close_code() == 1009);
  client.close();
  expect_idle(java);
}

TEST_CASE("messages over a local socket") {
  const Folder folder;
  JavaHalf java;
  java.echo = Echo::borrowed;
  java.listen_local(folder.file("s"));
  Client client = Client::local(folder.file("s"));
  open_connection(java, client);
  CHECK(java.events[1].record.opcode == 1);  // PEER says local
  for (const std::size_t size : {0, 125, 126, 65535, 65536, 131072, 1 << 20, 2'500'000}) {
    check_echo(java, client, kBinary, pattern(size));
  }
  client.close();
  java.unlisten();
  expect_idle(java);
}

TEST_CASE("a stream that comes byte by byte") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  const std::uint16_t port = java.listen();
  std::vector<Expected> expected;
  const std::string stream = mixed_stream(&expected);
  Client client = Client::tcp(port);
  open_connection(java, client);
  const std::int64_t before = java.counter(ring::kBytesReceived);
  for (std::size_t at = 0; at < stream.size(); ++at) {
    client.write(stream.substr(at, 1));
    REQUIRE(pump(java, {&client},
                 [&] { return java.counter(ring::kBytesReceived) == before + static_cast<std::int64_t>(at) + 1; }));
  }
  expect_stream(java, client, expected);
  client.finish();
  expect_idle(java, {&client});
}

TEST_CASE("a stream cut in two at every place") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  const std::uint16_t port = java.listen();
  std::vector<Expected> expected;
  const std::string stream = mixed_stream(&expected);
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    CAPTURE(cut);
    Client client = Client::tcp(port);
    open_connection(java, client);
    const std::int64_t before = java.counter(ring::kBytesReceived);
    client.write(stream.substr(0, cut));
    REQUIRE(pump(java, {&client},
                 [&] { return java.counter(ring::kBytesReceived) == before + static_cast<std::int64_t>(cut); }));
    client.write(stream.substr(cut));
    expect_stream(java, client, expected);
    client.close();
    java.events.clear();
  }
  expect_idle(java);
}

TEST_CASE("a large message whose header and first bytes are cut at every place") {
  JavaHalf java;
  java.echo = Echo::retained;
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  const std::string payload = pattern(200'003);
  const std::string frame = client_frame(kBinary, payload);
  const std::string both = client_frame(kText, "before") + frame + client_frame(kText, "behind");
  for (std::size_t cut = 1; cut < 40; ++cut) {
    CAPTURE(cut);
    const std::int64_t before = java.counter(ring::kBytesReceived);
    client.write(both.substr(0, cut));
    REQUIRE(pump(java, {&client},
                 [&] { return java.counter(ring::kBytesReceived) == before + static_cast<std::int64_t>(cut); }));
    client.write(both.substr(cut));
    CHECK(next_frame(java, client).payload == "before");
    const bool same = next_frame(java, client).payload == payload;
    CHECK(same);
    CHECK(next_frame(java, client).payload == "behind");
    java.events.clear();
  }
  client.close();
  expect_idle(java);
}

TEST_CASE("messages of all sizes in one stream, cut at random") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const Echo how : {Echo::borrowed, Echo::staged, Echo::retained, Echo::shared}) {
    JavaHalf java;
    java.echo = how;
    Client client = Client::tcp(java.listen());
    open_connection(java, client);
    std::vector<std::string> payloads;
    for (int message = 0; message < 60; ++message) {
      const unsigned scale = random() % 19;
      payloads.push_back(pattern(random() % (1U << scale), random()));
      std::size_t fragments = random() % 4;
      std::size_t at = 0;
      std::uint8_t opcode = kBinary;
      for (; fragments > 0; --fragments) {
        const std::size_t length = random() % (payloads.back().size() - at + 1);
        client.write(
            client_frame(opcode, payloads.back().substr(at, length), false, static_cast<std::uint32_t>(random())));
        if (random() % 3 == 0) client.write(client_frame(kPing, ascii(random() % 126)));
        opcode = kContinuation;
        at += length;
      }
      client.write(client_frame(opcode, payloads.back().substr(at), true, static_cast<std::uint32_t>(random())));
    }
    std::size_t next = 0;
    REQUIRE(pump(java, {&client}, [&] {
      client.chunk = 1 + random() % (1U << (random() % 17));
      while (const auto frame = client.take_frame()) {
        if (frame->opcode() == kPongFrame) continue;
        REQUIRE(next < payloads.size());
        const bool same = frame->alone() && frame->opcode() == kBinary && frame->payload == payloads[next];
        REQUIRE(same);
        ++next;
      }
      return next == payloads.size();
    }));
    client.close();
    java.events.clear();
    expect_idle(java);
  }
}

TEST_CASE("text that breaks UTF-8 ends the connection before its frame is whole (RFC 6455 8.1)") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  const auto fails_with_1007 = [&](const std::string& stream) {
    Client client = Client::tcp(port);
    open_connection(java, client);
    client.write(stream);
    const Frame frame = next_frame(java, client);
    CHECK(frame.opcode() == kCloseFrame);
    CHECK(frame.close_code() == 1007);
    client.close();
    expect_idle(java);
    CHECK(java.count(ring::kMessage) == 0);
    java.events.clear();
  };
  fails_with_1007(client_frame(kText, "\xC0\xAF"));
  fails_with_1007(client_frame(kText, "whole but cut \xE2\x82"));
  fails_with_1007(client_frame(kText, std::string("\xE2\x82", 2), false) + client_frame(kContinuation, "x", false));
  fails_with_1007(client_frame(kText, std::string("\xE2\x82", 2), false) + client_frame(kContinuation, ""));
  // A frame of 100,000 bytes of which only the first 20 ever come.
  fails_with_1007(client_header(kText, 100'000) + masked("0123456789\xED\xA0\x80 12345", kKey));
}

TEST_CASE("a flood of tiny frames: the event ring fills, nothing is lost, order stays") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  java.keep_events = false;
  constexpr std::uint32_t kMessages = 30'000;
  std::string stream;
  for (std::uint32_t number = 0; number < kMessages; ++number) stream += client_frame(kBinary, big_endian(number, 4));
  std::uint32_t next = 0;
  java.on_event = [&](const Event& event) {
    if (event.record.type != ring::kMessage) return;
    REQUIRE(event.bytes == big_endian(next, 4));
    ++next;
  };
  java.echo = Echo::borrowed;
  client.write(stream);
  std::uint32_t echoed = 0;
  REQUIRE(pump(java, {&client}, [&] {
    while (const auto frame = client.take_frame()) {
      REQUIRE(frame->payload == big_endian(echoed, 4));
      ++echoed;
    }
    return echoed == kMessages;
  }));
  CHECK(next == kMessages);
  CHECK(java.counter(ring::kEventRingFull) > 0);
  client.close();
  java.on_event = nullptr;
  java.keep_events = true;
  expect_idle(java);
}

TEST_CASE("an empty message at the very end of the bytes that waited is echoed like any other") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  // The ring takes 4,096 messages; 8,192 bytes are left over and fill their block to its last byte.
  std::string stream;
  for (int number = 0; number < 4096; ++number) stream += client_frame(kBinary, "");
  stream += client_frame(kBinary, "ab");
  for (int number = 0; number < 1364; ++number) stream += client_frame(kBinary, "");
  REQUIRE(stream.size() == 4096 * 6 + 8192);
  client.write(stream);
  REQUIRE(pump({}, {&client}, [&] { return client.unwritten() == 0; }));
  std::size_t echoed = 0;
  REQUIRE(pump(java, {&client}, [&] {
    while (client.take_frame()) ++echoed;
    return echoed == 5461 || client.ended();
  }));
  CHECK(echoed == 5461);
  CHECK(java.closed(id) == nullptr);
  CHECK(java.counter(ring::kEventRingFull) > 0);
  client.close();
  expect_idle(java);
}

TEST_CASE("more arrives in one turn than the arena holds") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  const std::uint16_t port = java.listen();
  std::vector<Client> clients;
  for (int index = 0; index < 12; ++index) {
    clients.push_back(Client::tcp(port));
    open_connection(java, clients.back());
  }
  java.events.clear();
  std::vector<std::string> payloads;
  for (std::size_t index = 0; index < clients.size(); ++index) {
    // Whole frames that fill a quantum each, and the beginning of one more.
    payloads.push_back(pattern(40'000, index));
    for (int copy = 0; copy < 7; ++copy) clients[index].write(client_frame(kBinary, payloads.back()));
    while (clients[index].work()) {
    }
  }
  std::vector<Client*> all;
  for (Client& client : clients) all.push_back(&client);
  std::vector<int> came(clients.size());
  REQUIRE(pump(java, all, [&] {
    bool done = true;
    for (std::size_t index = 0; index < clients.size(); ++index) {
      while (const auto frame = clients[index].take_frame()) {
        const bool same = frame->payload == payloads[index];
        REQUIRE(same);
        ++came[index];
      }
      done &= came[index] == 7;
    }
    return done;
  }));
  CHECK(java.counter(ring::kArenaFull) > 0);
  CHECK(java.counter(ring::kArenaHighWater) >= static_cast<std::int64_t>(ring::kArenaLength));
  clients.clear();
  expect_idle(java);
}

TEST_CASE("an idle connection holds no block, a begun message no more than it needs") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  settle(java);
  CHECK(java.counter(ring::kBlocksInUse) == 0);
  // A header that promises 16 MiB reserves at most 1 MiB, and only of address space.
  client.write(client_header(kBinary, 16 << 20) + "x");
  REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kBlocksInUse) == 1; }));
  CHECK(java.counter(ring::kBlockBytesInUse) <= 1 << 20);
  client.close();
  expect_idle(java);
}

}  // namespace millrace::engine::test
