// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "java_half.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

constexpr int kSmallBuffer = 4096;

/// Frames that came, as (opcode, payload) in order.
void drain_frames(Client& client, std::vector<Frame>* frames) {
  while (auto frame = client.take_frame()) frames->push_back(std::move(*frame));
}

}  // namespace

TEST_CASE("sends of each size from each place") {
  constexpr std::size_t kSizes[] = {0, 1, 125, 126, 2048, 2049, 65535, 65536, 200'000, 1 << 20, 3'000'001};
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  for (const Echo how : {Echo::staged, Echo::owned, Echo::shared}) {
    for (const std::size_t size : kSizes) {
      CAPTURE(size);
      const std::string payload = pattern(size, size + 7);
      java.send(id, kBinary, payload, how);
      const Frame frame = next_frame(java, client);
      const bool same = frame.alone() && frame.opcode() == kBinary && frame.payload == payload;
      CHECK(same);
    }
  }
  settle(java);
  CHECK(java.counter(ring::kBlocksInUse) == 0);
  CHECK(java.counter(ring::kPartialSends) >= 0);
  client.close();
  expect_idle(java);
}

TEST_CASE("a turn's sends leave by one system call") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  const std::int64_t before = java.counter(ring::kSends);
  for (int number = 0; number < 100; ++number) {
    java.send(id, kText, ascii(50, number), number % 2 == 0 ? Echo::staged : Echo::owned);
  }
  java.turn();
  CHECK(java.counter(ring::kSends) == before + 1);
  for (int number = 0; number < 100; ++number) CHECK(next_frame(java, client).payload == ascii(50, number));
  client.close();
  expect_idle(java);
}

TEST_CASE("more pieces than one sendmsg takes") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  constexpr int kMessages = 3'000;
  for (int number = 0; number < kMessages; ++number) java.send(id, kBinary, big_endian(number, 4), Echo::owned);
  std::vector<Frame> frames;
  REQUIRE(pump(java, {&client}, [&] {
    drain_frames(client, &frames);
    return frames.size() == kMessages;
  }));
  for (int number = 0; number < kMessages; ++number) REQUIRE(frames[number].payload == big_endian(number, 4));
  client.close();
  expect_idle(java);
}

