// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cerrno>
#include <random>
#include <string>
#include <vector>

#include "java_half.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

/// A bystander that must not notice what is done to others.
struct Bystander {
  explicit Bystander(JavaHalf& java, std::uint16_t port)
      : client(Client::tcp(port)), id(open_connection(java, client)) {}
  void check(JavaHalf& java) {
    client.write(client_frame(kBinary, pattern(5'000, ++number)));
    const Echo before = java.echo;
    java.echo = Echo::borrowed;
    const bool same = next_frame(java, client).payload == pattern(5'000, number);
    java.echo = before;
    CHECK(same);
  }
  Client client;
  Id id;
  unsigned number = 0;
};

}  // namespace

TEST_CASE("a bad command closes the connection it names, and no other") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  Bystander bystander(java, port);
  const std::uint64_t region = ring::make_address(java.region_id(), 0);
  const std::uint64_t send_area = region + ring::kSendAreaOffset;
  const std::uint64_t send_area_end = send_area + ring::kSendAreaLength;
  struct Bad {
    std::uint8_t type;
    std::uint8_t opcode;
    std::uint16_t flags;
    std::uint64_t address;
    std::uint32_t length;
  };
  const Bad bad[] = {
      {ring::kSend, kText, 0, send_area + 14, 1},
      {ring::kSend, kText, ring::kStaged | ring::kBorrowed, send_area + 14, 1},
      {ring::kSend, kContinuation, ring::kStaged, send_area + 14, 1},
      {ring::kSend, kCloseFrame, ring::kStaged, send_area + 14, 1},
      {ring::kSend, kPongFrame, ring::kStaged, send_area + 14, 1},
      {ring::kSend, kPing, ring::kStaged, send_area + 14, 1},
      {ring::kSend, 255, ring::kStaged, send_area + 14, 1},
      {ring::kSend, kText, ring::kStaged, send_area + 13, 1},     // no headroom
      {ring::kSend, kText, ring::kStaged, send_area_end - 1, 2},  // beyond the end
      {ring::kSend, kText, ring::kStaged, send_area_end + 1, 0},
      {ring::kSend, kText, ring::kStaged, send_area + 14, 0xffffffff},
      {ring::kSend, kText, ring::kStaged, region, 1},                   // the arena
      {ring::kSend, kText, ring::kStaged, send_area + 14 - region, 1},  // the shared region
      {ring::kSend, kText, ring::kStaged, ring::make_address(999, ring::kSendAreaOffset + 14), 1},
      {ring::kSend, kText, ring::kBorrowed, region + 650'000, 10'000},         // out of the arena
      {ring::kSend, kText, ring::kBorrowed, region + 1, 1},                    // no header before it
      {ring::kSend, kText, ring::kBorrowed, region + 3, 3000},                 // nor here
      {ring::kSend, kText, ring::kBorrowed, region + ring::kBlocksOffset, 1},  // no live block
      {ring::kSend, kText, ring::kBorrowed, region + (std::uint64_t{1} << 47), 1},
      {ring::kSend, kText, ring::kBorrowed, ring::make_address(65535, 0), 1},
      {ring::kSend, kText, ring::kOwned, region + ring::kBlocksOffset, 1},
      {ring::kSend, kText, ring::kOwned, region, 1},
      {ring::kSend, kText, ring::kOwned, send_area + 14, 1},
      {ring::kSend, kText, ring::kOwned, ring::make_address(0, 0), 1},
      {ring::kAcceptUpgrade, 0, ring::kBody, 0, 0},           // already open
      {ring::kRespond, 0, ring::kStaged, send_area + 14, 1},  // already open
      {ring::kClose, 0, ring::kStaged, send_area_end, 1},
      {ring::kClose, 0, ring::kStaged, region, 5},
      {ring::kBatch, ring::kFlushBatch + 1, 0, 1000, 10},
  };
  std::int64_t rejected = java.counter(ring::kCommandsRejected);
  for (std::size_t index = 0; index < std::size(bad); ++index) {
    CAPTURE(index);
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    ring::Record command = java.connection_command(bad[index].type, id);
    command.opcode = bad[index].opcode;
    command.flags = bad[index].flags;
    command.address = bad[index].address;
    command.length = bad[index].length;
    java.put(command);
    java.send(id, kText, "behind it");
    REQUIRE(pump(java, {&client}, [&] { return java.closed(id) != nullptr; }, 5));
    CHECK(java.closed(id)->code() == 1011);
    CHECK(java.closed(id)->error_number() == EINVAL);
    CHECK(java.counter(ring::kCommandsRejected) == ++rejected);
    REQUIRE(pump(java, {&client}, [&] { return client.ended(); }));
    CHECK(client.available() == 0);
    java.events.clear();
    bystander.check(java);
    java.events.clear();
  }
  bystander.client.close();
  expect_idle(java);
}

TEST_CASE("credit and batches are of open connections: before that they are refused, behind a Close nothing") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  std::int64_t rejected = java.counter(ring::kCommandsRejected);
  for (const std::uint8_t type : {ring::kCredit, ring::kBatch, ring::kHold, ring::kFinish}) {
    CAPTURE(static_cast<int>(type));
    java.accept_upgrades = false;
    Client early = Client::tcp(port);
    early.write(upgrade_request());
    REQUIRE(pump(java, {&early}, [&] { return java.first(ring::kRequest) != nullptr; }));
    const Id undecided = java.last_request();
    java.put(java.connection_command(type, undecided));
    REQUIRE(pump(java, {&early}, [&] { return java.closed(undecided) != nullptr; }));
    CHECK(java.counter(ring::kCommandsRejected) == ++rejected);

    java.accept_upgrades = true;
    Client late = Client::tcp(port);
    const Id closing = open_connection(java, late);
    java.close(closing, 1000);
    ring::Record command = java.connection_command(type, closing);
    command.auxiliary = 1;
    command.length = 10;
    java.put(command);
    CHECK(next_frame(java, late).close_code() == 1000);
    late.write(client_close(1000));
    late.finish();
    REQUIRE(pump(java, {&late}, [&] { return java.closed(closing) != nullptr; }));
    CHECK(java.closed(closing)->code() == 1000);
    CHECK(java.counter(ring::kCommandsRejected) == rejected);
    java.events.clear();
  }
  expect_idle(java);
}

TEST_CASE("nothing is of an answered connection any more, whatever its chain still names") {
  JavaHalf java;
  java.accept_upgrades = false;
  const std::uint16_t port = java.listen();
  std::int64_t rejected = java.counter(ring::kCommandsRejected);
  for (const std::uint8_t type : {ring::kRespond, ring::kCredit, ring::kBatch, ring::kHold, ring::kFinish}) {
    CAPTURE(static_cast<int>(type));
    Client client = Client::tcp(port);
    client.write(upgrade_request());
    REQUIRE(pump(java, {&client}, [&] { return java.first(ring::kRequest) != nullptr; }));
    const Id id = java.last_request();
    java.respond(id, "HTTP/1.1 403 Forbidden\r\n\r\n");
    java.put(java.connection_command(type, id));
    java.forget(id);
    (void)java.turn();
    CHECK(java.counter(ring::kCommandsRejected) == ++rejected);
    CHECK(java.counter(ring::kConnections) == 0);
    java.events.clear();
  }
  expect_idle(java);
}

TEST_CASE("a rejected or stale command gives up the block it owned") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  Client client = Client::tcp(port);
  Id id = open_connection(java, client);
  SUBCASE("stale generation") {
    java.send({id.slot, id.generation + 1}, kText, "x", Echo::owned, 5);
    java.send({id.slot + 1, 1}, kText, "x", Echo::shared, 6);
    java.send({0xffffffff, 1}, kText, "x", Echo::owned, 7);
    java.turn();
    settle(java);
    CHECK(java.counter(ring::kStaleCommands) == 3);
    CHECK(java.count(ring::kSent) == 3);
    CHECK(java.closed(id) == nullptr);
  }
  SUBCASE("more bytes than the block has") {
    const std::uint64_t address = java.block_with("x");
    java.send_block(id, kText, address, 257);
    REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
    CHECK(capacity(static_cast<std::int64_t>(address)) < 0);
  }
  SUBCASE("a wrong opcode") {
    java.send(id, kCloseFrame, "x", Echo::shared);
    REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
  }
  SUBCASE("behind CLOSE") {
    java.close(id, 1000);
    java.send(id, kText, "x", Echo::owned, 9);
    java.turn();
    REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kSent) == 1; }));
    CHECK((java.first(ring::kSent)->record.flags & ring::kFailed) != 0);
  }
  settle(java);
  CHECK(java.counter(ring::kBlocksInUse) == 0);
  client.close();
  expect_idle(java);
}

