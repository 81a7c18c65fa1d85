// SPDX-License-Identifier: Apache-2.0
//
// The turn itself: when it waits, when it returns, what it does when descriptors or memory run out, and several loops.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "java_half.hpp"
#include "os/os.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

/// Takes every descriptor that is free, and keeps the process from getting more.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit limit = before_;
    limit.rlim_cur = 256;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (int fd = dup(0); fd >= 0; fd = dup(0)) taken_.push_back(fd);
    REQUIRE(errno == EMFILE);
  }
  ~NoDescriptors() {
    setrlimit(RLIMIT_NOFILE, &before_);
    for (const int fd : taken_) ::close(fd);
  }
  void give_back(int count) {
    for (; count > 0; --count) {
      ::close(taken_.back());
      taken_.pop_back();
    }
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

}  // namespace

TEST_CASE("a turn with nothing to do blocks until its timeout, and returns without events") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  open_connection(java, client);
  settle(java);
  const std::int64_t start = os::clock_ns();
  CHECK(java.turn(150 * kMilli) == 0);
  CHECK(os::clock_ns() - start >= 150 * kMilli);
  expect_no_spin(java);
  client.close();
  expect_idle(java);
}

TEST_CASE("a timeout beyond the end of time is no timeout") {
  ring::LoopOptions options = test_options();
  options.handshake_timeout_ns = INT64_MAX;
  options.close_timeout_ns = INT64_MAX;
  JavaHalf java(options);
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.close(id, 1000);
  client.write(client_close(1000));
  client.work();
  client.finish();
  for (int turns = 0; turns < 10 && java.closed(id) == nullptr; ++turns) java.turn(INT64_MAX);
  REQUIRE(java.closed(id) != nullptr);
  CHECK(java.closed(id)->code() == 1000);
  CHECK(java.closed(id)->record.flags == 0);
}

TEST_CASE("wake ends a wait without end, from another thread" * doctest::test_suite("threads")) {
  JavaHalf java;
  java.listen();
  for (int round = 0; round < 200; ++round) {
    std::thread waker([&] { CHECK(wake(java.handle()) == 0); });
    CHECK(java.turn(-1) == 0);
    waker.join();
    // One wake may have come as two: whatever is left of it does not end a later wait.
  }
  CHECK(java.counter(ring::kWakeups) > 0);
  const std::int64_t start = os::clock_ns();
  while (os::clock_ns() - start < 10 * kMilli) java.turn(0);
  const std::int64_t quiet = os::clock_ns();
  CHECK(java.turn(30 * kMilli) == 0);
  CHECK(os::clock_ns() - quiet >= 30 * kMilli);
}

TEST_CASE("many wakes from many threads end at least one wait each round" * doctest::test_suite("threads")) {
  JavaHalf java;
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> ready{0};
    std::vector<std::thread> wakers;
    for (int thread = 0; thread < 4; ++thread) {
      wakers.emplace_back([&] {
        ++ready;
        for (int wakes = 0; wakes < 50; ++wakes) CHECK(wake(java.handle()) == 0);
      });
    }
    CHECK(java.turn(-1) == 0);
    for (std::thread& waker : wakers) waker.join();
    CHECK(ready == 4);
  }
}

TEST_CASE("a wake before the wait is not lost") {
  JavaHalf java;
  CHECK(wake(java.handle()) == 0);
  const std::int64_t start = os::clock_ns();
  CHECK(java.turn(20 * kSecond) == 0);
  CHECK(os::clock_ns() - start < 10 * kSecond);
}

TEST_CASE("timers: never early, in order, once, with the token's generation") {
  JavaHalf java;
  const std::int64_t start = os::clock_ns();
  java.set_timer(3, 30, 40 * kMilli);
  java.set_timer(1, 10, 20 * kMilli);
  java.set_timer(2, 20, 30 * kMilli);
  java.set_timer(4, 40, 0);
  java.set_timer(5, 50, 25 * kMilli);
  java.cancel_timer(5, 50);
  std::vector<std::uint32_t> fired;
  while (fired.size() < 4) {
    REQUIRE(java.turn(10 * kSecond) > 0);
    for (const Event& event : java.events) {
      REQUIRE(event.record.type == ring::kTimer);
      CHECK(event.record.generation == event.record.slot * 10);
      constexpr std::int64_t kDelays[] = {0, 20 * kMilli, 30 * kMilli, 40 * kMilli, 0};
      CHECK(os::clock_ns() - start >= kDelays[event.record.slot]);
      fired.push_back(event.record.slot);
    }
    java.events.clear();
  }
  CHECK(fired == std::vector<std::uint32_t>{4, 1, 2, 3});
  CHECK(java.turn(20 * kMilli) == 0);
}

