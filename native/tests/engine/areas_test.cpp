// SPDX-License-Identifier: Apache-2.0
//
// What the areas tell of themselves, what an idle connection costs, and what goes back to the system.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "java_half.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

std::int64_t by_class(const JavaHalf& java, unsigned size_class, bool high_water = false) {
  const unsigned at = ring::kBlocksByClass + size_class + (high_water ? ring::kBlockClasses : 0);
  return java.counter(static_cast<ring::Counter>(at));
}

/// Bytes of [start, start + length) that have a page of memory.
std::size_t resident(const void* start, std::size_t length) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages(length / page);
  REQUIRE(::mincore(const_cast<void*>(start), length, pages.data()) == 0);
  std::size_t bytes = 0;
  for (const unsigned char here : pages) bytes += (here & 1) * page;
  return bytes;
}

}  // namespace

TEST_CASE("a declared length pins what came, not what was declared") {
  JavaHalf java;
  java.echo = JavaHalf::Echo::borrowed;
  Client client = Client::tcp(java.listen());
  (void)open_connection(java, client);
  const std::string message = pattern(8 << 20);
  const std::string frame = client_frame(kBinary, message);
  const std::size_t header = frame.size() - message.size();
  client.write(frame.substr(0, header + 1));
  REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kBlocksInUse) == 1; }));
  CHECK(java.counter(ring::kBlockBytesInUse) <= 1024);
  client.write(frame.substr(header + 1));
  CHECK(next_frame(java, client).payload == message);
}

TEST_CASE("an idle connection holds its slab entry, its times and nothing else") {
  constexpr int kConnections = 300;
  JavaHalf java;
  const std::uint16_t port = java.listen();
  settle(java);
  const std::int64_t before = java.counter(ring::kSlabUse);
  std::vector<Client> clients;
  for (int index = 0; index < kConnections; ++index) {
    clients.push_back(Client::tcp(port));
    open_connection(java, clients.back());
  }
  settle(java);
  CHECK(java.counter(ring::kSlabUse) - before == kConnections * 160);
  CHECK(java.counter(ring::kBlocksInUse) == 0);
  CHECK(java.counter(ring::kArenaUse) == 0);
  CHECK(java.counter(ring::kTemporaryUse) == 0);
  for (Client& client : clients) client.close();
  pump(java, {}, [&] { return java.counter(ring::kConnections) == 0; });
  settle(java);
  CHECK(java.counter(ring::kSlabUse) == before);
  CHECK(java.counter(ring::kSlabHighWater) >= before + kConnections * 160);
  CHECK(java.counter(ring::kSlabSpills) == 0);
}

TEST_CASE("an idle connection of a client holds the same") {
  constexpr int kConnections = 300;
  JavaHalf server;
  const std::uint16_t port = server.listen();
  JavaHalf java(client_options());
  java.request = upgrade_request();
  settle(java);
  const std::int64_t before = java.counter(ring::kSlabUse);
  for (int index = 0; index < kConnections; ++index) java.connect(port);
  REQUIRE(pump({&java, &server}, {}, [&] { return java.count(ring::kResponse) == kConnections; }));
  settle(java);
  (void)java.turn();  // what the areas hold is told at the end of a turn
  CHECK(java.counter(ring::kSlabUse) - before == kConnections * 160);
  CHECK(java.counter(ring::kBlocksInUse) == 0);
  CHECK(java.counter(ring::kArenaUse) == 0);
  CHECK(java.counter(ring::kTemporaryUse) == 0);
}

TEST_CASE("a slot that is not there is a spill of the slab") {
  ring::LoopOptions options = test_options();
  options.max_connections = 2;
  JavaHalf java(options);
  const std::uint16_t port = java.listen();
  std::vector<Client> clients;
  for (int index = 0; index < 3; ++index) clients.push_back(Client::tcp(port));
  pump(java, {}, [&] { return java.counter(ring::kAccepted) == 3; });
  settle(java);
  CHECK(java.counter(ring::kSlabSpills) == 1);
  for (Client& client : clients) client.close();
  expect_idle(java);
}

TEST_CASE("arena and temporary area tell a turn's use and the most there ever was") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  Folder folder;
  java.listen_local(folder.file("s"));
  Client client = Client::local(folder.file("s"));
  open_connection(java, client);
  settle(java);
  // A larger message than the handshake: the high-water mark is this one's. In two fragments, so that its block is
  // borrowed: what is echoed from the arena takes no temporary bytes.
  const std::string frames = client_frame(kBinary, pattern(1000), false) + client_frame(kContinuation, pattern(1000));
  client.write(frames);
  client.work();
  REQUIRE(java.turn(kSecond) == 1);
  CHECK(java.turn() == 0);  // the echo leaves, and the turn before is told
  CHECK(java.counter(ring::kArenaHighWater) == static_cast<std::int64_t>(frames.size()));
  CHECK(java.counter(ring::kTemporaryHighWater) == 2000 + 4);
  CHECK(java.counter(ring::kTemporarySpills) == 0);
  CHECK(java.counter(ring::kArenaSpills) == 0);
  CHECK(next_frame(java, client).payload.size() == 2000);
}

