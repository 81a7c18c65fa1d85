// SPDX-License-Identifier: Apache-2.0
#include "memory/slab.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <random>
#include <vector>

namespace millrace::memory {

namespace {

struct Object {
  std::uint64_t value;
  std::uint32_t generation;
  std::uint32_t next_free;
};

}  // namespace

TEST_CASE("Slab hands out every index once, zeroed, and then none") {
  Slab<Object> slab;
  REQUIRE(slab.open(1000) == 0);
  for (std::uint32_t index = 0; index < 1000; ++index) {
    CHECK(!slab.known(index));
    CHECK(slab.allocate() == index);
    CHECK(slab.known(index));
    CHECK(slab[index].value == 0);
    CHECK(slab[index].generation == 0);
  }
  CHECK(slab.allocate() == kNone);
  CHECK(slab.in_use() == 1000);
  CHECK(!slab.known(1000));
  CHECK(!slab.known(kNone));
  slab.release(500);
  CHECK(slab.allocate() == 500);
  CHECK(slab.high_water() == 1000);
}

TEST_CASE("Slab gives the last one released first, its bytes untouched") {
  Slab<Object> slab;
  REQUIRE(slab.open(10) == 0);
  for (int index = 0; index < 3; ++index) (void)slab.allocate();
  slab[1].generation = 7;
  slab.release(0);
  slab.release(1);
  CHECK(slab.known(1));
  CHECK(slab[1].generation == 7);
  CHECK(slab.allocate() == 1);
  CHECK(slab[1].generation == 7);
  CHECK(slab.allocate() == 0);
  CHECK(slab.allocate() == 3);
  CHECK(slab.known_count() == 4);
}

TEST_CASE("Slab against a model") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Slab<Object> slab;
  REQUIRE(slab.open(300) == 0);
  std::map<std::uint32_t, std::uint64_t> live;
  for (int step = 0; step < 50'000; ++step) {
    if (random() % 2 == 0) {
      const std::uint32_t index = slab.allocate();
      if (index == kNone) {
        REQUIRE(live.size() == 300);
        continue;
      }
      REQUIRE(index < 300);
      REQUIRE(!live.contains(index));
      slab[index].value = live[index] = random();
    } else if (!live.empty()) {
      auto at = live.begin();
      std::advance(at, random() % live.size());
      REQUIRE(slab[at->first].value == at->second);
      slab.release(at->first);
      live.erase(at);
    }
    REQUIRE(slab.in_use() == live.size());
  }
}

TEST_CASE("Slab can be closed and opened again") {
  Slab<Object> slab;
  REQUIRE(slab.open(5) == 0);
  slab[slab.allocate()].value = 9;
  slab.close();
  slab.close();
  REQUIRE(slab.open(5) == 0);
  CHECK(slab.allocate() == 0);
  CHECK(slab[0].value == 0);
}

}  // namespace millrace::memory
