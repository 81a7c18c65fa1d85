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

struct Large {
  std::uint8_t bytes[100];
  std::uint32_t next_free;
};

/// The generation may be looked at while the object is free.
using Objects = Slab<Object, 12>;

}  // namespace

TEST_CASE("Slab hands out every index once, zeroed, and then none") {
  Objects slab;
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
  Objects slab;
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
  Objects slab;
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

TEST_CASE("Slabs tell together what they hold") {
  Usage usage;
  Objects first;
  Slab<Large> second;
  REQUIRE(first.open(2, &usage) == 0);
  REQUIRE(second.open(10, &usage) == 0);
  const std::uint32_t one = first.allocate();
  (void)first.allocate();
  (void)second.allocate();
  CHECK(usage.use == 2 * sizeof(Object) + sizeof(Large));
  first.release(one);
  CHECK(usage.use == sizeof(Object) + sizeof(Large));
  CHECK(usage.high_water == 2 * sizeof(Object) + sizeof(Large));
  CHECK(usage.spills == 0);
  (void)first.allocate();
  CHECK(first.allocate() == kNone);
  CHECK(usage.spills == 1);
}

TEST_CASE("Slab can be closed and opened again") {
  Objects slab;
  REQUIRE(slab.open(5) == 0);
  slab[slab.allocate()].value = 9;
  slab.close();
  slab.close();
  REQUIRE(slab.open(5) == 0);
  CHECK(slab.allocate() == 0);
  CHECK(slab[0].value == 0);
}

}  // namespace millrace::memory
