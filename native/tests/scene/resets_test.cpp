// SPDX-License-Identifier: Apache-2.0
//
// A peer that goes away, in every phase of its connection, and sends that fail: it costs that connection, and nothing
// spins.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>

#include "engine/engine.hpp"
#include "engine/frames.hpp"
#include "scene.hpp"

namespace millrace::scene {

namespace {

using namespace engine::test;

class Loop {
 public:
  explicit Loop(const std::function<void(ring::LoopOptions&)>& set = {}) {
    (void)engine::shared_region();
    sim::start();
    ring::LoopOptions options = Scene::small_options();
    if (set) set(options);
    REQUIRE(scene.open(options) == 0);
    os::Address address;
    address.family = os::Family::ipv4;
    scene.listen(address);
    (void)scene.turn();
    bystander = upgraded();
    scene.set_answer(bystander, Answer::borrowed);
  }

  std::uint32_t connected() {
    const std::uint32_t client = scene.connect();
    REQUIRE(client != Scene::kNoClient);
    return client;
  }

  std::uint32_t upgraded() {
    const std::uint32_t client = connected();
    scene.client(client).say_upgrade();
    scene.pump();
    REQUIRE(scene.is_open(client));
    return client;
  }

  /// Nobody but the bystander reads or writes.
  void expect_service() {
    Client& client = scene.client(bystander);
    const std::size_t awaited = client.awaited();
    client.say_frame(2, "still served", true, 1 << 20, 64);
    (void)client.write();
    for (int turns = 0; turns < 4; ++turns) (void)scene.turn();
    CHECK(client.unheard() == 0);
    (void)client.read();
    CHECK(client.awaited() == awaited);
  }

  /// A second in which nothing happens is one in which the loop waits.
  void expect_rest() {
    for (int turns = 0; turns < 4; ++turns) (void)scene.turn();
    const std::int64_t before_ns = os::clock_ns();
    (void)scene.turn(kSecond);
    CHECK(os::clock_ns() - before_ns == kSecond);
    CHECK(sim::waits() <= 4);
  }

  void fill(std::uint32_t client) {
    sim::set_buffers(scene.client(client).peer(), {1 << 20, 100, SIZE_MAX, SIZE_MAX});
    scene.send(client, 2, pattern(5000), Answer::staged);
    (void)scene.turn();
  }

  Scene scene;
  std::uint32_t bystander;
};

/// How a connection comes where its peer leaves it; and whether it ends without more ado when that is seen.
struct Place {
  const char* name;
  bool ends_by_itself;
  std::function<std::uint32_t(Loop&)> reach;
};

const Place kPlaces[] = {
    {"nothing was said", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.connected();
       (void)loop.scene.turn();
       return client;
     }},
    {"half a request", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.connected();
       loop.scene.client(client).say_raw("GET / HTTP/1.1\r\nHo");
       loop.scene.pump();
       return client;
     }},
    {"the request is decided on", true,
     [](Loop& loop) {
       loop.scene.decision = Decision::later;
       const std::uint32_t client = loop.connected();
       loop.scene.client(client).say_upgrade();
       loop.scene.pump();
       return client;
     }},
    {"open", true, [](Loop& loop) { return loop.upgraded(); }},
    {"half a frame", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.scene.client(client).say_frame(2, pattern(1000), true, 1 << 20, 64);
       (void)loop.scene.client(client).write(500);
       (void)loop.scene.turn();
       return client;
     }},
    {"half a message", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.scene.client(client).say_frame(1, ascii(1000), false, 1 << 20, 64);
       loop.scene.pump();
       return client;
     }},
    {"paused", false,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.scene.pause(client);
       (void)loop.scene.turn();
       return client;
     }},
    {"bytes are queued", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.fill(client);
       return client;
     }},
    {"paused, and bytes are queued", false,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.scene.pause(client);
       loop.fill(client);
       return client;
     }},
    {"its Close is not answered yet", false,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.scene.answers_closing = false;
       loop.scene.client(client).say_close(1000, "");
       loop.scene.pump();
       return client;
     }},
    {"our Close is not answered yet", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.scene.close(client, 1001);
       (void)loop.scene.turn();
       return client;
     }},
    {"our Close is queued", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.fill(client);
       loop.scene.close(client, 1001);
       (void)loop.scene.turn();
       return client;
     }},
    {"a rule was broken", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.upgraded();
       loop.scene.client(client).say_raw(client_frame(3, "x"));
       (void)loop.scene.client(client).write();
       for (int turns = 0; turns < 3; ++turns) (void)loop.scene.turn();
       return client;
     }},
    {"refused", true,
     [](Loop& loop) {
       const std::uint32_t client = loop.connected();
       loop.scene.client(client).say_raw("POST / HTTP/1.1\r\nHost: a\r\n\r\n");
       (void)loop.scene.turn();
       (void)loop.scene.client(client).write();
       (void)loop.scene.turn();
       return client;
     }},
};

}  // namespace

