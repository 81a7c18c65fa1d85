// SPDX-License-Identifier: Apache-2.0
//
// Every deadline of a connection, on a clock that moves only when somebody waits: never early, and soon after.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/frames.hpp"
#include "scene.hpp"

namespace millrace::scene {

namespace {

using namespace engine::test;

constexpr std::int64_t kStep = 10 * kMilli;
/// What the wheel may be late, and the step in which it is seen.
constexpr std::int64_t kLate = 20 * kMilli;

/// A loop with these deadlines, and what its clients do while time passes.
class Waiting {
 public:
  explicit Waiting(const std::function<void(ring::LoopOptions&)>& set) {
    (void)engine::shared_region();
    sim::Options kernel;
    kernel.clock_ns += 123'457;  // between two ticks of the wheel
    sim::start(kernel);
    ring::LoopOptions options = Scene::small_options();
    set(options);
    REQUIRE(scene.open(options) == 0);
    os::Address address;
    address.family = os::Family::ipv4;
    scene.listen(address);
    (void)scene.turn();
  }

  std::uint32_t connected() {
    const std::uint32_t client = scene.connect();
    REQUIRE(client != Scene::kNoClient);
    return client;
  }

  std::uint32_t upgraded() {
    const std::uint32_t client = connected();
    scene.client(client).say_upgrade();
    move();
    (void)scene.turn();
    move();
    REQUIRE(scene.is_open(client));
    return client;
  }

  /// Everybody writes and reads what there is; no time passes.
  void move() {
    for (std::uint32_t index = 0; index < scene.client_count(); ++index) {
      if (silent == index) continue;
      (void)scene.client(index).write();
    }
    (void)scene.turn();
    for (std::uint32_t index = 0; index < scene.client_count(); ++index) {
      if (deaf != index) (void)scene.client(index).read();
    }
  }

  void pass(std::int64_t time_ns, const std::function<void()>& each = {}) {
    const std::int64_t end_ns = os::clock_ns() + time_ns;
    while (os::clock_ns() < end_ns) {
      const std::int64_t next_ns = std::min(os::clock_ns() + kStep, end_ns);
      while (os::clock_ns() < next_ns) (void)scene.turn(next_ns - os::clock_ns());
      if (each) each();
      move();
    }
  }