TEST_CASE("timer commands that fit nothing") {
  JavaHalf java;
  java.set_timer(7, 1, 10 * kMilli);
  java.set_timer(7, 2, 1 * kMilli);        // the token is set already
  java.set_timer(1 << 20, 1, 1 * kMilli);  // no such token
  java.cancel_timer(1 << 20, 1);
  java.cancel_timer(8, 1);          // not set
  java.cancel_timer(7, 3);          // not that generation
  java.set_timer(9, 1, INT64_MAX);  // never
  java.turn();
  CHECK(java.counter(ring::kCommandsRejected) == 2);
  REQUIRE(pump(java, {}, [&] { return java.count(ring::kTimer) == 1; }));
  CHECK(java.first(ring::kTimer)->id() == Id{7, 1});
  java.set_timer(7, 4, 1 * kMilli);  // free again
  REQUIRE(pump(java, {}, [&] { return java.count(ring::kTimer) == 2; }));
}

TEST_CASE("thousands of timers at once wait for room in the event ring and all come") {
  JavaHalf java;
  constexpr std::uint32_t kTimers = 10'000;
  for (std::uint32_t token = 0; token < kTimers; ++token) java.set_timer(token, token + 1, token % 7 * kMilli);
  REQUIRE(pump(java, {}, [&] { return java.count(ring::kTimer) == kTimers; }));
  std::vector<bool> seen(kTimers);
  for (const Event& event : java.events) {
    CHECK(event.record.generation == event.record.slot + 1);
    seen[event.record.slot] = true;
  }
  CHECK(std::find(seen.begin(), seen.end(), false) == seen.end());
}

TEST_CASE("out of descriptors: no spin, and accepting goes on when one is free") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  std::vector<Client> clients;
  for (int index = 0; index < 3; ++index) clients.push_back(Client::tcp(port));
  NoDescriptors none;
  const std::int64_t failures = java.counter(ring::kAcceptFailures);
  const std::int64_t start = os::clock_ns();
  while (os::clock_ns() - start < 300 * kMilli) expect_no_spin(java);
  const std::int64_t elapsed = os::clock_ns() - start;
  CHECK(java.counter(ring::kAcceptFailures) > failures);
  CHECK(java.counter(ring::kAcceptFailures) - failures <= elapsed / (50 * kMilli) + 1);
  CHECK(java.counter(ring::kAccepted) == 0);
  none.give_back(1);
  const std::int64_t freed = os::clock_ns();
  REQUIRE(pump(java, {}, [&] { return java.counter(ring::kAccepted) == 1; }));
  CHECK(os::clock_ns() - freed < kSecond);  // 50 ms, and what a busy machine adds
  none.give_back(5);
  for (Client& client : clients) open_connection(java, client);
  clients.clear();
  expect_idle(java);
}

TEST_CASE("UNLISTEN while accepting rests for want of descriptors") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  Client client = Client::tcp(port);
  {
    NoDescriptors none;
    REQUIRE(pump(java, {}, [&] { return java.counter(ring::kAcceptFailures) > 0; }));
    java.unlisten();
    java.turn();
  }
  const std::int64_t start = os::clock_ns();
  while (os::clock_ns() - start < 120 * kMilli) java.turn(50 * kMilli);
  REQUIRE(pump(java, {&client}, [&] { return client.ended(); }));
  CHECK(java.counter(ring::kAccepted) == 0);
}