TEST_CASE("a reset in every phase ends that connection, and nothing spins") {
  for (const Place& place : kPlaces) {
    for (const bool with_bytes : {false, true}) {
      CAPTURE(place.name);
      CAPTURE(with_bytes);
      Loop loop;
      Scene& scene = loop.scene;
      const std::uint32_t client = place.reach(loop);
      REQUIRE(sim::is_open(scene.client(client).peer()));
      // What came before the reset can still be received.
      if (with_bytes) (void)sim::write(scene.client(client).peer(), client_frame(kBinary, "x").substr(0, 3));
      scene.client(client).reset();
      loop.expect_service();
      loop.expect_rest();
      CHECK(sim::is_open(scene.client(client).peer()) != place.ends_by_itself);
      scene.answers_closing = true;
      scene.resume(client);
      scene.close(client, 1001);
      for (int turns = 0; turns < 4; ++turns) (void)scene.turn();
      CHECK(!sim::is_open(scene.client(client).peer()));
      loop.expect_service();
      scene.end_in_order();
    }
  }
}

TEST_CASE("a FIN in every phase makes nothing spin, and its deadline ends what it leaves open") {
  for (const Place& place : kPlaces) {
    CAPTURE(place.name);
    Loop loop([](ring::LoopOptions& options) {
      options.handshake_timeout_ns = options.close_timeout_ns = options.idle_timeout_ns = 10 * kSecond;
      options.write_timeout_ns = 10 * kSecond;
    });
    Scene& scene = loop.scene;
    const std::uint32_t client = place.reach(loop);
    scene.client(client).finish();
    loop.expect_service();
    loop.expect_rest();
    scene.answers_closing = true;
    scene.resume(client);  // what Java does not let be read stays open for as long as it likes
    scene.decide_later_ones(Decision::accept);
    (void)scene.turn();
    for (int seconds = 0; seconds < 35; ++seconds) {
      loop.expect_service();
      const std::int64_t end_ns = os::clock_ns() + kSecond;
      while (os::clock_ns() < end_ns) (void)scene.turn(end_ns - os::clock_ns());
    }
    CHECK(!sim::is_open(scene.client(client).peer()));
    scene.end_in_order();
  }
}

TEST_CASE("a hangup while reads are paused: no turn more than without it, and what came before is read on resume") {
  Loop loop;
  Scene& scene = loop.scene;
  const std::uint32_t client = loop.upgraded();
  scene.pause(client);
  (void)scene.turn();
  scene.client(client).say_frame(2, "before", true, 1 << 20, 64);
  (void)scene.client(client).write();
  scene.client(client).reset();
  loop.expect_rest();
  const std::int64_t ticks = scene.counter(ring::kTicks);
  const std::uint64_t calls = sim::calls(sim::Call::poller_wait);
  for (int seconds = 0; seconds < 60; ++seconds) (void)scene.turn(kSecond);
  CHECK(scene.counter(ring::kTicks) - ticks == 60);
  CHECK(sim::calls(sim::Call::poller_wait) - calls <= 62);
  CHECK(scene.closed(client) == nullptr);
  scene.resume(client);
  for (int turns = 0; turns < 3; ++turns) (void)scene.turn();
  CHECK(scene.client(client).unheard() == 0);
  REQUIRE(scene.closed(client) != nullptr);
  CHECK(scene.closed(client)->error_number == ECONNRESET);
  scene.end_in_order();
}

