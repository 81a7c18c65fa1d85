// SPDX-License-Identifier: Apache-2.0
//
// Credits, quotas and batches, counted exactly: Scene checks with every message that there was credit for it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include "engine/engine.hpp"
#include "engine/frames.hpp"
#include "scene.hpp"

namespace millrace::scene {

namespace {

using namespace engine::test;

/// One loop, clients that write all they have, and a clock that moves only when a turn waits.
class Flow {
 public:
  explicit Flow(const std::function<void(ring::LoopOptions&)>& set = {}, const sim::Options& kernel = {}) {
    (void)engine::shared_region();
    sim::start(kernel);
    ring::LoopOptions options = Scene::small_options();
    if (set) set(options);
    REQUIRE(scene.open(options) == 0);
    os::Address address;
    address.family = os::Family::ipv4;
    scene.listen(address);
    (void)scene.turn();
  }

  std::uint32_t upgraded() {
    const std::uint32_t client = scene.connect();
    REQUIRE(client != Scene::kNoClient);
    scene.client(client).say_upgrade();
    scene.pump();
    REQUIRE(scene.is_open(client));
    return client;
  }

  void say(std::uint32_t client, int messages, std::size_t length = 16) {
    for (int index = 0; index < messages; ++index) {
      scene.client(client).say_frame(2, pattern(length, static_cast<std::uint64_t>(index)), true, 1 << 20, 64);
    }
  }

  /// Until nothing moves; no time passes.
  void move() { scene.pump(); }

  void pass(std::int64_t time_ns) {
    const std::int64_t end_ns = os::clock_ns() + time_ns;
    while (os::clock_ns() < end_ns) {
      (void)scene.turn(std::min(end_ns - os::clock_ns(), kMilli));
      scene.pump();
    }
  }

  /// Counts from here.
  void mark() {
    sends_ = scene.counter(ring::kSends);
    kept_ = scene.counter(ring::kMessagesBatched);
    saved_ = scene.counter(ring::kSendsSaved);
  }
  [[nodiscard]] std::int64_t sends() const { return scene.counter(ring::kSends) - sends_; }
  [[nodiscard]] std::int64_t batched() const { return scene.counter(ring::kMessagesBatched) - kept_; }
  [[nodiscard]] std::int64_t saved() const { return scene.counter(ring::kSendsSaved) - saved_; }

  /// One message of Java's, executed by a turn of its own.
  void send(std::uint32_t client, std::size_t length = 100, Answer how = Answer::staged) {
    scene.send(client, 2, pattern(length), how);
    (void)scene.turn();
  }

  Scene scene;

