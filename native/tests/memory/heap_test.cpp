// SPDX-License-Identifier: Apache-2.0
#include "memory/heap.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <vector>

namespace millrace::memory {

TEST_CASE("Heap gives blocks that hold what is written, and counts them") {
  struct Block {
    std::uint8_t* bytes;
    std::size_t length;
    std::uint8_t fill;
  };
  Heap heap;
  std::mt19937 random(7);
  std::vector<Block> blocks;
  std::size_t wanted = 0;
  const auto give_back = [&](std::size_t index) {
    const Block block = blocks[index];
    for (std::size_t at = 0; at < block.length; ++at) REQUIRE(block.bytes[at] == block.fill);
    heap.free(block.bytes);
    wanted -= block.length;
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(index));
  };
  for (int step = 0; step < 2000; ++step) {
    if (blocks.size() > 50 || (!blocks.empty() && random() % 3 == 0)) {
      give_back(random() % blocks.size());
    } else {
      const std::size_t length = 1 + random() % (random() % 4 == 0 ? 200'000 : 2000);
      auto* const bytes = static_cast<std::uint8_t*>(heap.allocate(length));
      REQUIRE(bytes != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(bytes) % 16 == 0);
      const auto fill = static_cast<std::uint8_t>(random());
      std::memset(bytes, fill, length);
      blocks.push_back({bytes, length, fill});
      wanted += length;
    }
    CHECK(heap.usage().use >= wanted);
  }
  while (!blocks.empty()) give_back(0);
  CHECK(heap.usage().use == 0);
  CHECK(heap.usage().high_water > 0);
  CHECK(heap.usage().spills == 0);
  heap.free(nullptr);
  heap.trim(0);
}

TEST_CASE("Heap refuses at its limit, and counts that") {
  Heap heap(4096);
  void* const first = heap.allocate(3000);
  REQUIRE(first != nullptr);
  CHECK(heap.allocate(3000) == nullptr);
  CHECK(heap.allocate(SIZE_MAX) == nullptr);
  CHECK(heap.usage().spills == 2);
  heap.free(first);
  void* const again = heap.allocate(3000);
  CHECK(again != nullptr);
  heap.free(again);
}

}  // namespace millrace::memory
