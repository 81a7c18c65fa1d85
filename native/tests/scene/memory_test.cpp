// SPDX-License-Identifier: Apache-2.0
//
// A region that is full, and what the loop has to give up for it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/frames.hpp"
#include "scene.hpp"

namespace millrace::scene {

namespace {

class Full {
 public:
  Full() {
    (void)engine::shared_region();
    sim::start();
    ring::LoopOptions options = Scene::small_options();
    options.high_water_bytes = 1 << 20;
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

  Scene scene;
};

}  // namespace

TEST_CASE("a command that fails behind a good one sends nothing on a socket that is gone") {
  Full full;
  const std::uint32_t client = full.upgraded();
  full.scene.send(client, 2, "put, and then given up", Answer::staged);
  full.scene.send_from_nowhere(client);
  (void)full.scene.turn();
  full.scene.end_in_order();
}

TEST_CASE("leases fill the region while one connection has more to queue than fits") {
  Full full;
  Scene& scene = full.scene;
  const std::uint32_t client = full.upgraded();
  sim::set_buffers(scene.client(client).peer(), {1 << 20, 1, SIZE_MAX, 1});
  // Copies between blocks: when the first copy finds no block and ends the connection, others are still to be put away.
  scene.send(client, 2, std::string(100, 'a'), Answer::staged);
  scene.send(client, 2, std::string(5000, 'b'), Answer::shared);
  scene.send(client, 2, std::string(100, 'c'), Answer::staged);
  scene.send(client, 2, std::string(5000, 'd'), Answer::shared);
  scene.lease_everything();
  (void)scene.turn();
  scene.release_kept();
  (void)scene.turn();
  CHECK(scene.counter(ring::kRegionFull) > 0);
  CHECK(!scene.is_open(client));
  scene.end_in_order();
}

TEST_CASE("whoever pins most is told 1013 while another connection's frame lies in the temporary area") {
  Full full;
  Scene& scene = full.scene;
  const std::uint32_t slow = full.upgraded();
  const std::uint32_t heavy = full.upgraded();
  // Half a message of the heavy one lies in a block.
  scene.client(heavy).say_frame(2, engine::test::pattern(300000), false, 1 << 20, 64);
  scene.pump();
  // The slow one has something queued: what is sent now goes from the temporary area to its queue.
  sim::set_buffers(scene.client(slow).peer(), {1 << 20, 1, SIZE_MAX, 1});
  scene.set_answer(slow, Answer::borrowed);
  scene.send(slow, 2, std::string(5000, 'q'), Answer::owned);
  (void)scene.turn();
  for (int messages = 0; messages < 100; ++messages) {
    scene.client(slow).say_frame(2, engine::test::pattern(1500, 9), true, 1 << 20, 64);
  }
  (void)scene.client(slow).write();
  (void)scene.turn();
  scene.lease_everything();
  (void)scene.turn();
  (void)scene.turn();
  CHECK(scene.counter(ring::kRegionFull) > 0);
  scene.end_in_order();
}

}  // namespace millrace::scene