TEST_CASE("a slow reader: every kind of tail waits and arrives intact, the buffered word is exact") {
  for (const Echo how : {Echo::staged, Echo::owned, Echo::shared}) {
    JavaHalf java;
    Client client = Client::tcp(java.listen(), kSmallBuffer);
    const Id id = open_connection(java, client);
    client.appetite = 0;
    std::int64_t wire = 0;
    std::vector<std::string> payloads;
    const std::int64_t sent_before = java.counter(ring::kBytesSent);
    const std::size_t sizes[] = {0, 10, 130, 3'000, 70'000, 200'000};
    for (int number = 0; number < 120; ++number) {
      payloads.push_back(pattern(sizes[number % 6], number));
      const std::size_t size = payloads.back().size();
      wire += static_cast<std::int64_t>(size + (size < 126 ? 2 : size < 65536 ? 4 : 10));
      java.send(id, kBinary, payloads.back(), how);
      if (number % 7 == 0) {
        java.turn();
        CHECK(java.buffered(id) == wire - (java.counter(ring::kBytesSent) - sent_before));
      }
    }
    java.turn();
    CHECK(java.buffered(id) > 0);
    CHECK(java.counter(ring::kPartialSends) > 0);
    client.appetite = 50'000;
    std::vector<Frame> frames;
    bool exact = true;
    REQUIRE(pump(java, {&client}, [&] {
      exact &= java.buffered(id) == wire - (java.counter(ring::kBytesSent) - sent_before);
      drain_frames(client, &frames);
      return frames.size() == payloads.size();
    }));
    CHECK(exact);
    for (std::size_t number = 0; number < payloads.size(); ++number) {
      const bool same = frames[number].payload == payloads[number];
      REQUIRE(same);
    }
    CHECK(java.buffered(id) == 0);
    client.close();
    expect_idle(java);
  }
}

TEST_CASE("what other threads have sent stays in their region, copied or not") {
  ring::LoopOptions options = test_options();
  options.region_bytes = 16 << 20;
  options.max_message_bytes = 4 << 20;
  JavaHalf java(options);
  const std::uint16_t port = java.listen();
  std::vector<Client> slow;
  std::vector<Id> ids;
  for (int peer = 0; peer < 24; ++peer) {
    slow.push_back(Client::tcp(port, kSmallBuffer));
    ids.push_back(open_connection(java, slow.back()));
    slow.back().appetite = 0;
    while (java.buffered(ids.back()) < 1'000'000) {
      java.send(ids.back(), kBinary, pattern(20'000, peer), Echo::shared);
      java.turn();
    }
  }
  settle(java);
  CHECK(java.counter(ring::kBlockBytesInUse) < 1 << 20);
  CHECK(java.counter(ring::kSharedUse) < 24 * 1'150'000);
  Client honest = Client::tcp(port);
  (void)open_connection(java, honest);
  honest.write(client_frame(kBinary, pattern(3'000'000, 5)));
  REQUIRE(pump(java, {&honest}, [&] { return honest.unwritten() == 0 && java.count(ring::kMessage) == 1; }));
  CHECK(java.counter(ring::kRegionFull) == 0);
  for (const Id id : ids) CHECK(java.closed(id) == nullptr);
  slow.clear();
  honest.close();
  expect_idle(java);
}

TEST_CASE("a copy that only saves memory closes no connection, however scattered what is free lies") {
  ring::LoopOptions options = test_options();
  options.region_bytes = 16 << 20;
  options.max_message_bytes = 4 << 20;
  JavaHalf java(options);
  Client client = Client::tcp(java.listen(), kSmallBuffer);
  const Id id = open_connection(java, client);
  client.appetite = 0;
  for (int sends = 0; sends < 60 && java.buffered(id) == 0; ++sends) {
    java.send(id, kBinary, pattern(100'000, 0), Echo::owned);
    java.turn();
  }
  REQUIRE(java.buffered(id) > 0);
  const std::uint64_t long_block = java.block_with(pattern(200'000, 7), false);
  std::vector<std::int64_t> pages;
  for (std::int64_t page; (page = acquire(java.handle(), 64 << 10)) > 0;) pages.push_back(page);
  for (std::size_t at = 0; at < pages.size(); at += 2) CHECK(release(pages[at]) == 0);
  settle(java);
  const std::int64_t copied = java.counter(ring::kPayloadBytesCopied);
  const std::int64_t full = java.counter(ring::kRegionFull);
  java.send_block(id, kBinary, long_block, 200'000, 0);
  java.turn();
  if (options.allocator == 0) CHECK(java.counter(ring::kPayloadBytesCopied) > copied + 100'000);  // else it fits
  CHECK(java.counter(ring::kRegionFull) == full);
  CHECK(java.closed(id) == nullptr);
  for (std::size_t at = 1; at < pages.size(); at += 2) CHECK(release(pages[at]) == 0);
  client.close();
  expect_idle(java);
}

TEST_CASE("over the low-water mark reading stops; below it DRAINED comes once and reading goes on") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  Client client = Client::tcp(java.listen(), kSmallBuffer);
  const Id id = open_connection(java, client);
  client.appetite = 0;
  // More than both sides' socket buffers and the mark together: the peer cannot get rid of all of it.
  constexpr int kMessages = 600;
  for (int number = 0; number < kMessages; ++number) client.write(client_frame(kBinary, pattern(50'000, number)));
  int quiet = 0;
  REQUIRE(pump(java, {&client}, [&] {
    static std::int64_t last = -1;
    quiet = java.counter(ring::kBytesReceived) == last ? quiet + 1 : 0;
    last = java.counter(ring::kBytesReceived);
    return quiet == 50;
  }));
  CHECK(client.unwritten() > 0);
  CHECK(java.counter(ring::kReadsStopped) > 0);
  const std::int64_t high = test_options().high_water_bytes;
  CHECK(java.buffered(id) > high / 2);
  CHECK(java.buffered(id) < high / 2 + 2 * static_cast<std::int64_t>(ring::kArenaLength));
  CHECK(java.count(ring::kDrained) == 0);
  expect_no_spin(java);

  client.appetite = SIZE_MAX;
  std::vector<Frame> frames;
  java.keep_events = false;
  std::size_t drained = 0;
  java.on_event = [&](const Event& event) { drained += event.record.type == ring::kDrained ? 1 : 0; };
  REQUIRE(pump(java, {&client}, [&] {
    drain_frames(client, &frames);
    return frames.size() == kMessages;
  }));
  for (int number = 0; number < kMessages; ++number) {
    const bool same = frames[number].payload == pattern(50'000, number);
    REQUIRE(same);
  }
  CHECK(drained >= 1);
  java.on_event = nullptr;
  client.close();
  expect_idle(java);
}

TEST_CASE("completion tokens: in order, once each, after the kernel has the last byte") {
  JavaHalf java;
  Client client = Client::tcp(java.listen(), kSmallBuffer);
  const Id id = open_connection(java, client);
  client.appetite = 0;
  for (int sends = 0; sends < 200 && java.buffered(id) == 0; ++sends) {
    java.send(id, kBinary, pattern(100'000), Echo::owned);
    java.turn();
  }
  REQUIRE(java.buffered(id) > 0);
  java.events.clear();
  std::uint64_t token = 0;
  for (const Echo how : {Echo::staged, Echo::owned, Echo::shared}) {
    for (const std::size_t size : {0, 0, 5, 3'000, 0, 90'000}) java.send(id, kBinary, pattern(size), how, ++token);
  }
  for (int turns = 0; turns < 5; ++turns) java.turn();
  CHECK(java.count(ring::kSent) == 0);
  client.appetite = SIZE_MAX;
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kSent) == token; }));
  std::uint64_t next = 0;
  for (const Event& event : java.events) {
    if (event.record.type != ring::kSent) continue;
    CHECK(event.record.auxiliary == ++next);
    CHECK(event.record.flags == 0);
  }
  CHECK(java.buffered(id) == 0);

  // On an empty socket they come with the next events, too.
  java.events.clear();
  java.send(id, kText, "small", Echo::staged, 1000);
  java.send(id, kText, "", Echo::owned, 1001);
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kSent) == 2; }));
  client.close();
  expect_idle(java);
}

TEST_CASE("an empty send behind bytes that do not fit is not complete before them") {
  JavaHalf java;
  Client client = Client::tcp(java.listen(), kSmallBuffer);
  const Id id = open_connection(java, client);
  client.appetite = 0;
  // One turn: the large one fills the socket, the empty one stands behind it in the same sendmsg.
  java.send(id, kBinary, pattern(12 << 20), Echo::owned);
  java.send(id, kBinary, "", Echo::owned, 7);
  java.turn();
  REQUIRE(java.buffered(id) > 0);
  java.turn();
  CHECK(java.count(ring::kSent) == 0);
  client.appetite = SIZE_MAX;
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kSent) == 1; }));
  CHECK(java.buffered(id) == 0);
  client.close();
  expect_idle(java);
}

TEST_CASE("tokens of a connection that ends come back as failed") {
  JavaHalf java;
  Client client = Client::tcp(java.listen(), kSmallBuffer);
  const Id id = open_connection(java, client);
  client.appetite = 0;
  for (std::uint64_t token = 1; token <= 40; ++token) {
    java.send(id, kBinary, pattern(500'000), token % 2 == 0 ? Echo::owned : Echo::shared, token);
    java.turn();
  }
  client.reset();
  REQUIRE(pump(java, {}, [&] { return java.count(ring::kSent) == 40 && java.closed(id) != nullptr; }));
  CHECK((java.events.back().record.type == ring::kSent || java.events.back().record.type == ring::kClosed));
  std::size_t failed = 0;
  for (const Event& event : java.events) {
    failed += event.record.type == ring::kSent && (event.record.flags & ring::kFailed) != 0 ? 1 : 0;
  }
  CHECK(failed > 0);
  expect_idle(java);
}

TEST_CASE("a block sent to several connections is freed when the last has it") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  std::vector<Client> clients;
  std::vector<Id> ids;
  for (int index = 0; index < 8; ++index) {
    clients.push_back(Client::tcp(port, index % 2 == 0 ? kSmallBuffer : 0));
    ids.push_back(open_connection(java, clients.back()));
  }
  const std::string payload = pattern(4 << 20);
  for (const bool shared : {false, true}) {
    const std::uint64_t address = java.block_with(payload, shared);
    for (const Id id : ids) {
      REQUIRE(retain(static_cast<std::int64_t>(address)) == 0);
      java.send_block(id, kBinary, address, static_cast<std::uint32_t>(payload.size()));
    }
    java.release(address);
    std::vector<Client*> all;
    for (Client& client : clients) all.push_back(&client);
    std::size_t came = 0;
    REQUIRE(pump(java, all, [&] {
      for (Client& client : clients) {
        while (const auto frame = client.take_frame()) {
          const bool same = frame->payload == payload;
          REQUIRE(same);
          ++came;
        }
      }
      return came == clients.size();
    }));
    settle(java);
    CHECK(java.counter(ring::kBlocksInUse) == 0);
    CHECK(capacity(static_cast<std::int64_t>(address)) < 0);
  }
  clients.clear();
  expect_idle(java);
}

TEST_CASE("an address inside a block is sent from there") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  const std::string payload = pattern(100'000);
  const std::uint64_t address = java.block_with(payload);
  java.send_block(id, kBinary, address + 4321, 90'000);
  const bool same = next_frame(java, client).payload == payload.substr(4321, 90'000);
  CHECK(same);
  client.close();
  expect_idle(java);
}

TEST_CASE("pings are answered, those of a peer that does not read by the latest pong (RFC 6455 5.5.3)") {
  JavaHalf java;
  Client client = Client::tcp(java.listen(), kSmallBuffer);
  const Id id = open_connection(java, client);
  client.write(client_frame(kPing, "one"));
  Frame pong = next_frame(java, client);
  CHECK(pong.opcode() == kPongFrame);
  CHECK(pong.alone());
  CHECK(pong.payload == "one");
  client.write(client_frame(kPing, ""));
  CHECK(next_frame(java, client).payload.empty());
  client.write(client_frame(kPing, pattern(125)));
  CHECK(next_frame(java, client).payload == pattern(125));
  CHECK(java.events.size() == 2);  // REQUEST and PEER: a ping is no event

  std::string burst;
  for (int number = 0; number < 50; ++number) burst += client_frame(kPing, big_endian(number, 4));
  client.write(burst);
  const std::int64_t before = java.counter(ring::kPongsSent);
  const std::int64_t sends_before = java.counter(ring::kSends);
  std::vector<Frame> frames;
  REQUIRE(pump(java, {&client}, [&] {
    drain_frames(client, &frames);
    return !frames.empty() && frames.back().payload == big_endian(49, 4);
  }));
  REQUIRE(frames.size() == 50);
  for (int number = 0; number < 50; ++number)
    CHECK(frames[static_cast<std::size_t>(number)].payload == big_endian(number, 4));
  CHECK(java.counter(ring::kPongsSent) - before == 50);
  CHECK(java.counter(ring::kSends) - sends_before <= 2);  // all but the last at once, the last with the turn's replies

  // While bytes wait for a slow reader a pong waits with them, and only the latest leaves.
  client.appetite = 0;
  for (int sends = 0; sends < 200 && java.buffered(id) == 0; ++sends) {
    java.send(id, kBinary, pattern(400'000), Echo::owned);
    java.turn();
  }
  REQUIRE(java.buffered(id) > 0);
  REQUIRE(java.buffered(id) < test_options().high_water_bytes / 2);
  for (int number = 100; number < 105; ++number) {
    const std::int64_t received = java.counter(ring::kBytesReceived);
    client.write(client_frame(kPing, big_endian(number, 4)));
    REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kBytesReceived) > received; }));
  }
  client.appetite = SIZE_MAX;
  frames.clear();
  REQUIRE(pump(java, {&client}, [&] {
    drain_frames(client, &frames);
    return !frames.empty() && frames.back().opcode() == kPongFrame;
  }));
  std::size_t pongs = 0;
  for (const Frame& frame : frames) pongs += frame.opcode() == kPongFrame ? 1 : 0;
  CHECK(pongs == 1);
  CHECK(frames.back().payload == big_endian(104, 4));
  client.close();
  expect_idle(java);
}

TEST_CASE("a pong rides in front of the turn's replies, in the same system call") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  client.write(client_frame(kPing, "p") + client_frame(kText, "m"));
  const std::int64_t before = java.counter(ring::kSends);
  CHECK(next_frame(java, client).opcode() == kPongFrame);
  CHECK(next_frame(java, client).payload == "m");
  CHECK(java.counter(ring::kSends) == before + 1);
  client.close();
  expect_idle(java);
}

TEST_CASE("our pings carry the time, and their pongs tell how long they took") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.send(id, kPing, {});
  const Frame ping = next_frame(java, client);
  CHECK(ping.opcode() == kPing);
  REQUIRE(ping.payload.size() == 8);
  CHECK(java.round_trip(id) == 0);
  client.write(client_frame(kPongFrame, "unasked ") + client_frame(kPongFrame, ping.payload));
  REQUIRE(pump(java, {&client}, [&] { return java.round_trip(id) > 0; }));
  CHECK(java.round_trip(id) < 30 * kSecond);
  // The same pong again answers nothing.
  const std::int64_t first = java.round_trip(id);
  client.write(client_frame(kPongFrame, ping.payload) + client_frame(kText, "m"));
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kMessage) == 1; }));
  CHECK(java.round_trip(id) == first);
  client.close();
  expect_idle(java);
}

