// SPDX-License-Identifier: Apache-2.0
#include "memory/bump.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

namespace millrace::memory {

TEST_CASE("Bump hands out what it has and refuses the rest") {
  std::vector<std::uint8_t> bytes(100);
  Bump bump(bytes.data(), bytes.size());
  CHECK(bump.allocate(40) == bytes.data());
  CHECK(bump.allocate(60) == bytes.data() + 40);
  CHECK(bump.available() == 0);
  CHECK(bump.allocate(1) == nullptr);
  CHECK(bump.allocate(SIZE_MAX) == nullptr);
  CHECK(bump.allocate(0) == bytes.data() + 100);
  CHECK(bump.spills() == 2);
  CHECK(bump.high_water() == 100);
  bump.reset();
  CHECK(bump.used() == 0);
  CHECK(bump.high_water() == 100);
  CHECK(bump.allocate(101) == nullptr);
  CHECK(bump.allocate(100) == bytes.data());
  bump.release();
}

TEST_CASE("Bump aligns within its memory") {
  alignas(64) std::uint8_t bytes[256];
  Bump bump(bytes, sizeof bytes);
  CHECK(bump.allocate(3) == bytes);
  CHECK(bump.allocate(8, 8) == bytes + 8);
  CHECK(bump.allocate(1, 64) == bytes + 64);
  // The alignment alone leads beyond the end.
  CHECK(bump.allocate(130) == bytes + 65);
  CHECK(bump.allocate(1, 128) == nullptr);
  CHECK(bump.used() == 195);
  bump.release();
}

TEST_CASE("Bump goes back to a mark") {
  std::vector<std::uint8_t> bytes(100);
  Bump bump(bytes.data(), bytes.size());
  (void)bump.allocate(10);
  const std::size_t mark = bump.mark();
  (void)bump.allocate(50);
  bump.rewind(mark);
  CHECK(bump.allocate(20) == bytes.data() + 10);
  CHECK(bump.high_water() == 60);
  bump.release();
}

}  // namespace millrace::memory