TEST_CASE("UNLISTEN closes the listener, connections stay") {
  const Folder folder;
  JavaHalf java;
  java.echo = Echo::borrowed;
  const std::uint16_t port = java.listen(0);
  java.listen_local(folder.file("s"), 1);
  Client client = Client::tcp(port);
  open_connection(java, client);
  CHECK(access(folder.file("s").c_str(), F_OK) == 0);
  java.unlisten(0);
  java.unlisten(1);
  java.unlisten(2);  // not open
  java.turn();
  CHECK(java.counter(ring::kCommandsRejected) == 1);
  CHECK(access(folder.file("s").c_str(), F_OK) != 0);
  Client late = Client::tcp(port);
  REQUIRE(pump(java, {&late}, [&] { return late.error() == ECONNREFUSED; }));
  client.write(client_frame(kText, "still here"));
  CHECK(next_frame(java, client).payload == "still here");
  CHECK(java.listen(0) != 0);
  client.close();
  expect_idle(java);
}

TEST_CASE("destroy with everything open leaks no descriptor, no block and no file") {
  const Folder folder;
  const std::size_t before = open_descriptors();
  {
    std::vector<Client> clients;
    JavaHalf java;
    const std::uint16_t port = java.listen();
    java.listen_local(folder.file("s"), 1);
    const auto add = [&](int buffer = 0) -> Client& {
      clients.push_back(Client::tcp(port, buffer));
      return clients.back();
    };
    clients.reserve(16);
    add();
    add().write("GET / HT");
    Client& assembling = add();
    open_connection(java, assembling);
    assembling.write(client_header(kBinary, 1 << 20) + pattern(1'000));
    Client& rest = add();
    open_connection(java, rest);
    rest.write(client_header(kPing, 100) + pattern(50));
    Client& slow = add(4096);
    const Id id = open_connection(java, slow);
    slow.appetite = 0;
    for (int sends = 0; sends < 30; ++sends)
      java.send(id, kBinary, pattern(500'000), sends % 2 == 0 ? Echo::owned : Echo::shared);
    Client& flood = add();
    open_connection(java, flood);
    java.accept_upgrades = false;
    Client& deciding = add();
    deciding.write(upgrade_request() + client_frame(kText, "held"));
    Client& draining = add();
    draining.write("nonsense\r\n\r\n");
    std::vector<Client*> all;
    for (Client& client : clients) all.push_back(&client);
    REQUIRE(pump(java, all, [&] {
      return java.counter(ring::kHandshakesRefused) == 1 && java.last_request() != id &&
             java.counter(ring::kBlocksInUse) > 10;
    }));
    for (int number = 0; number < 10'000; ++number) flood.write(client_frame(kPing, "x") + client_frame(kText, "y"));
    REQUIRE(pump(java, all, [&] { return java.counter(ring::kEventRingFull) > 0; }));
    add();  // waits in the backlog
  }
  CHECK(open_descriptors() == before);
  CHECK(access(folder.file("s").c_str(), F_OK) != 0);
}

TEST_CASE("two hundred loops one after the other leave nothing") {
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 200; ++round) {
    JavaHalf java;
    java.listen();
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a handle is dead after destroy, wake stays harmless") {
  const std::int64_t group = create_group();
  const int loop = create(group, test_options());
  REQUIRE(loop >= 0);
  CHECK(region_id(loop) > 0);
  CHECK(destroy(loop) == 0);
  CHECK(destroy(loop) == -EBADF);
  CHECK(tick(loop, 0, 0) == -EBADF);
  CHECK(flush(loop, 0) == -EBADF);
  CHECK(acquire(loop, 10) == -EBADF);
  CHECK(wake(loop) == 0);
  CHECK(control(loop).start != nullptr);
  CHECK(release_mappings(loop) == 0);
  CHECK(release_mappings(loop) == -EBADF);
  CHECK(wake(loop) == -EBADF);
  const int next = create(group, test_options());
  CHECK(next != loop);
  CHECK(tick(loop, 0, 0) == -EBADF);
  CHECK(destroy(next) == 0);
  CHECK(release_mappings(next) == 0);
  CHECK(destroy_group(group) == 0);
}

TEST_CASE("the region full: who pins most goes with 1013, the others are served") {
  ring::LoopOptions options = test_options();
  options.region_bytes = 16 << 20;
  options.max_message_bytes = 4 << 20;
  JavaHalf java(options);
  const std::uint16_t port = java.listen();
  Client small = Client::tcp(port);
  const Id small_id = open_connection(java, small);
  std::vector<Client> clients;
  std::vector<Id> ids;
  for (int index = 0; index < 6; ++index) {
    clients.push_back(Client::tcp(port));
    ids.push_back(open_connection(java, clients.back()));
    clients.back().write(client_header(kBinary, 4 << 20) + std::string((4 << 20) - 1, 'x'));
  }
  std::vector<Client*> all;
  for (Client& client : clients) all.push_back(&client);
  std::size_t told = 0;
  REQUIRE(pump(java, all, [&] {
    bool all_read = true;
    told = 0;
    for (Client& client : clients) {
      all_read &= client.ended() || client.unwritten() == 0;
      told += client.ended() ? 1 : 0;
    }
    return all_read && told > 0;
  }));
  CHECK(java.counter(ring::kRegionFull) > 0);
  CHECK(told < 6);
  for (Client& client : clients) {
    if (!client.ended()) continue;
    CHECK(client.eof());
    const auto frame = client.take_frame();
    REQUIRE(frame);
    CHECK(frame->close_code() == 1013);
  }
  CHECK(java.closed(small_id) == nullptr);
  java.echo = Echo::borrowed;
  small.write(client_frame(kText, "served"));
  CHECK(next_frame(java, small).payload == "served");
  CHECK(acquire(java.handle(), 15 << 20) == -ENOMEM);
  clients.clear();
  small.close();
  expect_idle(java);
  std::size_t closed_for_room = 0;
  for (const Event& event : java.events) {
    if (event.record.type == ring::kClosed && event.code() == 1013) ++closed_for_room;
  }
  CHECK(closed_for_room >= told);  // the last may have been closed since they were asked
  CHECK(closed_for_room < 6);
  const std::int64_t block = acquire(java.handle(), 4 << 20);
  CHECK(block > 0);
  CHECK(release(block) == 0);
}

namespace {

/// All that is left of a loop's region, down to the smallest blocks.
std::vector<std::int64_t> acquire_all(const JavaHalf& java) {
  std::vector<std::int64_t> blocks;
  for (std::int64_t length = 8 << 20; length >= 256; length /= 2) {
    std::int64_t block;
    while ((block = acquire(java.handle(), length)) > 0) blocks.push_back(block);
  }
  return blocks;
}

void release_all(const std::vector<std::int64_t>& blocks) {
  for (const std::int64_t block : blocks) CHECK(release(block) == 0);
}

ring::LoopOptions small_region() {
  ring::LoopOptions options = test_options();
  options.region_bytes = 16 << 20;
  options.max_message_bytes = 4 << 20;
  return options;
}

}  // namespace

TEST_CASE("the region full while held input is parsed: the next in the walk may be the one that goes") {
  JavaHalf java(small_region());
  java.accept_upgrades = false;
  const std::uint16_t port = java.listen();
  Client light = Client::tcp(port);
  light.write(upgrade_request() + client_header(kBinary, 100'000) + "x");
  REQUIRE(pump(java, {&light}, [&] { return java.count(ring::kRequest) == 1; }));
  const Id light_id = java.last_request();
  Client heavy = Client::tcp(port);
  heavy.write(upgrade_request() + client_frame(kText, std::string(3000, 'h')));
  REQUIRE(pump(java, {&heavy}, [&] { return java.count(ring::kRequest) == 2; }));
  const Id heavy_id = java.last_request();
  settle(java);
  REQUIRE(java.counter(ring::kBlocksInUse) == 2);

  const std::vector<std::int64_t> blocks = acquire_all(java);
  const std::int64_t before = java.counter(ring::kRegionFull);
  java.accept(heavy_id);
  java.accept(light_id);
  java.turn();
  CHECK(java.counter(ring::kRegionFull) > before);
  release_all(blocks);

  REQUIRE(pump(java, {&heavy}, [&] { return heavy.take_head().has_value(); }));
  CHECK(next_frame(java, heavy).close_code() == 1013);
  heavy.close();
  light.close();
  expect_idle(java);
}

TEST_CASE("the region full when the core closes on its own: who must go itself goes once") {
  ring::LoopOptions options = small_region();
  options.close_timeout_ns = 20 * kMilli;
  JavaHalf java(options);
  java.answer_closing = false;
  const std::uint16_t port = java.listen();
  Client client = Client::tcp(port, 4096);
  const Id id = open_connection(java, client);
  client.appetite = 0;
  for (int sends = 0; sends < 60 && java.buffered(id) == 0; ++sends) {
    java.send(id, kBinary, pattern(100'000), Echo::owned);
    java.turn();
  }
  REQUIRE(java.buffered(id) > 0);
  client.write(client_close(1000));
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kClosing) == 1; }));

  const std::vector<std::int64_t> blocks = acquire_all(java);
  const std::int64_t before = java.counter(ring::kRegionFull);
  REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
  CHECK(java.counter(ring::kRegionFull) > before);
  release_all(blocks);
  // A deadline of its own would be over by now.
  for (int turns = 0; turns < 4; ++turns) java.turn(10 * kMilli);

  Client one = Client::tcp(port);
  Client other = Client::tcp(port);
  CHECK(open_connection(java, one).slot != open_connection(java, other).slot);
  client.close();
  one.close();
  other.close();
  expect_idle(java);
}

TEST_CASE("a request head that drips pins no more than twice what came") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const std::string request = upgrade_request();
  const std::string head = request.substr(0, request.size() - 2) + "X-Long: ";
  client.write(head);
  std::size_t sent = head.size();
  for (const std::size_t more : {400, 1500, 5000, 3000}) {
    client.write(std::string(more, 'x'));
    sent += more;
    REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kBytesReceived) == static_cast<int>(sent); }));
    settle(java);
    CHECK(java.counter(ring::kBlockBytesInUse) <= static_cast<std::int64_t>(2 * sent + 1024));
    CHECK(java.counter(ring::kBlocksInUse) == 1);
  }
  client.write("\r\n\r\n");
  REQUIRE(pump(java, {&client}, [&] { return client.take_head().has_value(); }));
  client.close();
  expect_idle(java);
}

