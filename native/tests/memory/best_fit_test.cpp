// SPDX-License-Identifier: Apache-2.0
#include "memory/best_fit.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "base/poison.hpp"
#include "memory/block_pool.hpp"
#include "os/os.hpp"

namespace millrace::memory {

namespace {

constexpr std::size_t kBegin = 1 << 20;
constexpr std::size_t kUnit = 256;

/// `bytes` of real memory behind a part that belongs to somebody else.
struct Memory {
  explicit Memory(std::size_t bytes) : length(kBegin + bytes) {
    void* start = nullptr;
    REQUIRE(os::map_pages(length, 2 << 20, &start) == 0);
    base = static_cast<std::uint8_t*>(start);
  }
  ~Memory() {
    base::unpoison(base, length);
    os::unmap_pages(base, length);
  }
  std::size_t length;
  std::uint8_t* base = nullptr;
};

std::uint64_t allocate(BestFit& fit, std::size_t length) {
  const std::int64_t offset = fit.allocate(length);
  REQUIRE(offset >= static_cast<std::int64_t>(kBegin));
  return static_cast<std::uint64_t>(offset);
}

}  // namespace

TEST_CASE("best fit: runs are multiples of 256 bytes, found from any address inside") {
  Memory memory(4 << 20);
  BestFit fit;
  REQUIRE(fit.open(memory.base, kBegin, memory.length) == 0);
  for (const std::size_t length : {0U, 1U, 256U, 257U, 5000U, 65536U, 100'000U}) {
    CAPTURE(length);
    const std::uint64_t offset = allocate(fit, length);
    const std::size_t size = fit.size_of(offset);
    CHECK(size % kUnit == 0);
    CHECK(size >= length);
    CHECK(size <= length + kUnit);
    for (const std::uint64_t at : {offset, offset + size / 2, offset + size - 1}) CHECK(fit.start_of(at) == offset);
    CHECK(fit.start_of(offset + size) == offset + size);
  }
}

TEST_CASE("best fit: the smallest hole that fits is taken, and neighbours become one") {
  Memory memory(1 << 20);
  BestFit fit;
  REQUIRE(fit.open(memory.base, kBegin, memory.length) == 0);
  std::vector<std::uint64_t> runs;
  // Holes of 6, 4, 5 and 7 units, with a used unit between them.
  for (const std::size_t units : {6U, 1U, 4U, 1U, 5U, 1U, 7U, 1U}) runs.push_back(allocate(fit, units * kUnit));
  for (const std::size_t hole : {0U, 2U, 4U, 6U}) fit.free(runs[hole]);
  CHECK(allocate(fit, 5 * kUnit) == runs[4]);
  CHECK(allocate(fit, 4 * kUnit) == runs[2]);
  fit.free(runs[2]);
  fit.free(runs[1]);
  // 6 + 1 + 4 units have become one run.
  CHECK(allocate(fit, 11 * kUnit) == runs[0]);
}

TEST_CASE("best fit: everything that was freed can be had again in one piece") {
  Memory memory(2 << 20);
  BestFit fit;
  REQUIRE(fit.open(memory.base, kBegin, memory.length) == 0);
  std::vector<std::uint64_t> runs;
  for (std::int64_t offset = fit.allocate(777); offset >= 0; offset = fit.allocate(777)) {
    runs.push_back(static_cast<std::uint64_t>(offset));
  }
  CHECK(runs.size() == (2 << 20) / 1024);
  CHECK(fit.allocate(1) == -ENOMEM);
  CHECK(fit.free_bytes() == 0);
  std::mt19937 random(7);
  std::shuffle(runs.begin(), runs.end(), random);
  for (const std::uint64_t offset : runs) fit.free(offset);
  CHECK(fit.free_bytes() == 2 << 20);
  CHECK(allocate(fit, 2 << 20) == kBegin);
}

TEST_CASE("best fit against a model") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Memory memory(8 << 20);
  BestFit fit;
  REQUIRE(fit.open(memory.base, kBegin, memory.length) == 0);
  std::map<std::uint64_t, std::size_t> live;  // by start: size
  std::size_t used = 0;
  for (int step = 0; step < 50'000; ++step) {
    if (random() % 100 < 55) {
      const std::int64_t result = fit.allocate(std::size_t{1} << (random() % 18) | random() % 4096);
      if (result == -ENOMEM) continue;
      const auto offset = static_cast<std::uint64_t>(result);
      const std::size_t size = fit.size_of(offset);
      REQUIRE(offset >= kBegin);
      REQUIRE(offset + size <= memory.length);
      const auto after = live.lower_bound(offset);
      REQUIRE((after == live.end() || offset + size <= after->first));
      if (after != live.begin()) {
        const auto before = std::prev(after);
        REQUIRE(before->first + before->second <= offset);
      }
      live[offset] = size;
      used += size;
    } else if (!live.empty()) {
      auto at = live.begin();
      std::advance(at, random() % live.size());
      REQUIRE(fit.size_of(at->first) == at->second);
      REQUIRE(fit.start_of(at->first + random() % at->second) == at->first);
      fit.free(at->first);
      used -= at->second;
      live.erase(at);
    }
    REQUIRE(fit.free_bytes() == (8 << 20) - used);
  }
  for (const auto& [offset, size] : live) fit.free(offset);
  CHECK(allocate(fit, 8 << 20) == kBegin);
}

TEST_CASE("best fit: whole free pages go back to the system, and what is in use stays") {
  Memory memory(4 << 20);
  BestFit fit;
  REQUIRE(fit.open(memory.base, kBegin, memory.length) == 0);
  const std::uint64_t kept = allocate(fit, 1000);
  const std::uint64_t freed = allocate(fit, 2 << 20);
  std::memset(memory.base + kept, 0xEE, 1000);
  std::memset(memory.base + freed, 0xEE, 2 << 20);
  fit.free(freed);
  // It began in the page of the one that is kept, and ended in a page of its own.
  CHECK(fit.touched_free_bytes() == 2 << 20);
  CHECK(fit.trim(1 << 20) == 1 << 20);
  CHECK(fit.touched_free_bytes() == 1 << 20);
  CHECK(fit.trim(0) == 1 << 20);
  CHECK(memory.base[freed + (2 << 20) - 1] == 0);
  CHECK(memory.base[kept + 999] == 0xEE);
}

TEST_CASE("a pool on the general allocator: contains, references and the double release") {
  Memory memory(4 << 20);
  BlockPool pool;
  REQUIRE(pool.open(memory.base, kBegin, memory.length, Allocator::general) == 0);
  const auto before = static_cast<std::uint64_t>(pool.acquire(300));
  const auto offset = static_cast<std::uint64_t>(pool.acquire(5000));
  const auto behind = static_cast<std::uint64_t>(pool.acquire(300));
  CHECK(pool.size_of(offset + 4000) == 5120);
  CHECK(pool.bytes_in_use() == 512 + 5120 + 512);
  CHECK(pool.contains(offset, 5120));
  CHECK(!pool.contains(offset, 5121));
  CHECK(pool.contains(offset + 5119, 1));
  CHECK(!pool.contains(offset + 5119, 2));
  CHECK(!pool.contains(behind + 512, 0));
  CHECK(!pool.contains(kBegin - 1, 0));
  CHECK(!pool.contains(memory.length, 0));
  CHECK(pool.retain(offset + 77));
  CHECK(pool.release(offset) == BlockPool::Release::kept);
  CHECK(pool.release(offset + 5000) == BlockPool::Release::last);
  CHECK(!pool.contains(offset, 0));
  CHECK(pool.release(offset) == BlockPool::Release::invalid);
  pool.free(offset + 5000);
  CHECK(pool.acquire(5000) == static_cast<std::int64_t>(offset));
  CHECK(pool.release(before) == BlockPool::Release::last);
  pool.free(before);
  CHECK(pool.in_use() == 2);
  CHECK(pool.acquire(1 << 30) == -ENOMEM);
  CHECK(pool.usage().spills == 1);
}

TEST_CASE("other threads find their blocks while the owner allocates around them" * doctest::test_suite("threads")) {
  Memory memory(16 << 20);
  BlockPool pool;
  REQUIRE(pool.open(memory.base, kBegin, memory.length, Allocator::general) == 0);
  std::vector<std::uint64_t> holes;
  std::vector<std::uint64_t> held;
  for (int index = 0; index < 64; ++index) {
    held.push_back(static_cast<std::uint64_t>(pool.acquire(3000)));
    holes.push_back(static_cast<std::uint64_t>(pool.acquire(2000)));
  }
  for (const std::uint64_t hole : holes) {
    REQUIRE(pool.release(hole) == BlockPool::Release::last);
    pool.free(hole);
  }
  std::atomic<bool> stop{false};
  std::atomic<int> lost{0};
  std::thread other([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      for (const std::uint64_t offset : held) {
        if (!pool.contains(offset + 2999, 1) || !pool.retain(offset + 1500)) lost.fetch_add(1);
        if (pool.release(offset + 100) != BlockPool::Release::kept) lost.fetch_add(1);
      }
    }
  });
  for (int round = 0; round < 20'000; ++round) {
    const std::int64_t taken = pool.acquire(256 + static_cast<std::size_t>(round) % 1700);
    REQUIRE(taken >= 0);
    REQUIRE(pool.release(static_cast<std::uint64_t>(taken)) == BlockPool::Release::last);
    pool.free(static_cast<std::uint64_t>(taken));
  }
  stop.store(true);
  other.join();
  CHECK(lost.load() == 0);
}

}  // namespace millrace::memory