  Scene scene;
  std::uint32_t silent = Scene::kNoClient;  ///< says nothing, whatever it has queued
  std::uint32_t deaf = Scene::kNoClient;    ///< reads nothing
};

bool is_at(const Told* told, std::int64_t due_ns) {
  REQUIRE(told != nullptr);
  return told->at_ns >= due_ns && told->at_ns <= due_ns + kLate + kStep;
}

void cut_for(const Told* told, std::uint16_t error) {
  REQUIRE(told != nullptr);
  CHECK(told->code == 1006);
  CHECK(told->error == error);
}

}  // namespace

TEST_CASE("a ping each interval from the opening on, and its round trip") {
  Waiting waiting([](ring::LoopOptions& options) {
    options.ping_interval_ns = kSecond;
    options.pong_timeout_ns = kSecond / 2;
  });
  Scene& scene = waiting.scene;
  const std::uint32_t client = waiting.upgraded();
  waiting.pass(kSecond - kStep);
  CHECK(scene.client(client).pinged() == 0);
  CHECK(scene.round_trip(client) == 0);
  waiting.pass(2 * kStep + kLate);
  CHECK(scene.client(client).pinged() == 1);
  CHECK(scene.round_trip(client) > 0);
  CHECK(scene.round_trip(client) <= 2 * kStep);
  // Whatever else flows.
  waiting.pass(9 * kSecond, [&] { scene.client(client).say_frame(2, "busy", true, 1 << 20, 64); });
  CHECK(scene.client(client).pinged() == 10);
  CHECK(scene.counter(ring::kPingsSent) == 10);
  CHECK(scene.counter(ring::kDeadlinesPassed) == 0);
  scene.end_in_order();
}

TEST_CASE("who answers no ping is cut, and any byte is an answer") {
  Waiting waiting([](ring::LoopOptions& options) {
    options.ping_interval_ns = kSecond;
    options.pong_timeout_ns = 2 * kSecond;
  });
  Scene& scene = waiting.scene;
  const std::uint32_t dumb = waiting.upgraded();
  const std::uint32_t slow = waiting.upgraded();
  const std::int64_t opened_ns = os::clock_ns();
  scene.client(dumb).answers_pings = false;
  scene.client(slow).answers_pings = false;
  // A frame that takes long: its pong could not overtake it.
  scene.client(slow).say_frame(2, pattern(1000), true, 1 << 20, 64);
  waiting.silent = slow;
  waiting.pass(10 * kSecond, [&, turns = 0]() mutable {
    if (++turns % 100 == 0) (void)scene.client(slow).write(1);
  });
  CHECK(is_at(scene.closed(dumb), opened_ns + 3 * kSecond));
  cut_for(scene.closed(dumb), 18);
  CHECK(sim::was_reset(scene.client(dumb).peer()));
  CHECK(scene.client(dumb).pinged() == 1);  // none while one is not answered
  CHECK(scene.closed(slow) == nullptr);
  CHECK(scene.client(slow).pinged() > 5);
  // And when it stops.
  const std::int64_t stopped_ns = os::clock_ns();
  waiting.pass(4 * kSecond);
  cut_for(scene.closed(slow), 18);
  CHECK(scene.closed(slow)->at_ns >= stopped_ns + 2 * kSecond);
  CHECK(scene.counter(ring::kDeadlinesPassed) == 2);
  CHECK(scene.counter(ring::kProtocolErrors) == 0);
  scene.end_in_order();
}

TEST_CASE("the time for a pong rests while reads do, and begins anew") {
  Waiting waiting([](ring::LoopOptions& options) {
    options.ping_interval_ns = kSecond;
    options.pong_timeout_ns = kSecond;
  });
  Scene& scene = waiting.scene;
  const std::uint32_t client = waiting.upgraded();
  scene.client(client).answers_pings = false;
  waiting.pass(kSecond + kSecond / 2);
  CHECK(scene.client(client).pinged() == 1);
  scene.pause(client);
  waiting.pass(10 * kSecond);
  CHECK(scene.closed(client) == nullptr);
  CHECK(scene.client(client).pinged() == 1);
  scene.resume(client);
  (void)scene.turn();
  const std::int64_t resumed_ns = os::clock_ns();
  waiting.pass(2 * kSecond);
  CHECK(is_at(scene.closed(client), resumed_ns + kSecond));
  cut_for(scene.closed(client), 18);
  scene.end_in_order();
}

TEST_CASE("no ping is sent by itself while reads rest or bytes are queued") {
  Waiting waiting([](ring::LoopOptions& options) { options.ping_interval_ns = kSecond; });
  Scene& scene = waiting.scene;
  const std::uint32_t paused = waiting.upgraded();
  const std::uint32_t full = waiting.upgraded();
  scene.pause(paused);
  sim::set_buffers(scene.client(full).peer(), {1 << 20, 1, SIZE_MAX, SIZE_MAX});
  waiting.deaf = full;
  scene.send(full, 2, pattern(1000), Answer::staged);
  waiting.pass(5 * kSecond + kSecond / 2);
  CHECK(scene.counter(ring::kPingsSent) == 0);
  scene.resume(paused);
  waiting.pass(kSecond);
  CHECK(scene.client(paused).pinged() == 1);
  waiting.deaf = Scene::kNoClient;
  sim::set_buffers(scene.client(full).peer(), {});
  waiting.pass(kSecond);
  CHECK(scene.client(full).pinged() == 1);
  scene.end_in_order();
}

TEST_CASE("a ping of the application is waited for as well") {
  Waiting waiting([](ring::LoopOptions& options) { options.pong_timeout_ns = kSecond; });
  Scene& scene = waiting.scene;
  const std::uint32_t client = waiting.upgraded();
  const std::uint32_t dumb = waiting.upgraded();
  scene.client(dumb).answers_pings = false;
  waiting.pass(5 * kSecond);
  scene.ping(client);
  scene.ping(dumb);
  (void)scene.turn();
  const std::int64_t pinged_ns = os::clock_ns();
  waiting.pass(kSecond / 2);
  CHECK(scene.round_trip(client) > 0);
  // A second one moves nothing.
  scene.ping(dumb);
  waiting.pass(5 * kSecond);
  CHECK(is_at(scene.closed(dumb), pinged_ns + kSecond));
  CHECK(scene.closed(client) == nullptr);
  scene.end_in_order();
}

TEST_CASE("intervals double with each pong, and begin anew after a slow one") {
  Waiting waiting([](ring::LoopOptions& options) {
    options.ping_interval_ns = kSecond;
    options.max_ping_interval_ns = 6 * kSecond;
    options.pong_timeout_ns = 4 * kSecond;
  });
  Scene& scene = waiting.scene;
  const std::uint32_t client = waiting.upgraded();
  const auto pings_after = [&](std::int64_t time_ns) {
    const int before = scene.client(client).pinged();
    waiting.pass(time_ns);
    return scene.client(client).pinged() - before;
  };
  constexpr std::int64_t kSlack = 100 * kMilli;
  CHECK(pings_after(kSecond + kSlack) == 1);
  CHECK(pings_after(2 * kSecond - 2 * kSlack) == 0);
  CHECK(pings_after(2 * kSlack) == 1);
  CHECK(pings_after(4 * kSecond - 2 * kSlack) == 0);
  CHECK(pings_after(2 * kSlack) == 1);
  // Not eight: six at most.
  CHECK(pings_after(6 * kSecond - 2 * kSlack) == 0);
  waiting.silent = client;
  CHECK(pings_after(2 * kSlack) == 1);
  waiting.pass(3 * kSecond);
  waiting.silent = Scene::kNoClient;
  // The pong took three of four seconds: the next ping is overdue, and the one behind it follows after two.
  CHECK(pings_after(kSlack) == 1);
  CHECK(pings_after(2 * kSecond) == 1);
  scene.end_in_order();
}

TEST_CASE("an idle connection is closed with 1001; pings and pongs are no messages") {
  Waiting waiting([](ring::LoopOptions& options) {
    options.idle_timeout_ns = kSecond;
    options.ping_interval_ns = kSecond / 4;
  });
  Scene& scene = waiting.scene;
  const std::uint32_t idle = waiting.upgraded();
  const std::uint32_t busy = waiting.upgraded();
  const std::uint32_t served = waiting.upgraded();
  const std::uint32_t dripping = waiting.upgraded();
  const std::int64_t opened_ns = os::clock_ns();
  scene.client(dripping).say_frame(1, ascii(2000), true, 1 << 20, 64);
  waiting.silent = dripping;
  waiting.pass(4 * kSecond, [&, turns = 0]() mutable {
    if (!scene.client(idle).said_close()) scene.client(idle).say_ping("still here");
    if (++turns % 50 != 0) return;
    scene.client(busy).say_frame(2, "busy", true, 1 << 20, 64);
    scene.send(served, 2, "served", Answer::staged);
    (void)scene.client(dripping).write(1);
  });
  CHECK(is_at(scene.closing(idle), opened_ns + kSecond));
  CHECK(scene.closing(idle)->code == 1001);
  CHECK(scene.closing(idle)->error == 17);
  CHECK(scene.client(idle).closes() == 1);
  CHECK(scene.closing(busy) == nullptr);
  CHECK(scene.closing(served) == nullptr);
  CHECK(scene.closing(dripping) == nullptr);
  CHECK(scene.counter(ring::kDeadlinesPassed) == 1);
  CHECK(scene.counter(ring::kProtocolErrors) == 0);
  scene.end_in_order();
}

TEST_CASE("who takes nothing is cut, and any byte taken counts") {
  Waiting waiting([](ring::LoopOptions& options) { options.write_timeout_ns = kSecond; });
  Scene& scene = waiting.scene;
  const std::uint32_t deaf = waiting.upgraded();
  waiting.deaf = deaf;
  sim::set_buffers(scene.client(deaf).peer(), {1 << 20, 1000, SIZE_MAX, SIZE_MAX});
  scene.send(deaf, 2, pattern(30'000), Answer::staged);
  (void)scene.turn();
  // A little at a time, for long.
  waiting.pass(10 * kSecond, [&, turns = 0]() mutable {
    if (++turns % 80 == 0) (void)scene.client(deaf).read(1000);
  });
  CHECK(scene.closed(deaf) == nullptr);
  CHECK(scene.is_open(deaf));
  (void)scene.client(deaf).read(1000);
  (void)scene.turn();
  const std::int64_t taken_ns = os::clock_ns();
  waiting.pass(2 * kSecond);
  CHECK(is_at(scene.closed(deaf), taken_ns + kSecond));
  cut_for(scene.closed(deaf), 19);
  CHECK(sim::was_reset(scene.client(deaf).peer()));
  scene.end_in_order();
}

TEST_CASE("also while closing, where the close deadline stands as well") {
  for (const bool close_first : {false, true}) {
    Waiting waiting([close_first](ring::LoopOptions& options) {
      options.write_timeout_ns = (close_first ? 3 : 1) * kSecond;
      options.close_timeout_ns = (close_first ? 1 : 3) * kSecond;
    });
    Scene& scene = waiting.scene;
    const std::uint32_t client = waiting.upgraded();
    waiting.deaf = client;
    sim::set_buffers(scene.client(client).peer(), {1 << 20, 1000, SIZE_MAX, SIZE_MAX});
    scene.send(client, 2, pattern(30'000), Answer::staged);
    scene.close(client, 1000);
    (void)scene.turn();
    const std::int64_t closed_ns = os::clock_ns();
    waiting.pass(5 * kSecond);
    CHECK(is_at(scene.closed(client), closed_ns + kSecond));
    CHECK(scene.closed(client)->error == (close_first ? 0 : 19));
    CHECK(scene.closed(client)->timed_out);
    scene.end_in_order();
  }
}

TEST_CASE("the handshake's deadline is absolute under dripping bytes") {
  Waiting waiting([](ring::LoopOptions& options) { options.handshake_timeout_ns = kSecond; });
  Scene& scene = waiting.scene;
  const std::uint32_t client = waiting.connected();
  (void)scene.turn();
  const std::int64_t accepted_ns = os::clock_ns();
  scene.client(client).say_upgrade();
  waiting.silent = client;
  std::int64_t ended_ns = 0;
  waiting.pass(2 * kSecond, [&, turns = 0]() mutable {
    if (++turns % 4 == 0) (void)scene.client(client).write(1);
    if (ended_ns == 0 && !sim::is_open(scene.client(client).peer())) ended_ns = os::clock_ns();
  });
  CHECK(ended_ns >= accepted_ns + kSecond);
  CHECK(ended_ns <= accepted_ns + kSecond + kLate + kStep);
  scene.end_in_order();
}

TEST_CASE("the close deadline is absolute under dripping bytes") {
  Waiting waiting([](ring::LoopOptions& options) { options.close_timeout_ns = kSecond; });
  Scene& scene = waiting.scene;
  const std::uint32_t client = waiting.upgraded();
  scene.client(client).say_frame(2, pattern(1000), true, 1 << 20, 64);
  waiting.silent = client;
  scene.close(client, 1000);
  (void)scene.turn();
  const std::int64_t closed_ns = os::clock_ns();
  waiting.pass(3 * kSecond, [&] { (void)scene.client(client).write(1); });
  CHECK(is_at(scene.closed(client), closed_ns + kSecond));
  CHECK(scene.closed(client)->timed_out);
  scene.end_in_order();
}

TEST_CASE("a decision may take longer than the handshake, and whose peer is reset is not waited for") {
  Waiting waiting([](ring::LoopOptions& options) {
    options.handshake_timeout_ns = kSecond;
    options.idle_timeout_ns = kSecond;
    options.ping_interval_ns = kSecond;
  });
  Scene& scene = waiting.scene;
  scene.decision = Decision::later;
  const std::uint32_t patient = waiting.connected();
  const std::uint32_t finished = waiting.connected();
  const std::uint32_t gone = waiting.connected();
  for (const std::uint32_t client : {patient, finished, gone}) scene.client(client).say_upgrade();
  waiting.pass(10 * kSecond);
  scene.client(gone).reset();
  scene.client(finished).finish();
  waiting.pass(kStep);
  REQUIRE(scene.closed(gone) != nullptr);
  CHECK(scene.closed(gone)->error_number == ECONNRESET);
  waiting.pass(kSecond);
  CHECK(scene.closed(finished) == nullptr);
  scene.decide_later_ones(Decision::accept);
  waiting.move();
  waiting.move();
  CHECK(scene.is_open(patient));
  CHECK(scene.client(finished).is_upgraded());
  scene.end_in_order();
}

TEST_CASE("the clock leaps an hour: what is overdue happens once, and nobody is cut whose bytes lie here") {
  Waiting waiting([](ring::LoopOptions& options) {
    options.handshake_timeout_ns = 5 * kSecond;
    options.ping_interval_ns = kSecond;
    options.pong_timeout_ns = 2 * kSecond;
    options.write_timeout_ns = 2 * kSecond;
    options.idle_timeout_ns = 0;
  });
  Scene& scene = waiting.scene;
  const std::uint32_t waiting_one = waiting.upgraded();
  const std::uint32_t answered = waiting.upgraded();
  const std::uint32_t reader = waiting.upgraded();
  const std::uint32_t asking = waiting.connected();
  waiting.pass(kSecond + kLate);
  CHECK(scene.client(answered).pinged() == 1);
  waiting.pass(kSecond / 2);
  sim::set_buffers(scene.client(reader).peer(), {1 << 20, 1000, SIZE_MAX, SIZE_MAX});
  waiting.deaf = reader;
  scene.send(reader, 2, pattern(30'000), Answer::staged);
  (void)scene.turn();
  // When the loop comes to look, a pong lies in the kernel, and it has less room than it would tell of by itself.
  scene.ping(answered);
  (void)scene.turn();
  (void)scene.client(answered).read();
  (void)scene.client(answered).write();
  (void)scene.client(reader).read(100);
  const std::int64_t pings = scene.counter(ring::kPingsSent);
  sim::advance(3600 * kSecond);
  (void)scene.turn();
  (void)scene.turn();
  CHECK(sim::waits() < 10);
  CHECK(scene.closed(answered) == nullptr);
  CHECK(scene.closed(reader) == nullptr);
  CHECK(scene.closed(waiting_one) == nullptr);
  CHECK(scene.counter(ring::kPingsSent) - pings <= 3);
  CHECK(!sim::is_open(scene.client(asking).peer()));
  waiting.deaf = Scene::kNoClient;
  waiting.pass(3 * kSecond);
  CHECK(scene.is_open(answered));
  CHECK(scene.is_open(reader));
  CHECK(scene.is_open(waiting_one));
  CHECK(scene.counter(ring::kDeadlinesPassed) == 0);
  scene.end_in_order();
}

TEST_CASE("a pong that lies behind more than a turn can take is no silence, nor is a message") {
  for (const bool ping : {false, true}) {
    Waiting waiting([ping](ring::LoopOptions& options) {
      options.high_water_bytes = 1 << 20;
      if (ping) {
        options.pong_timeout_ns = kSecond;
      } else {
        options.idle_timeout_ns = kSecond;
      }
    });
    Scene& scene = waiting.scene;
    std::vector<std::uint32_t> flooding;
    for (int flooders = 0; flooders < 5; ++flooders) flooding.push_back(waiting.upgraded());
    const std::uint32_t quiet = waiting.upgraded();
    scene.ping(quiet);
    (void)scene.turn();
    (void)scene.client(quiet).read();
    if (!ping) scene.client(quiet).say_frame(2, "here", true, 1 << 20, 64);
    (void)scene.client(quiet).write();
    for (const std::uint32_t client : flooding) {
      for (int frames = 0; frames < 120; ++frames) scene.client(client).say_frame(2, pattern(1000), true, 1 << 20, 64);
      (void)scene.client(client).write();
    }
    sim::advance(60 * kSecond);
    (void)scene.turn();
    CHECK(scene.counter(ring::kArenaFull) > 0);
    CHECK(sim::unreceived(scene.client(quiet).peer()) > 0);
    for (int turns = 0; turns < 10; ++turns) (void)scene.turn();
    CHECK(scene.closing(quiet) == nullptr);
    CHECK(scene.closed(quiet) == nullptr);
    CHECK(scene.counter(ring::kDeadlinesPassed) == 0);
    scene.end_in_order();
  }
}

}  // namespace millrace::scene
