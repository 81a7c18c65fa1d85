// SPDX-License-Identifier: Apache-2.0
//
// The same scene again and again. For each call of the kernel that can fail, and each error it can have: the first time
// the first such call fails, then the second, until one run makes fewer calls than that. Whatever failed, nothing
// crashes, leaks or hangs, and the loop serves on: Scene checks it.
#include <doctest/doctest.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/frames.hpp"
#include "scene.hpp"

namespace millrace::scene {

namespace {

os::Address tcp() {
  os::Address address;
  address.family = os::Family::ipv4;
  return address;
}

os::Address local(const std::string& path) {
  os::Address address;
  address.family = os::Family::local;
  address.path_length = static_cast<std::uint8_t>(path.size());
  std::memcpy(address.path, path.data(), path.size());
  return address;
}

void say(Client& client, std::uint8_t opcode, std::size_t length, bool final = true) {
  const std::string payload =
      opcode == 1 ? engine::test::ascii(length, length + 1) : engine::test::pattern(length, length + 1);
  client.say_frame(opcode, payload, final, 1 << 20, 64);
}

/// As the API does: a listener that could not be opened is asked for again.
void listen(Scene& scene, const os::Address& address, std::uint32_t index) {
  for (int tries = 0; tries < 8 && !scene.is_listening(index); ++tries) {
    scene.listen(address, index);
    (void)scene.turn();
    const bool told = scene.is_listening(index) || scene.listen_error() > 0;
    CHECK_MESSAGE(told, "LISTEN is answered");
  }
  CHECK(scene.is_listening(index));
}

/// Accept, upgrade, echoes of several sizes and ways, timers, a slow reader, a refusal, closes from both sides, a
/// reset.
void play(Scene& scene) {
  listen(scene, tcp(), 0);
  listen(scene, local("/run/scene"), 1);
  scene.set_timer(1, 30 * kMilli);
  scene.set_timer(2, kSecond);
  constexpr Answer kWays[] = {Answer::borrowed, Answer::staged, Answer::owned, Answer::shared, Answer::retained};
  for (std::uint32_t index = 0; index < 5; ++index) {
    const std::uint32_t client = scene.connect(index == 4 ? 1 : 0);
    REQUIRE(client == index);
    scene.set_answer(client, kWays[index]);
    scene.client(client).say_upgrade();
  }
  scene.pump();
  scene.credit(0, 2, 1000);
  scene.credit_each(0, 1);
  scene.batch(0, 3, 1 << 20, 20 * kMilli);
  for (std::uint32_t index = 0; index < 5; ++index) {
    Client& client = scene.client(index);
    for (const std::size_t length : {0, 126, 3000, 70000}) say(client, length % 2 == 0 ? 1 : 2, length);
    say(client, 1, 10, false);
    client.say_ping("between");
    say(client, 1, 5000);
  }
  // One whose bytes come in small pieces, and who reads slowly.
  sim::set_buffers(scene.client(1).peer(), {1 << 20, 60000, 20000, 30000});
  for (int rounds = 0; rounds < 6; ++rounds) {
    for (std::uint32_t index = 0; index < 5; ++index) (void)scene.client(index).write(9000);
    (void)scene.turn();
    for (std::uint32_t index = 0; index < 5; ++index) (void)scene.client(index).read(index == 1 ? 1000 : SIZE_MAX);
  }
  scene.cancel_timer(2);
  scene.pump();
  (void)scene.turn(60 * kMilli);  // after EMFILE accepting rests for 50 ms
  scene.pump();

  scene.decision = Decision::refuse;
  if (const std::uint32_t refused = scene.connect(); refused != Scene::kNoClient) scene.client(refused).say_upgrade();
  scene.pump();
  scene.decision = Decision::accept;
  if (!scene.client(2).has_left()) scene.client(2).reset();
  scene.client(3).say_close(1000, "done");
  scene.close(4, 1001, "going");
  scene.pump();
  scene.unlisten(1);
  (void)scene.turn();
  scene.settle();
}

os::Address tcp(std::uint16_t port) {
  os::Address address = tcp();
  address.port = port;
  return address;
}

/// The same from a client's side: servers that answer at once, later, with no and never, echoes, a slow server, closes
/// from both sides, a reset.
void play_client(Scene& scene) {
  scene.serve(tcp(80), sim::Answers::at_once, 0);
  scene.serve(local("/run/scene"), sim::Answers::at_once, 1);
  scene.serve(tcp(81), sim::Answers::refused, 2);
  scene.serve(tcp(82), sim::Answers::later, 3);
  (void)scene.connect(2);
  const std::uint32_t late = scene.connect(3);
  (void)scene.connect(3);
  (void)scene.turn();
  if (late != Scene::kNoClient) sim::answer(scene.client(late).peer());
  constexpr Answer kWays[] = {Answer::borrowed, Answer::staged, Answer::owned, Answer::shared, Answer::retained};
  std::vector<std::uint32_t> servers;
  for (std::uint32_t index = 0; index < 5; ++index) {
    const std::uint32_t server = scene.connect(index == 4 ? 1 : 0);
    if (server == Scene::kNoClient) continue;
    scene.set_answer(server, kWays[index]);
    if (index == 3) scene.client(server).say_raw("HTTP/1.1 407 \r\n\r\n");
    scene.pump();
    scene.client(server).say_upgrade();
    servers.push_back(server);
  }
  // Part of it lies behind the response before that is accepted.
  for (const std::uint32_t server : servers) {
    Client& client = scene.client(server);
    for (const std::size_t length : {0, 126, 3000, 70000}) say(client, length % 2 == 0 ? 1 : 2, length);
    say(client, 1, 10, false);
    client.say_ping("between");
    say(client, 1, 5000);
  }
  if (servers.size() > 1) sim::set_buffers(scene.client(servers[1]).peer(), {1 << 20, 60000, 20000, 30000});
  for (int rounds = 0; rounds < 6; ++rounds) {
    for (const std::uint32_t server : servers) (void)scene.client(server).write(9000);
    (void)scene.turn();
    for (const std::uint32_t server : servers) (void)scene.client(server).read(server == 1 ? 1000 : SIZE_MAX);
  }
  scene.pump();
  if (const std::uint32_t refused = scene.connect(); refused != Scene::kNoClient) {
    scene.client(refused).say_raw("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n");
    scene.pump();
  }
  if (const std::uint32_t garbage = scene.connect(); garbage != Scene::kNoClient) {
    scene.client(garbage).say_raw("SSH-2.0");
    scene.pump();
  }
  if (servers.size() == 5) {
    if (!scene.client(servers[2]).has_left()) scene.client(servers[2]).reset();
    scene.client(servers[3]).say_close(1000, "done");
    scene.close(servers[4], 1001, "going");
  }
  scene.pump();
  scene.settle();
}

/// Who plays, and what is agreed on about compression.
struct Cast {
  ring::Role role = ring::kServer;
  std::uint64_t deflate = 0;
};

/// Plays with the nth call of that kind failing (0: none). False when no run makes so many calls.
bool play_failing(const Cast& cast, sim::Call call, std::uint64_t nth, int error, std::uint64_t* refused) {
  sim::start();
  if (nth > 0) sim::fail(call, nth, error);
  Scene scene;
  ring::LoopOptions options = Scene::small_options();
  options.role = cast.role;
  if (cast.deflate != 0) {
    options.deflate_level = 1;
    options.deflate_memory_level = 8;
    scene.deflate = cast.deflate;
  }
  if (const int result = scene.open(options); result < 0) {
    ++*refused;
    CHECK_MESSAGE(result == -error, "a loop that cannot be made says why");
    return true;
  }
  cast.role == ring::kServer ? play(scene) : play_client(scene);
  const bool failed = sim::failures() > 0;
  scene.end_in_order();
  return failed;
}

/// Whether compression has anything of its own to do when it fails. Such a scene takes long, and each of the others has
/// been played without.
bool concerns_compression(sim::Call call) {
  return call == sim::Call::map_pages || call == sim::Call::send || call == sim::Call::receive;
}

/// Before the first loop maps it. Each of its mappings fails once.
void map_shared_region() {
  for (std::uint64_t nth = 1;; ++nth) {
    sim::start();
    sim::fail(sim::Call::map_pages, nth, ENOMEM);
    const bool mapped = engine::shared_region().start != nullptr;
    CHECK((mapped || sim::mappings() == 0));
    if (mapped) return;
  }
}

}  // namespace

TEST_CASE("whatever call fails, the loop serves on or cannot be made") {
  map_shared_region();
  Cast cast;
  constexpr std::uint64_t kWindows =
      ring::kDeflate | 15 << ring::kDeflateOutgoingBits | 15 << ring::kDeflateIncomingBits;
  SUBCASE("a server's") {}
  SUBCASE("a client's") { cast.role = ring::kClient; }
  SUBCASE("a server's that compresses each message by itself") {
    cast.deflate = kWindows | ring::kDeflateOutgoingAlone | ring::kDeflateIncomingAlone;
  }
  SUBCASE("a server's whose windows live on") { cast.deflate = kWindows; }
  std::uint64_t refused = 0;
  std::uint64_t runs = 0;
  REQUIRE_FALSE(play_failing(cast, sim::Call::send, 0, 0, &refused));
  for (std::size_t index = 0; index < sim::kCalls; ++index) {
    const auto call = static_cast<sim::Call>(index);
    if (cast.deflate != 0 && !concerns_compression(call)) continue;
    for (std::size_t errors = 0; errors < (cast.deflate != 0 ? 1 : sim::usual_errors(call)); ++errors) {
      const int error = sim::usual_error(call, errors);
      CAPTURE(sim::name(call));
      CAPTURE(error);
      std::uint64_t nth = 1;
      while (play_failing(cast, call, nth, error, &refused)) ++nth;
      runs += nth;
    }
  }
  MESSAGE(runs, " runs, ", refused, " of them without a loop");
  CHECK(runs > (cast.deflate != 0 ? 50 : 300));
  CHECK(refused > (cast.deflate != 0 ? 2 : 15));
}

TEST_CASE("the same scene is the same run") {
  (void)engine::shared_region();
  std::uint64_t calls[2];
  std::int64_t sent[2];
  for (int run = 0; run < 2; ++run) {
    sim::Options options;
    options.fault_seed = 7;
    options.fault_one_in = 400;
    sim::start(options);
    Scene scene;
    if (scene.open(Scene::small_options()) < 0) return;
    scene.listen(tcp());
    (void)scene.turn();
    for (int clients = 0; clients < 8; ++clients) {
      const std::uint32_t client = scene.connect();
      if (client == Scene::kNoClient) break;
      scene.set_answer(client, Answer::borrowed);
      scene.client(client).say_upgrade();
      for (const std::size_t length : {10, 500, 40000}) say(scene.client(client), 2, length);
    }
    scene.pump();
    calls[run] = sim::calls();
    sent[run] = scene.counter(ring::kBytesSent);
    scene.end_in_order();
  }
  CHECK(calls[0] == calls[1]);
  CHECK(sent[0] == sent[1]);
}

}  // namespace millrace::scene