TEST_CASE("a Close that came before the reset is told, whatever is queued") {
  for (const bool paused : {false, true}) {
    for (const bool resumes : {true, false}) {
      CAPTURE(paused);
      CAPTURE(resumes);
      Loop loop;
      Scene& scene = loop.scene;
      const std::uint32_t client = loop.upgraded();
      if (paused) scene.pause(client);
      loop.fill(client);
      scene.client(client).say_frame(2, "before", true, 1 << 20, 64);
      scene.client(client).say_ping("?");
      scene.client(client).say_close(1009, "too long");
      (void)scene.client(client).write();
      scene.client(client).reset();
      loop.expect_service();
      loop.expect_rest();
      CHECK((scene.closed(client) == nullptr) == paused);
      scene.send(client, 2, "too late", Answer::owned);
      (void)scene.turn();
      if (resumes) scene.resume(client);
      for (int seconds = 0; seconds < 6; ++seconds) (void)scene.turn(kSecond);
      loop.expect_service();
      REQUIRE(scene.closed(client) != nullptr);
      const bool read = !paused || resumes;
      CHECK(scene.closed(client)->code == (read ? 1009 : 1006));
      CHECK(scene.closed(client)->error_number == ECONNRESET);
      CHECK(!scene.closed(client)->timed_out);
      CHECK((scene.client(client).unheard() == 0) == read);
      CHECK((scene.closing(client) != nullptr) == read);
      scene.end_in_order();
    }
  }
}

TEST_CASE("a send without memory ends its connection, whoever sends, and no other") {
  for (const int error : {ENOBUFS, ENOMEM}) {
    for (const char* what : {"message", "queue", "pong", "ping", "response", "close"}) {
      CAPTURE(error);
      CAPTURE(what);
      Loop loop([](ring::LoopOptions& options) { options.ping_interval_ns = kSecond; });
      Scene& scene = loop.scene;
      const std::string doing = what;
      const std::uint32_t client = doing == "response" ? loop.connected() : loop.upgraded();
      if (doing == "message") scene.send(client, 2, "hello", Answer::staged);
      if (doing == "close") scene.close(client, 1000);
      if (doing == "queue") {
        loop.fill(client);
        (void)scene.client(client).read();
      }
      if (doing == "pong") scene.client(client).say_ping("?");
      if (doing == "response") scene.client(client).say_raw("GET / HTTP/1.0\r\n\r\n");
      (void)scene.client(client).write();
      if (doing == "ping") scene.pause(loop.bystander);
      if (doing == "ping") (void)scene.turn();
      sim::fail(sim::Call::send, 1, error);
      if (doing == "ping") (void)scene.turn(kSecond + kSecond / 2);
      for (int turns = 0; turns < 4; ++turns) (void)scene.turn();
      CHECK(sim::failures() == 1);
      CHECK(!sim::is_open(scene.client(client).peer()));
      if (doing != "response") {
        REQUIRE(scene.closed(client) != nullptr);
        CHECK(scene.closed(client)->error_number == error);
      }
      scene.resume(loop.bystander);
      loop.expect_service();
      scene.end_in_order();
    }
  }
}

TEST_CASE("a socket whose buffer the kernel cannot grow for long costs nobody else anything") {
  Loop loop;
  Scene& scene = loop.scene;
  for (int rounds = 0; rounds < 10; ++rounds) {
    const std::uint32_t client = loop.upgraded();
    scene.send(client, 2, "hello", Answer::staged);
    sim::fail(sim::Call::send, 1, ENOBUFS);
    (void)scene.turn();
    loop.expect_service();
  }
  CHECK(sim::failures() == 10);
  CHECK(scene.is_open(loop.bystander));
  scene.end_in_order();
}

}  // namespace millrace::scene