 private:
  std::int64_t sends_ = 0;
  std::int64_t kept_ = 0;
  std::int64_t saved_ = 0;
};

}  // namespace

TEST_SUITE_BEGIN("credits");

TEST_CASE("as many messages as there are credits, and no byte more is read") {
  Flow flow;
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.credit(client, 3, 0);
  (void)scene.turn();
  flow.say(client, 10);
  flow.move();
  CHECK(scene.heard(client) == 3);
  CHECK(scene.counter(ring::kCreditStops) == 1);
  CHECK(scene.pinned(client) == 256);  // seven frames of 22 bytes
  flow.say(client, 5);
  flow.move();
  CHECK(scene.heard(client) == 3);
  CHECK(sim::unreceived(scene.client(client).peer()) == 5 * 22);
  scene.credit(client, 2, 0);
  flow.move();
  CHECK(scene.heard(client) == 5);
  CHECK(scene.counter(ring::kCreditStops) == 2);
  scene.credit(client, 100, 0);
  flow.move();
  CHECK(scene.heard(client) == 15);
  CHECK(scene.counter(ring::kCreditStops) == 2);
  CHECK(scene.pinned(client) == 0);
  scene.end_in_order();
}

TEST_CASE("credit that comes with each message lets one through a turn, stops nothing and copies little") {
  Flow flow;
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.credit(client, 1, 0);
  scene.credit_each(client, 1);
  (void)scene.turn();
  flow.say(client, 200);
  (void)scene.client(client).write();
  (void)scene.turn();
  CHECK(scene.heard(client) == 1);
  CHECK(scene.pinned(client) == 8192);  // 199 frames of 22 bytes
  for (int turns = 2; turns <= 150; ++turns) {
    (void)scene.turn();
    CHECK(scene.heard(client) == turns);
    // They stay where they lie until they take less than half of the block.
    CHECK(scene.pinned(client) == ((200 - turns) * 22 >= 4096 ? 8192 : (200 - turns) * 22 >= 2048 ? 4096 : 2048));
  }
  CHECK(scene.counter(ring::kBlockBytesHighWater) == 8192 + 4096);
  flow.move();
  CHECK(scene.heard(client) == 200);
  CHECK(scene.counter(ring::kCreditStops) == 0);
  scene.end_in_order();
}

TEST_CASE("a message is taken whole while a byte of credit is left, and what it takes beyond is owed") {
  Flow flow([](ring::LoopOptions& options) { options.max_credit_bytes = 5000; });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.credit(client, 0, 1);
  (void)scene.turn();
  flow.say(client, 6, 1000);
  flow.move();
  CHECK(scene.heard(client) == 1);
  scene.credit(client, 0, 999);  // pays what is owed
  flow.move();
  CHECK(scene.heard(client) == 1);
  scene.credit(client, 0, 1001);
  flow.move();
  CHECK(scene.heard(client) == 3);
  flow.say(client, 6, 1000);
  scene.credit(client, 0, UINT64_MAX);
  scene.credit(client, 0, UINT64_MAX);  // no more than the limit piles up
  flow.move();
  CHECK(scene.heard(client) == 8);
  scene.credit(client, UINT64_MAX, 1);
  scene.credit(client, UINT64_MAX, 0);
  flow.move();
  CHECK(scene.heard(client) == 9);
  scene.end_in_order();
}

TEST_CASE("however much is given to who owes, the sum holds") {
  Flow flow;
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.credit(client, 0, 1);
  (void)scene.turn();
  flow.say(client, 3, 1000);
  flow.move();
  CHECK(scene.heard(client) == 1);
  scene.credit(client, 0, std::uint64_t{1} << 63);
  flow.move();
  CHECK(scene.heard(client) == 3);
  scene.end_in_order();
}

TEST_CASE("cut at every byte, with fragments and control frames between, nothing comes before its credit") {
  Flow flow;
  Scene& scene = flow.scene;
  std::size_t length = 0;
  for (std::size_t cut = 0; cut <= length; ++cut) {
    CAPTURE(cut);
    const std::uint32_t index = flow.upgraded();
    Client& client = scene.client(index);
    scene.credit(index, 1, 0);
    (void)scene.turn();
    client.say_frame(1, "one", true, 1 << 20, 64);
    client.say_ping("a");
    client.say_frame(2, pattern(200), false, 1 << 20, 64);
    client.say_ping("b");
    client.say_frame(2, pattern(300), true, 1 << 20, 64);
    client.say_frame(2, "", true, 1 << 20, 64);
    client.say_close(1000, "bye");
    length = client.unwritten();
    (void)client.write(cut);
    for (int turns = 0; turns < 4; ++turns) (void)scene.turn();
    CHECK(scene.heard(index) == (cut >= 9 ? 1 : 0));
    flow.move();
    CHECK(scene.heard(index) == 1);
    CHECK(scene.counter(ring::kPongsSent) == 2 * static_cast<std::int64_t>(cut));
    scene.credit(index, 1, 0);
    flow.move();
    CHECK(scene.heard(index) == 2);
    CHECK(scene.counter(ring::kPongsSent) == 2 * static_cast<std::int64_t>(cut) + 2);
    CHECK(scene.closing(index) == nullptr);
    scene.credit(index, 1, 0);
    flow.move();
    CHECK(scene.heard(index) == 3);
    CHECK(scene.closing(index) == nullptr);  // it stands behind the message that took the last
    scene.credit(index, 1, 0);
    flow.move();
    REQUIRE(scene.closing(index) != nullptr);
    CHECK(scene.closing(index)->code == 1000);
    client.close();
    flow.move();
    if (cut >= 50) break;  // clients are counted; the rest lies in the second message
  }
  scene.end_in_order();
}

TEST_CASE("whoever ends a connection that is spent ends it, and the next in its slot has no limits") {
  struct End {
    const char* name;
    std::function<void(Flow&, std::uint32_t)> come;
    bool at_once;  ///< or when there is credit again
  };
  const End kEnds[] = {
      {"the peer closes", [](Flow& flow, std::uint32_t index) { flow.scene.client(index).say_close(1000, ""); }, false},
      {"FIN", [](Flow& flow, std::uint32_t index) { flow.scene.client(index).finish(); }, false},
      {"RST", [](Flow& flow, std::uint32_t index) { flow.scene.client(index).reset(); }, false},
      {"Java closes", [](Flow& flow, std::uint32_t index) { flow.scene.close(index, 1001); }, true},
      {"Java aborts", [](Flow& flow, std::uint32_t index) { flow.scene.abort(index); }, true},
  };
  enum class State : std::uint8_t { messages, bytes, quota, paused, assembling };
  for (const State state : {State::messages, State::bytes, State::quota, State::paused, State::assembling}) {
    for (const End& end : kEnds) {
      CAPTURE(static_cast<int>(state));
      CAPTURE(end.name);
      Flow flow([state](ring::LoopOptions& options) {
        options.max_connections = 1;
        if (state == State::quota) options.messages_per_second = 2;
      });
      Scene& scene = flow.scene;
      const std::uint32_t index = flow.upgraded();
      if (state == State::bytes) scene.credit(index, 0, 20);
      if (state != State::bytes && state != State::quota) scene.credit(index, 2, 0);
      if (state == State::paused) scene.pause(index);
      (void)scene.turn();
      flow.say(index, 2);
      if (state == State::assembling) scene.client(index).say_frame(2, pattern(5000), false, 1 << 20, 64);
      if (state != State::assembling) flow.say(index, 2);
      (void)scene.client(index).write();
      for (int turns = 0; turns < 5; ++turns) (void)scene.turn();
      CHECK(scene.heard(index) == (state == State::paused ? 0 : 2));
      end.come(flow, index);
      (void)scene.client(index).write();
      for (int turns = 0; turns < 5; ++turns) (void)scene.turn();
      CHECK((scene.closing(index) != nullptr) == false);
      if (!end.at_once) {
        CHECK(scene.closed(index) == nullptr);
        if (state == State::quota) flow.pass(2 * kSecond);
        scene.credit(index, 100, 100'000);
        scene.resume(index);
      }
      flow.move();
      if (!scene.client(index).is_gone()) scene.client(index).close();
      flow.move();
      REQUIRE(scene.closed(index) != nullptr);
      CHECK(scene.counter(ring::kInboundBytesPinned) == 0);

      const std::uint32_t next = flow.upgraded();
      flow.say(next, 2);
      flow.move();
      CHECK(scene.heard(next) == 2);
      flow.say(next, 20);
      flow.move();
      CHECK(scene.heard(next) == (state == State::quota ? 2 : 22));
      scene.end_in_order();
    }
  }
}

TEST_CASE("a ping that has waited is answered before the loop waits, though nothing else is to be told") {
  Flow flow;
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.credit(client, 1, 0);
  (void)scene.turn();
  flow.say(client, 1);
  scene.client(client).say_ping("still there?");
  flow.move();
  CHECK(scene.counter(ring::kPongsSent) == 0);
  scene.credit(client, 1, 0);
  // In the middle of a wait that nothing would end.
  sim::on_endless_wait(
      [](void* waiting) {
        Scene& scene = *static_cast<Scene*>(waiting);
        CHECK(sim::unread(scene.client(0).peer()) == 14);
        scene.wake();
      },
      &scene);
  (void)scene.turn(-1);
  scene.end_in_order();
}

TEST_CASE("nobody is idle or silent while reads rest for want of credit") {
  Flow flow([](ring::LoopOptions& options) {
    options.idle_timeout_ns = 2 * kSecond;
    options.ping_interval_ns = kSecond / 2;
    options.pong_timeout_ns = kSecond;
  });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.credit(client, 1, 0);
  (void)scene.turn();
  flow.say(client, 2);
  flow.pass(20 * kSecond);
  CHECK(scene.heard(client) == 1);
  CHECK(scene.is_open(client));
  CHECK(scene.counter(ring::kDeadlinesPassed) == 0);
  scene.credit(client, 10, 0);
  flow.pass(kSecond);
  CHECK(scene.heard(client) == 2);
  CHECK(scene.is_open(client));
  flow.pass(2 * kSecond);
  REQUIRE(scene.closing(client) != nullptr);
  CHECK(scene.closing(client)->error == 17);
  scene.end_in_order();
}

TEST_CASE("whoever falls silent is idle, though credit has come for each message and reads never rested") {
  Flow flow([](ring::LoopOptions& options) { options.idle_timeout_ns = 200 * kMilli; });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.credit(client, 1, 0);
  scene.credit_each(client, 1);
  (void)scene.turn();
  std::int64_t last_ns = 0;
  for (int messages = 0; messages < 100; ++messages) {
    flow.say(client, 1);
    (void)scene.client(client).write();
    sim::advance(10 * kMilli);
    last_ns = os::clock_ns();
    for (int turns = 0; turns < 3; ++turns) (void)scene.turn();  // of which one brings the message, and the timer
  }
  CHECK(scene.heard(client) == 100);
  CHECK(scene.counter(ring::kCreditStops) == 0);
  flow.pass(kSecond);
  REQUIRE(scene.closing(client) != nullptr);
  CHECK(scene.closing(client)->error == 17);
  CHECK(scene.closing(client)->at_ns >= last_ns + 200 * kMilli);
  CHECK(scene.closing(client)->at_ns <= last_ns + 210 * kMilli);
  scene.end_in_order();
}

TEST_CASE("who rests costs the turns of others nothing, and goes on behind who came meanwhile") {
  constexpr std::uint32_t kResting = 1000;
  for (const bool by_quota : {false, true}) {
    CAPTURE(by_quota);
    sim::Options kernel;
    kernel.descriptors = 2 * kResting;
    const auto set = [by_quota](ring::LoopOptions& options) {
      options.max_connections = kResting + 1;
      if (by_quota) options.messages_per_second = 2;
    };
    Flow flow(set, kernel);
    Scene& scene = flow.scene;
    scene.max_clients = kResting + 1;
    const std::uint32_t first = scene.connect();
    for (std::uint32_t index = 0; index < kResting; ++index) {
      (void)scene.turn();
      REQUIRE(scene.connect() != Scene::kNoClient);
    }
    for (std::uint32_t index = first; index <= first + kResting; ++index) scene.client(index).say_upgrade();
    flow.move();
    const std::uint32_t honest = first + kResting;
    if (by_quota) scene.set_answer(honest, Answer::borrowed);
    for (std::uint32_t index = first; index < honest; ++index) {
      if (!by_quota) scene.credit(index, 2, 0);
      flow.say(index, 4);
    }
    flow.move();
    CHECK(scene.pinned(first) == 256);
    CHECK(scene.counter(ring::kInboundBytesPinned) == 256 * kResting);

    const std::int64_t visits = scene.counter(ring::kHeldVisits);
    for (int messages = 0; messages < 2; ++messages) {
      flow.say(honest, 1);
      (void)scene.client(honest).write();
      for (int turns = 0; turns < 10; ++turns) (void)scene.turn();
    }
    CHECK(scene.heard(honest) == 2);
    CHECK(scene.counter(ring::kHeldVisits) == visits);

    // One that is closed, one that is cut, and one that goes on: the others do not move.
    scene.close(first, 1000);
    scene.abort(first + 1);
    if (!by_quota) scene.credit(first + 2, 1, 0);
    flow.move();
    CHECK(scene.counter(ring::kHeldVisits) - visits == (by_quota ? 1 : 2));
    CHECK(scene.heard(first + 2) == (by_quota ? 2 : 3));
    if (by_quota) {
      flow.pass(kSecond + 20 * kMilli);
    } else {
      for (std::uint32_t index = first; index < honest; ++index) scene.credit(index, 2, 0);
      flow.move();
    }
    for (std::uint32_t index = first + 2; index < honest; ++index) CHECK(scene.heard(index) == 4);
    CHECK(scene.counter(ring::kInboundBytesPinned) == 0);
    scene.end_in_order();
  }
}

TEST_SUITE_END();
TEST_SUITE_BEGIN("quotas");

TEST_CASE("a burst of a second, and then as many as come with time") {
  Flow flow([](ring::LoopOptions& options) { options.messages_per_second = 20; });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  flow.say(client, 60);
  flow.move();
  CHECK(scene.heard(client) == 20);
  CHECK(scene.counter(ring::kQuotaStops) == 1);
  flow.pass(49 * kMilli);
  CHECK(scene.heard(client) == 20);
  flow.pass(3 * kMilli);
  CHECK(scene.heard(client) == 21);
  CHECK(scene.counter(ring::kQuotaStops) == 2);
  flow.pass(kSecond - 52 * kMilli + 3 * kMilli);
  CHECK(scene.heard(client) == 40);
  flow.pass(2 * kSecond);
  CHECK(scene.heard(client) == 60);
  // Who was quiet has a second's worth again, and no more.
  flow.pass(5 * kSecond);
  flow.say(client, 30);
  flow.move();
  CHECK(scene.heard(client) == 80);
  scene.end_in_order();
}

TEST_CASE("a message longer than the bucket is taken whole, and the next waits until it is paid for") {
  Flow flow([](ring::LoopOptions& options) { options.bytes_per_second = 10'000; });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  flow.say(client, 3, 40'000);
  flow.move();
  CHECK(scene.heard(client) == 1);
  flow.pass(3 * kSecond - kMilli);
  CHECK(scene.heard(client) == 1);
  flow.pass(4 * kMilli);
  CHECK(scene.heard(client) == 2);
  flow.pass(5 * kSecond);
  CHECK(scene.heard(client) == 3);
  CHECK(scene.counter(ring::kQuotaStops) == 3);
  scene.end_in_order();
}

TEST_CASE("each connection has its own, and whoever is over the fastest rests a little") {
  Flow flow([](ring::LoopOptions& options) { options.messages_per_second = 1000; });
  Scene& scene = flow.scene;
  const std::uint32_t fast = flow.upgraded();
  const std::uint32_t other = flow.upgraded();
  flow.say(fast, 1100);
  flow.move();
  CHECK(scene.heard(fast) == 1000);
  flow.say(other, 100);
  flow.move();
  CHECK(scene.heard(other) == 100);
  flow.pass(9 * kMilli);
  CHECK(scene.heard(fast) == 1000);
  flow.pass(3 * kMilli);
  CHECK(scene.heard(fast) >= 1010);
  scene.end_in_order();
}

TEST_CASE("credit does not lift a quota, nor a quota's time the want of credit") {
  Flow flow([](ring::LoopOptions& options) { options.messages_per_second = 2; });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.credit(client, 2, 0);
  (void)scene.turn();
  flow.say(client, 8);
  flow.move();
  CHECK(scene.heard(client) == 2);
  CHECK(scene.counter(ring::kQuotaStops) == 1);
  CHECK(scene.counter(ring::kCreditStops) == 1);
  for (int times = 0; times < 20; ++times) {
    scene.credit(client, 1, 0);
    flow.move();
  }
  CHECK(scene.heard(client) == 2);
  flow.pass(510 * kMilli);
  CHECK(scene.heard(client) == 3);  // not put off by the credits
  scene.end_in_order();
}

TEST_CASE("what waits for its quota is read on when a send has failed, and the Close behind it is told") {
  Flow flow([](ring::LoopOptions& options) { options.messages_per_second = 2; });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  flow.say(client, 4);
  scene.client(client).say_close(1009, "too long");
  (void)scene.client(client).write();
  for (int turns = 0; turns < 3; ++turns) (void)scene.turn();
  CHECK(scene.heard(client) == 2);
  scene.client(client).reset();
  for (int turns = 0; turns < 3; ++turns) (void)scene.turn();
  scene.send(client, 2, pattern(100), Answer::staged);
  flow.pass(2 * kSecond);
  CHECK(scene.client(client).unheard() == 0);
  REQUIRE(scene.closing(client) != nullptr);
  REQUIRE(scene.closed(client) != nullptr);
  CHECK(scene.closed(client)->code == 1009);
  CHECK(scene.closed(client)->error_number == ECONNRESET);
  scene.end_in_order();
}

TEST_SUITE_END();
TEST_SUITE_BEGIN("batches");

TEST_CASE("messages leave together when they are as many as asked for, or as long") {
  Flow flow;
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.batch(client, 4, 1 << 20, 10 * kSecond);
  (void)scene.turn();
  flow.mark();
  for (int message = 0; message < 3; ++message) {
    flow.send(client, 100, message == 1 ? Answer::owned : Answer::staged);
    CHECK(scene.queued(client) == 102 * (message + 1));
  }
  CHECK(flow.sends() == 0);
  CHECK(scene.client(client).awaited() == 3);
  flow.send(client);
  CHECK(flow.sends() == 1);
  CHECK(flow.batched() == 3);
  CHECK(flow.saved() == 3);
  CHECK(scene.queued(client) == 0);
  flow.move();
  CHECK(scene.client(client).awaited() == 0);

  scene.batch(client, 65536, 1000, 10 * kSecond);
  flow.mark();
  for (int message = 0; message < 9; ++message) flow.send(client);
  CHECK(flow.sends() == 0);
  flow.send(client);
  CHECK(flow.sends() == 1);
  CHECK(flow.batched() == 9);
  CHECK(flow.saved() == 9);
  // All of one turn that fill a batch leave at once, and copied by nobody.
  const std::int64_t copied = scene.counter(ring::kPayloadBytesCopied);
  for (int message = 0; message < 15; ++message) scene.send(client, 2, pattern(100), Answer::staged);
  (void)scene.turn();
  CHECK(flow.sends() == 2);
  CHECK(flow.batched() == 9);
  CHECK(scene.counter(ring::kPayloadBytesCopied) == copied);
  flow.move();
  scene.end_in_order();
}

TEST_CASE("what is kept leaves when its time has come, and the write deadline waits for it") {
  Flow flow([](ring::LoopOptions& options) { options.write_timeout_ns = 20 * kMilli; });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.batch(client, 100, 1 << 20, 100 * kMilli);
  (void)scene.turn();
  flow.mark();
  flow.send(client);
  flow.pass(60 * kMilli);
  flow.send(client);
  CHECK(flow.sends() == 0);
  flow.pass(39 * kMilli);
  CHECK(flow.sends() == 0);
  CHECK(scene.client(client).awaited() == 2);
  flow.pass(3 * kMilli);
  CHECK(flow.sends() == 1);
  CHECK(flow.saved() == 1);
  CHECK(scene.client(client).awaited() == 0);
  // The next batch has a time of its own.
  flow.send(client);
  flow.pass(98 * kMilli);
  CHECK(flow.sends() == 1);
  flow.pass(5 * kMilli);
  CHECK(flow.sends() == 2);
  CHECK(scene.is_open(client));

  // From when it is offered on, the deadline runs.
  sim::set_buffers(scene.client(client).peer(), {1 << 20, 1, SIZE_MAX, 1});
  flow.send(client);
  const std::int64_t kept_ns = os::clock_ns();
  while (scene.closed(client) == nullptr) (void)scene.turn(kMilli);
  CHECK(scene.closed(client)->error == 19);
  CHECK(scene.closed(client)->at_ns >= kept_ns + 120 * kMilli);
  CHECK(scene.closed(client)->at_ns <= kept_ns + 130 * kMilli);
  scene.end_in_order();
}

TEST_CASE("a timer that fires for another deadline neither puts off a batch nor sends it early") {
  Flow flow([](ring::LoopOptions& options) {
    options.idle_timeout_ns = 2 * kSecond;
    options.write_timeout_ns = 50 * kMilli;
  });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.batch(client, 100, 1 << 20, kSecond / 2);
  (void)scene.turn();
  flow.pass(1900 * kMilli);
  flow.mark();
  flow.send(client);
  flow.pass(499 * kMilli);
  CHECK(flow.sends() == 0);
  flow.pass(4 * kMilli);
  CHECK(flow.sends() == 1);
  scene.end_in_order();
}

TEST_CASE("flush, a ping, a pong, a Close, another batch and the peer's FIN take what is kept along") {
  struct Way {
    const char* name;
    std::function<void(Flow&, std::uint32_t)> go;
    std::int64_t sends;
  };
  const Way kWays[] = {
      {"flush", [](Flow& flow, std::uint32_t index) { flow.scene.flush_batch(index); }, 1},
      {"no batch", [](Flow& flow, std::uint32_t index) { flow.scene.batch(index, 1, 1, kSecond); }, 1},
      {"another", [](Flow& flow, std::uint32_t index) { flow.scene.batch(index, 50, 5000, kSecond); }, 1},
      {"ping", [](Flow& flow, std::uint32_t index) { flow.scene.ping(index); }, 1},
      {"pong", [](Flow& flow, std::uint32_t index) { flow.scene.client(index).say_ping("x"); }, 2},
      {"Close", [](Flow& flow, std::uint32_t index) { flow.scene.close(index, 1000); }, 1},
      {"the peer's Close", [](Flow& flow, std::uint32_t index) { flow.scene.client(index).say_close(1000, ""); }, 1},
      {"FIN", [](Flow& flow, std::uint32_t index) { flow.scene.client(index).finish(); }, 1},
  };
  for (const bool behind : {false, true}) {
    for (const Way& way : kWays) {
      CAPTURE(way.name);
      CAPTURE(behind);  // sent in the same turn as the command
      Flow flow;
      Scene& scene = flow.scene;
      const std::uint32_t client = flow.upgraded();
      scene.batch(client, 100, 1 << 20, 10 * kSecond);
      (void)scene.turn();
      flow.mark();
      scene.send(client, 2, pattern(100), Answer::staged);
      if (!behind) (void)scene.turn();
      way.go(flow, client);
      (void)scene.client(client).write();
      for (int turns = 0; turns < 3; ++turns) (void)scene.turn();
      (void)scene.client(client).read();
      CHECK(scene.client(client).awaited() == 0);
      CHECK(flow.sends() <= way.sends);
      CHECK(scene.queued(client) == 0);
      if (scene.client(client).closes() > 0) scene.client(client).close();
      scene.end_in_order();
    }
  }
}

TEST_CASE("what has left before a flush, or another batch, of the same turn counts for neither") {
  for (const bool flushes : {true, false}) {
    CAPTURE(flushes);
    Flow flow;
    Scene& scene = flow.scene;
    const std::uint32_t client = flow.upgraded();
    scene.batch(client, 2, 1 << 20, 10 * kSecond);
    (void)scene.turn();
    flow.mark();
    scene.send(client, 2, pattern(100), Answer::staged);
    if (flushes) {
      scene.flush_batch(client);
    } else {
      scene.batch(client, 2, 1 << 20, 10 * kSecond);
    }
    flow.send(client);
    CHECK(flow.sends() == 1);
    CHECK(flow.batched() == 1);
    CHECK(flow.saved() == 0);
    CHECK(scene.queued(client) == 102);
    flow.send(client);
    CHECK(flow.sends() == 2);
    CHECK(flow.batched() == 1);
    CHECK(flow.saved() == 1);
    flow.move();
    scene.end_in_order();
  }
}

TEST_CASE("behind what the kernel does not take nothing is kept, and a batch ends at the low-water mark") {
  Flow flow([](ring::LoopOptions& options) { options.high_water_bytes = 20'000; });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.batch(client, 60'000, 16 << 20, 10 * kSecond);
  (void)scene.turn();
  flow.mark();
  for (int message = 0; message < 9; ++message) flow.send(client, 1000);
  CHECK(flow.sends() == 0);
  flow.send(client, 1000);  // 10,040 bytes
  CHECK(flow.sends() == 1);
  CHECK(scene.counter(ring::kReadsStopped) == 0);
  flow.move();

  sim::set_buffers(scene.client(client).peer(), {1 << 20, 100, SIZE_MAX, 100});
  flow.send(client, 5000);
  scene.flush_batch(client);
  (void)scene.turn();
  flow.mark();
  flow.send(client, 50);
  CHECK(flow.batched() == 0);
  CHECK(flow.saved() == 0);
  flow.move();
  CHECK(scene.client(client).awaited() == 0);
  scene.end_in_order();
}

TEST_CASE("the engine's pings leave, and who answers none is found, whatever a batch keeps") {
  Flow flow([](ring::LoopOptions& options) {
    options.ping_interval_ns = kSecond;
    options.pong_timeout_ns = 2 * kSecond;
  });
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  scene.client(client).answers_pings = false;
  scene.batch(client, 1000, 1 << 20, 10 * kSecond);
  (void)scene.turn();
  const std::int64_t start_ns = os::clock_ns();
  while (scene.closed(client) == nullptr && os::clock_ns() - start_ns < 10 * kSecond) {
    flow.send(client);
    flow.pass(50 * kMilli);
  }
  REQUIRE(scene.closed(client) != nullptr);
  CHECK(scene.closed(client)->error == 18);
  CHECK(scene.counter(ring::kPingsSent) == 1);
  CHECK(os::clock_ns() - start_ns <= 3200 * kMilli);
  scene.end_in_order();
}

TEST_CASE("a batch ends with its connection, and the next in its slot has none") {
  for (const bool reset : {false, true}) {
    Flow flow([](ring::LoopOptions& options) { options.max_connections = 1; });
    Scene& scene = flow.scene;
    const std::uint32_t client = flow.upgraded();
    scene.batch(client, 100, 1 << 20, 10 * kSecond);
    flow.send(client);
    flow.send(client, 5000, Answer::owned);
    if (reset) {
      scene.client(client).reset();
    } else {
      scene.abort(client);
    }
    for (int turns = 0; turns < 3; ++turns) (void)scene.turn();
    REQUIRE(scene.closed(client) != nullptr);
    const std::uint32_t next = flow.upgraded();
    flow.mark();
    flow.send(next);
    CHECK(flow.sends() == 1);
    CHECK(flow.saved() == 0);
    flow.move();
    scene.end_in_order();
  }
}

TEST_SUITE_END();
TEST_SUITE_BEGIN("what input pins");

TEST_CASE("the block of a message in pieces counts until the message is told") {
  Flow flow;
  Scene& scene = flow.scene;
  const std::uint32_t client = flow.upgraded();
  CHECK(scene.pinned(client) == 0);
  scene.client(client).say_frame(2, pattern(3000), false, 1 << 20, 64);
  flow.move();
  CHECK(scene.pinned(client) == 4096);
  scene.client(client).say_frame(2, pattern(3000), false, 1 << 20, 64);
  flow.move();
  CHECK(scene.pinned(client) == 8192);
  CHECK(scene.counter(ring::kInboundBytesPinned) == 8192);
  scene.client(client).say_frame(2, pattern(1), true, 1 << 20, 64);
  flow.move();
  CHECK(scene.heard(client) == 1);
  CHECK(scene.pinned(client) == 0);
  scene.client(client).say_ping(std::string(125, 'p'));
  (void)scene.client(client).write(100);
  (void)scene.turn();
  CHECK(scene.pinned(client) == 256);
  flow.move();
  CHECK(scene.pinned(client) == 0);
  scene.end_in_order();
}

TEST_CASE("waiting is counted, and while it goes on it is known since when") {
  Flow flow;
  Scene& scene = flow.scene;
  scene.settle();
  const std::int64_t before_ns = scene.counter(ring::kWaitedNs);
  (void)scene.turn(250 * kMilli);
  CHECK(scene.counter(ring::kWaitedNs) - before_ns == 250 * kMilli);
  CHECK(scene.counter(ring::kWaitingSinceNs) == 0);
  (void)scene.turn(0);
  CHECK(scene.counter(ring::kWaitedNs) - before_ns == 250 * kMilli);
  scene.end_in_order();
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("turns");

/// A message that is 64 KiB long when it is inflated: four of them are what a turn inflates.
void say_zeros(Scene* scene, std::uint32_t client, int messages) {
  for (int index = 0; index < messages; ++index) {
    scene->client(client).say_frame(2, std::string(64 << 10, '\0'), true, 1 << 20, 64);
  }
}

TEST_CASE("who floods with what inflates takes turns with others who compress, held or not") {
  Flow flow([](ring::LoopOptions& options) {
    options.deflate_level = 1;
    options.deflate_memory_level = 8;
  });
  Scene& scene = flow.scene;
  scene.deflate = ring::kDeflate | ring::kDeflateOutgoingAlone | ring::kDeflateIncomingAlone |
                  std::uint64_t{15} << ring::kDeflateOutgoingBits | std::uint64_t{15} << ring::kDeflateIncomingBits;
  const std::uint32_t floods[] = {flow.upgraded(), flow.upgraded()};
  const std::uint32_t other = flow.upgraded();
  for (const std::uint32_t client : floods) {
    scene.set_answer(client, Answer::nothing);
    say_zeros(&scene, client, 400);
  }
  const auto turn = [&] {
    for (std::uint32_t client = 0; client < scene.client_count(); ++client) (void)scene.client(client).write();
    (void)scene.turn();
  };
  turn();
  for (int round = 1; round <= 10; ++round) {
    flow.say(other, 1);
    int turns = 0;
    while (scene.heard(other) < round && turns < 100) {
      turn();
      ++turns;
    }
    // The one that its turn is kept in, and one of each flood.
    CHECK(turns <= 4);
  }
  const std::int64_t heard[] = {scene.heard(floods[0]), scene.heard(floods[1])};
  CHECK(heard[0] > 0);
  CHECK(std::abs(heard[0] - heard[1]) <= 8);
  CHECK(heard[0] + heard[1] < 800);
  for (int turns = 0; turns < 300; ++turns) turn();
  CHECK(scene.heard(floods[0]) == 400);
  CHECK(scene.heard(floods[1]) == 400);
  scene.end_in_order();
}

TEST_CASE("a turn to inflate is given back by who ends before it comes") {
  Flow flow([](ring::LoopOptions& options) {
    options.deflate_level = 1;
    options.deflate_memory_level = 8;
  });
  Scene& scene = flow.scene;
  scene.deflate = ring::kDeflate | ring::kDeflateOutgoingAlone | ring::kDeflateIncomingAlone |
                  std::uint64_t{15} << ring::kDeflateOutgoingBits | std::uint64_t{15} << ring::kDeflateIncomingBits;
  const std::uint32_t flood = flow.upgraded();
  scene.set_answer(flood, Answer::nothing);
  std::uint32_t others[4];
  for (std::uint32_t& other : others) other = flow.upgraded();
  say_zeros(&scene, flood, 100);
  for (const std::uint32_t other : others) flow.say(other, 1);
  for (std::uint32_t client = 0; client < scene.client_count(); ++client) (void)scene.client(client).write();
  (void)scene.turn();
  CHECK(scene.pinned(others[0]) == 0);
  scene.abort(others[0]);
  scene.close(others[1], 1000);
  scene.pause(others[2]);
  scene.client(others[3]).finish();
  (void)scene.turn();
  scene.resume(others[2]);
  flow.move();
  CHECK(scene.closed(others[0]) != nullptr);
  CHECK(scene.heard(others[2]) == 1);
  CHECK(scene.closed(others[3]) != nullptr);
  CHECK(scene.heard(flood) == 100);
  scene.end_in_order();
}

TEST_CASE("a FIN behind a message that waits for its turn to inflate comes after the answer") {
  for (const bool flooded : {false, true}) {
    CAPTURE(flooded);
    Flow flow([](ring::LoopOptions& options) {
      options.deflate_level = 1;
      options.deflate_memory_level = 8;
    });
    Scene& scene = flow.scene;
    scene.deflate = ring::kDeflate | ring::kDeflateOutgoingAlone | ring::kDeflateIncomingAlone |
                    std::uint64_t{15} << ring::kDeflateOutgoingBits | std::uint64_t{15} << ring::kDeflateIncomingBits;
    const std::uint32_t flood = flow.upgraded();
    scene.set_answer(flood, Answer::nothing);
    const std::uint32_t other = flow.upgraded();
    scene.set_answer(other, Answer::staged);
    if (flooded) say_zeros(&scene, flood, 5);
    flow.say(other, 1);
    for (std::uint32_t client = 0; client < scene.client_count(); ++client) (void)scene.client(client).write();
    scene.client(other).finish();
    const std::int64_t before = scene.counter(ring::kMessagesSent);
    flow.move();
    CHECK(scene.counter(ring::kMessagesSent) - before == 1);
    scene.end_in_order();
  }
}

TEST_CASE("a message that takes the last event and costs another connection its place leaves the ring whole") {
  Flow flow([](ring::LoopOptions& options) {
    options.deflate_level = 1;
    options.deflate_memory_level = 8;
    options.high_water_bytes = 2 << 20;
  });
  Scene& scene = flow.scene;
  const std::uint32_t hog = flow.upgraded();
  scene.deflate = ring::kDeflate | ring::kDeflateOutgoingAlone | ring::kDeflateIncomingAlone |
                  std::uint64_t{15} << ring::kDeflateOutgoingBits | std::uint64_t{15} << ring::kDeflateIncomingBits;
  const std::uint32_t flood = flow.upgraded();
  for (int index = 0; index < 6; ++index) scene.send(hog, 2, pattern(1 << 20), Answer::owned);
  (void)scene.turn();
  flow.say(flood, 1);
  (void)scene.client(flood).write();
  (void)scene.turn();
  for (int index = 0; index < 4095; ++index) scene.client(flood).say_frame(2, "", true, 1 << 20, 64);
  scene.client(flood).say_frame(2, std::string(900 << 10, '\0'), true, 1 << 20, 64);
  scene.lease_everything();
  while (scene.client(flood).write() > 0) {
  }
  const int events = scene.turn();
  CHECK(events <= static_cast<int>(ring::kRecords));
  (void)scene.turn();
  CHECK(scene.closed(hog) != nullptr);
  scene.release_kept();
  scene.end_at_once();
}

TEST_SUITE_END();

}  // namespace millrace::scene