TEST_CASE("several loops: one listens, all serve, nobody gets much more than the others") {
  const std::int64_t group = create_group();
  {
    JavaHalf first(test_options(), group);
    JavaHalf second(test_options(), group);
    JavaHalf third(test_options(), group);
    std::vector<JavaHalf*> halves{&first, &second, &third};
    const std::uint16_t port = first.listen();
    std::vector<Client> clients;
    std::vector<Client*> all;
    clients.reserve(30);
    for (int index = 0; index < 30; ++index) {
      clients.push_back(Client::tcp(port));
      clients.back().write(upgrade_request() + client_frame(kBinary, pattern(3'000, index)));
      all.push_back(&clients.back());
    }
    for (JavaHalf* java : halves) java->echo = Echo::borrowed;
    std::size_t came = 0;
    REQUIRE(pump({&first, &second, &third}, all, [&] {
      for (int index = 0; index < 30; ++index) {
        (void)clients[index].take_head();
        while (const auto frame = clients[index].take_frame()) {
          CHECK(frame->payload == pattern(3'000, index));
          ++came;
        }
      }
      return came == 30;
    }));
    for (JavaHalf* java : halves) {
      CHECK(java->counter(ring::kConnections) >= 8);
      CHECK(java->counter(ring::kConnections) <= 12);
    }
    // A block of one loop goes out on a connection of another, and comes home to be freed.
    const std::string payload = pattern(2 << 20);
    const std::uint64_t address = first.block_with(payload);
    const Id other = second.last_request();
    second.echo = Echo::none;
    second.send_block(other, kBinary, address, static_cast<std::uint32_t>(payload.size()));
    std::size_t arrived = 0;
    REQUIRE(pump({&first, &second, &third}, all, [&] {
      for (Client& client : clients) {
        while (const auto frame = client.take_frame()) {
          CHECK((frame->payload == payload));
          ++arrived;
        }
      }
      return arrived == 1;
    }));
    REQUIRE(pump({&first, &second, &third}, all, [&] { return first.counter(ring::kBlocksInUse) == 0; }));
    clients.clear();
    for (JavaHalf* java : halves) expect_idle(*java);
  }
  CHECK(destroy_group(group) == 0);
}

TEST_CASE("a loop that goes while others still send its blocks") {
  const std::int64_t group = create_group();
  {
    JavaHalf staying(test_options(), group);
    const std::uint16_t port = staying.listen();
    Client client = Client::tcp(port, 4096);
    const Id id = open_connection(staying, client);
    client.appetite = 0;
    const std::string payload = pattern(8 << 20);
    const std::int64_t lonely = create_group();
    const int going = create(lonely, test_options());
    REQUIRE(going >= 0);
    const std::int64_t address = acquire(going, static_cast<std::int64_t>(payload.size()));
    REQUIRE(address > 0);
    auto* const bytes =
        static_cast<std::uint8_t*>(region(going).start) + ring::offset_of(static_cast<std::uint64_t>(address));
    std::copy(payload.begin(), payload.end(), bytes);
    staying.send_block(id, kBinary, static_cast<std::uint64_t>(address), static_cast<std::uint32_t>(payload.size()));
    staying.turn();
    REQUIRE(staying.buffered(id) > 0);
    CHECK(destroy(going) == 0);
    CHECK(release_mappings(going) == 0);
    CHECK(destroy_group(lonely) == 0);
    client.appetite = SIZE_MAX;
    const bool same = next_frame(staying, client).payload == payload;
    CHECK(same);
    // The next loop that is made or goes takes the orphaned region along.
    const std::int64_t next_group = create_group();
    const int next = create(next_group, test_options());
    CHECK(capacity(address) == -EINVAL);
    CHECK(destroy(next) == 0);
    CHECK(release_mappings(next) == 0);
    CHECK(destroy_group(next_group) == 0);
    client.close();
    expect_idle(staying);
  }
  CHECK(destroy_group(group) == 0);
}

TEST_CASE("loops on threads of their own: hand-off, blocks across loops, wakes" * doctest::test_suite("threads")) {
  const std::int64_t group = create_group();
  constexpr int kLoops = 3;
  constexpr int kClients = 12;
  std::atomic<bool> stop{false};
  std::atomic<int> port{0};
  std::atomic<int> made{0};
  std::atomic<bool> woken{false};
  std::vector<std::thread> threads;
  std::atomic<int> handles[kLoops];
  for (int index = 0; index < kLoops; ++index) {
    threads.emplace_back([&, index] {
      JavaHalf java(test_options(), group);
      handles[index] = java.handle();
      java.keep_events = false;
      java.echo = index == 0 ? Echo::borrowed : index == 1 ? Echo::shared : Echo::retained;
      ++made;
      while (made < kLoops) std::this_thread::yield();
      if (index == 0) {
        java.keep_events = true;
        port = java.listen();
        java.keep_events = false;
      }
      while (!stop) java.turn(-1);
      // An event may have ended the wait: the handle must live until its wake has come.
      while (!woken) std::this_thread::yield();
    });
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (port == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  REQUIRE(port != 0);
  std::vector<Client> clients;
  std::vector<Client*> all;
  clients.reserve(kClients);
  for (int index = 0; index < kClients; ++index) {
    clients.push_back(Client::tcp(static_cast<std::uint16_t>(port.load())));
    clients.back().write(upgrade_request());
    for (int number = 0; number < 20; ++number)
      clients.back().write(client_frame(kBinary, pattern(5'000 * number, number)));
    all.push_back(&clients.back());
  }
  std::vector<bool> opened(kClients);
  std::vector<int> came(kClients);
  const bool done = pump({}, all, [&] {
    bool complete = true;
    for (int index = 0; index < kClients; ++index) {
      if (!opened[index]) opened[index] = clients[index].take_head().has_value();
      while (opened[index]) {
        const auto frame = clients[index].take_frame();
        if (!frame) break;
        if (frame->payload != pattern(5'000 * came[index], came[index])) return false;
        ++came[index];
      }
      complete &= came[index] == 20;
    }
    return complete;
  });
  CHECK(done);
  clients.clear();
  stop = true;
  for (const auto& handle : handles) CHECK(wake(handle) == 0);
  woken = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(destroy_group(group) == 0);
}

}  // namespace millrace::engine::test