TEST_CASE("calls with impossible arguments are refused") {
  CHECK(abi() == ring::kAbi);
  CHECK(tick(-1, 0, 0) == -EBADF);
  CHECK(tick(0x7fff0000, 0, 0) == -EBADF);
  CHECK(wake(0x7fffffff) == -EBADF);
  CHECK(destroy_group(-1) == -EBADF);
  CHECK(destroy_group(100'000) == -EBADF);
  CHECK(create(-1, test_options()) == -EBADF);
  CHECK(capacity(-1) == -EINVAL);
  CHECK(retain(0) == -EINVAL);
  CHECK(release(0x7fff000000000000) == -EINVAL);
  CHECK(acquire_shared(-1) == -EINVAL);
  CHECK(acquire_shared(std::int64_t{1} << 40) == -ENOMEM);
  {
    JavaHalf java;
    CHECK(tick(java.handle(), -1, 0) == -EINVAL);
    CHECK(tick(java.handle(), static_cast<int>(ring::kRecords) + 1, 0) == -EINVAL);
    CHECK(flush(java.handle(), -1) == -EINVAL);
    CHECK(acquire(java.handle(), -1) == -EINVAL);
    CHECK(acquire(java.handle(), std::int64_t{1} << 40) == -ENOMEM);
    CHECK(destroy_group(java.group()) == -EBUSY);
    CHECK(release_mappings(java.handle()) == -EBUSY);
  }
  const auto refused = [](auto change) {
    const std::int64_t group = create_group();
    ring::LoopOptions options = test_options();
    change(options);
    const int loop = create(group, options);
    CHECK(loop == -EINVAL);
    CHECK(destroy_group(group) == 0);
  };
  refused([](ring::LoopOptions& options) { options.region_bytes = 1 << 20; });
  refused([](ring::LoopOptions& options) { options.region_bytes += 1; });
  refused([](ring::LoopOptions& options) { options.region_bytes = std::int64_t{1} << 40; });
  refused([](ring::LoopOptions& options) { options.max_message_bytes = -1; });
  refused([](ring::LoopOptions& options) { options.max_message_bytes = options.region_bytes; });
  refused([](ring::LoopOptions& options) { options.high_water_bytes = 0; });
  refused([](ring::LoopOptions& options) { options.handshake_timeout_ns = 0; });
  refused([](ring::LoopOptions& options) { options.close_timeout_ns = -1; });
  refused([](ring::LoopOptions& options) { options.max_connections = 0; });
  refused([](ring::LoopOptions& options) { options.max_connections = 1 << 30; });
  refused([](ring::LoopOptions& options) { options.max_fragments = 0; });
  refused([](ring::LoopOptions& options) { options.max_header_bytes = 1 << 30; });
  refused([](ring::LoopOptions& options) { options.max_request_line = 0; });
  refused([](ring::LoopOptions& options) { options.messages_per_second = -1; });
  refused([](ring::LoopOptions& options) { options.bytes_per_second = -1; });
  refused([](ring::LoopOptions& options) { options.max_credit_bytes = -1; });
}

TEST_CASE("a LISTEN that cannot be done is told, and leaves nothing behind") {
  JavaHalf java;
  const std::uint16_t port = java.listen(0);
  const std::size_t descriptors = open_descriptors();
  const auto fails = [&](std::uint32_t index, const std::string& body, std::uint16_t flags, std::uint32_t length) {
    ring::Record command{};
    command.type = ring::kListen;
    command.slot = index;
    command.flags = flags;
    command.address = java.body(body);
    command.length = length;
    java.put(command);
    java.turn();
    REQUIRE(java.events.size() == 1);
    CHECK(java.events[0].record.type == ring::kListening);
    CHECK(java.events[0].record.flags == ring::kFailed);
    const std::uint16_t error = java.events[0].code();
    java.events.clear();
    return error;
  };
  ring::ListenBody listen{};
  listen.family = 4;
  listen.backlog = 16;
  listen.ip[0] = 127;
  listen.ip[3] = 1;
  const auto body = [&] { return std::string(reinterpret_cast<const char*>(&listen), sizeof listen); };
  CHECK(fails(0, body(), ring::kBody, sizeof listen) == EINVAL);  // index in use
  CHECK(fails(64, body(), ring::kBody, sizeof listen) == EINVAL);
  CHECK(fails(1, body(), 0, sizeof listen) == EINVAL);
  CHECK(fails(1, body(), ring::kBody, sizeof listen - 1) == EINVAL);
  CHECK(fails(1, body(), ring::kBody, 1 << 20) == EINVAL);
  listen.port = port;
  CHECK(fails(1, body(), ring::kBody, sizeof listen) == EADDRINUSE);
  listen.family = 99;
  CHECK(fails(1, body(), ring::kBody, sizeof listen) != 0);
  listen.family = 1;
  listen.path_length = 5;
  CHECK(fails(1, body(), ring::kBody, sizeof listen) == EINVAL);  // the path is not in the body
  listen.path_length = 108;
  CHECK(fails(1, body() + std::string(108, 'p'), ring::kBody, sizeof listen + 108) == EINVAL);
  const std::string path = "/no/such/folder/s";
  listen.path_length = static_cast<std::uint32_t>(path.size());
  const auto length = static_cast<std::uint32_t>(sizeof listen + path.size());
  CHECK(fails(1, body() + path, ring::kBody, length) == ENOENT);
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("garbage records by the thousand") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  JavaHalf java;
  const std::uint16_t port = java.listen(63);
  Bystander bystander(java, port);
  std::vector<Client> victims;
  std::vector<Id> ids;
  const auto replenish = [&] {
    while (victims.size() < 6) {
      victims.push_back(Client::tcp(port));
      ids.push_back(open_connection(java, victims.back()));
      victims.back().write(client_header(kBinary, 100'000) + pattern(500));  // a message that is being assembled
    }
  };
  const auto address = [&]() -> std::uint64_t {
    const std::uint64_t region = ring::make_address(java.region_id(), 0);
    switch (random() % 6) {
      case 0:
        return random();
      case 1:
        return region + ring::kSendAreaOffset + random() % (ring::kSendAreaLength + 100);
      case 2:
        return region + random() % ring::kBlocksOffset;
      case 3:  // a part of the region in which no block lives: a reference that is somebody's cannot be told from ours
        return region + (48 << 20) + random() % (32 << 20);
      case 4:
        return random() % 65536;
      default:
        return ring::make_address(static_cast<std::uint16_t>(random()), random() % (64 << 20));
    }
  };
  for (int round = 0; round < 60; ++round) {
    replenish();
    for (int number = 0; number < 100; ++number) {
      ring::Record command{};
      command.type = static_cast<std::uint8_t>(random() % 8 == 0 ? random() : 3 + random() % 9);
      command.opcode = static_cast<std::uint8_t>(random() % 2 == 0 ? random() % 16 : random());
      command.flags = static_cast<std::uint16_t>(random() % 4 == 0 ? random() : 1U << (random() % 5));
      const Id id = ids[random() % ids.size()];
      command.slot = random() % 4 == 0 ? static_cast<std::uint32_t>(random()) : id.slot;
      command.generation = random() % 4 == 0 ? static_cast<std::uint32_t>(random()) : id.generation;
      if (command.slot == bystander.id.slot && command.generation == bystander.id.generation) continue;
      if (command.type == ring::kListen || command.type == ring::kUnlisten) command.slot = 10 + command.slot % 50;
      command.address = address();
      command.length = static_cast<std::uint32_t>(random() % 3 == 0 ? random() : random() % 5'000);
      command.auxiliary = random() % 2 == 0 ? random() : random() % 5'000;
      java.put(command);
    }
    java.turn();
    std::vector<Client*> all;
    for (Client& victim : victims) all.push_back(&victim);
    for (int turns = 0; turns < 3; ++turns) {
      for (Client* client : all) client->work();
      java.turn();
    }
    for (std::size_t index = victims.size(); index-- > 0;) {
      if (java.closed(ids[index]) == nullptr && random() % 3 != 0) continue;
      victims.erase(victims.begin() + static_cast<std::ptrdiff_t>(index));
      ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(index));
    }
    java.events.clear();
    bystander.check(java);
    java.events.clear();
  }
  CHECK(java.counter(ring::kCommandsRejected) > 0);
  CHECK(java.counter(ring::kStaleCommands) > 0);
  victims.clear();
  bystander.client.close();
  // PAUSE_READS may have hit one whose peer is gone: it is told when reading resumes.
  for (std::uint32_t slot = 0; slot < 16; ++slot) {
    for (std::uint32_t generation = 0; generation < 400; ++generation) java.resume({slot, generation});
  }
  expect_idle(java);
}

TEST_CASE("RELEASE of what is no block is harmless, a double one too") {
  JavaHalf java;
  const std::uint64_t address = java.block_with("x");
  java.release(address);
  java.release(address);
  java.release(0);
  java.release(~std::uint64_t{0});
  java.release(ring::make_address(java.region_id(), 0));
  java.turn();
  java.turn();
  CHECK(java.counter(ring::kBlocksInUse) == 0);
  CHECK(release(static_cast<std::int64_t>(address)) == -EINVAL);
}

TEST_CASE("a slot is used again under another generation, and late commands do not reach its new owner") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  Id before;
  for (int round = 0; round < 50; ++round) {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    if (round > 0) {
      CHECK(id.slot == before.slot);
      CHECK(id.generation != before.generation);
      java.send(before, kText, "for the one before");
      java.close(before, 1000);
      java.abort(before);
    }
    java.send(id, kText, "for you");
    CHECK(next_frame(java, client).payload == "for you");
    before = id;
    client.close();
    expect_idle(java);
    java.events.clear();
  }
  CHECK(java.counter(ring::kStaleCommands) == 49 * 3);
}

TEST_CASE("more connections than slots: the surplus is turned away, slots that are free again are used") {
  ring::LoopOptions options = test_options();
  options.max_connections = 3;
  JavaHalf java(options);
  const std::uint16_t port = java.listen();
  std::vector<Client> clients;
  for (int index = 0; index < 3; ++index) {
    clients.push_back(Client::tcp(port));
    open_connection(java, clients.back());
  }
  Client surplus = Client::tcp(port);
  REQUIRE(pump(java, {&surplus}, [&] { return surplus.ended(); }));
  CHECK(java.counter(ring::kAcceptFailures) == 1);
  clients.pop_back();
  REQUIRE(pump(java, {}, [&] { return java.counter(ring::kConnections) == 2; }));
  Client again = Client::tcp(port);
  open_connection(java, again);
  clients.clear();
  again.close();
  expect_idle(java);
}

}  // namespace millrace::engine::test