TEST_CASE("a paused connection is not read, a resumed one misses nothing") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.pause(id);
  java.turn();
  client.write(client_frame(kText, "held back"));
  client.work();
  for (int turns = 0; turns < 20; ++turns) java.turn();
  CHECK(java.count(ring::kMessage) == 0);
  java.resume(id);
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kMessage) == 1; }));
  // The other direction never stopped.
  java.pause(id);
  java.send(id, kText, "still sending");
  CHECK(next_frame(java, client).payload == "still sending");
  client.close();
  java.resume(id);
  expect_idle(java);
}

TEST_CASE("pausing in the middle of a flood keeps what is already parsed and no more") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.keep_events = false;
  std::uint32_t next = 0;
  java.on_event = [&](const Event& event) {
    if (event.record.type != ring::kMessage) return;
    REQUIRE(event.bytes == big_endian(next++, 4));
  };
  std::string flood;
  for (std::uint32_t number = 0; number < 20'000; ++number) flood += client_frame(kBinary, big_endian(number, 4));
  client.write(flood);
  REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kEventRingFull) > 0; }));
  java.pause(id);
  java.turn();
  const std::uint32_t paused_at = next;
  client.work();
  expect_no_spin(java);
  CHECK(next == paused_at);
  java.resume(id);
  REQUIRE(pump(java, {&client}, [&] { return next == 20'000; }));
  java.on_event = nullptr;
  client.close();
  expect_idle(java);
}

TEST_CASE("flush sends at once, in the middle of Java's turn") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.send(id, kText, "now");
  java.flush();
  std::optional<Frame> frame;
  REQUIRE(pump({}, {&client}, [&] { return (frame = client.take_frame()).has_value(); }));
  CHECK(frame->payload == "now");
  CHECK(java.counter(ring::kFlushes) == 1);
  client.close();
  expect_idle(java);
}

}  // namespace millrace::engine::test