TEST_CASE("blocks are told by class, with their high-water marks and what was not to be had") {
  ring::LoopOptions options = test_options();
  options.allocator = 0;
  JavaHalf java(options);
  settle(java);
  // As size classes place them: 256 B is class 0, 4 KiB class 4, 1 MiB class 12.
  const std::uint64_t small = java.block_with(pattern(200));
  const std::uint64_t middle = java.block_with(pattern(4096));
  const std::uint64_t large = java.block_with(pattern(1 << 20));
  CHECK(by_class(java, 0) == 1);
  CHECK(by_class(java, 4) == 1);
  CHECK(by_class(java, 12) == 1);
  CHECK(by_class(java, 5) == 0);
  settle(java);
  CHECK(java.counter(ring::kBlocksInUse) == 3);
  CHECK(java.counter(ring::kBlockBytesInUse) == 256 + 4096 + (1 << 20));
  for (const std::uint64_t address : {small, middle, large}) java.release(address);
  settle(java);
  CHECK(by_class(java, 12) == 0);
  CHECK(by_class(java, 12, true) == 1);
  CHECK(java.counter(ring::kBlockBytesInUse) == 0);
  CHECK(java.counter(ring::kBlockBytesHighWater) == 256 + 4096 + (1 << 20));
  CHECK(java.counter(ring::kBlockSpills) == 0);
  CHECK(acquire(java.handle(), std::int64_t{1} << 30) < 0);
  settle(java);
  CHECK(java.counter(ring::kBlockSpills) == 1);
}

TEST_CASE("free blocks stay hot up to 8 MiB, the rest goes back to the system after a second") {
  constexpr std::size_t kBlock = 1 << 20;
  constexpr std::int64_t kHot = 8 << 20;
  JavaHalf java;
  const std::string bytes = pattern(kBlock);
  std::vector<std::uint64_t> blocks;
  for (int index = 0; index < 24; ++index) blocks.push_back(java.block_with(bytes));
  const std::size_t full = resident(java.region() + (1 << 20), 63 << 20);
  CHECK(full >= 24 * kBlock);
  for (const std::uint64_t address : blocks) java.release(address);
  java.turn();
  java.turn();
  // Not at once: whoever needs them again soon finds them.
  CHECK(java.counter(ring::kBlockBytesKept) >= static_cast<std::int64_t>(24 * kBlock));
  CHECK(resident(java.region() + (1 << 20), 63 << 20) == full);
  const auto begin = std::chrono::steady_clock::now();
  bool returned = pump(java, {}, [&] { return java.counter(ring::kBlockBytesReturned) > 0; });
  REQUIRE(returned);
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(900));
  java.turn();
  CHECK(java.counter(ring::kBlockBytesKept) <= kHot);
  CHECK(java.counter(ring::kBlockBytesReturned) >= static_cast<std::int64_t>(24 * kBlock) - kHot);
  CHECK(resident(java.region() + (1 << 20), 63 << 20) <= static_cast<std::size_t>(kHot));
}

TEST_CASE("500 connections that were busy at once and are idle again leave 8 MiB of free blocks") {
  constexpr int kConnections = 500;
  constexpr std::size_t kLength = 256 << 10;
  constexpr std::int64_t kHot = 8 << 20;
  ring::LoopOptions options = test_options();
  options.region_bytes = 512 << 20;
  JavaHalf java(options);
  java.echo = Echo::borrowed;
  const std::uint8_t* const blocks = java.region() + (1 << 20);
  const std::size_t blocks_length = static_cast<std::size_t>(options.region_bytes) - (1 << 20);
  const std::string payload = pattern(kLength);
  const std::string frame = client_frame(kBinary, payload);
  const std::string all_but_last = frame.substr(0, frame.size() - 1);
  const std::uint16_t port = java.listen();
  java.keep_events = false;
  std::vector<Client> clients;
  for (int index = 0; index < kConnections; ++index) {
    clients.push_back(Client::tcp(port));
    open_connection(java, clients.back());
  }
  for (Client& client : clients) {
    const std::int64_t before = java.counter(ring::kBytesReceived);
    const auto length = static_cast<std::int64_t>(all_but_last.size());
    client.write(all_but_last);
    REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kBytesReceived) == before + length; }));
    client.shrink();
  }
  settle(java);
  constexpr auto kPinned = static_cast<std::int64_t>(kConnections * kLength);
  CHECK(java.counter(ring::kBlockBytesInUse) == kPinned);
  CHECK(resident(blocks, blocks_length) >= static_cast<std::size_t>(kPinned));
  for (Client& client : clients) {
    client.write(frame.substr(frame.size() - 1));
    CHECK(next_frame(java, client).payload == payload);
    client.shrink();
  }
  REQUIRE(pump(java, {}, [&] { return java.counter(ring::kBlockBytesReturned) >= kPinned - kHot; }, 5));
  settle(java);
  CHECK(java.counter(ring::kConnections) == kConnections);
  CHECK(java.counter(ring::kBlocksInUse) == 0);
  CHECK(java.counter(ring::kBlockBytesKept) <= kHot);
  CHECK(resident(blocks, blocks_length) <= static_cast<std::size_t>(kHot));
  for (Client& client : clients) client.close();
  expect_idle(java);
}

}  // namespace millrace::engine::test
