// SPDX-License-Identifier: Apache-2.0
#include "memory/region.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace millrace::memory {

namespace {

constexpr std::size_t kBytes = 16 << 20;

Region* open_region() {
  Region* region = nullptr;
  REQUIRE(Region::open(kBytes, 1 << 20, &region) == 0);
  return region;
}

}  // namespace

TEST_CASE("a region is found by its id while it is open") {
  Region* const first = open_region();
  Region* const second = open_region();
  CHECK(first->id() != second->id());
  CHECK(first->id() != Region::kShared);
  CHECK(Region::find(first->id()) == first);
  CHECK(Region::find(second->id()) == second);
  CHECK(first->bytes() == kBytes);
  const std::uint16_t id = first->id();
  Region::close(first);
  CHECK(Region::find(id) == nullptr);
  CHECK(Region::find(Region::kMaxRegions) == nullptr);
  CHECK(Region::find(0xffff) == nullptr);
  Region* const third = open_region();
  CHECK(third->id() == id);
  Region::close(second);
  Region::close(third);
}

TEST_CASE("ids run out with an answer, and come back") {
  std::vector<Region*> regions;
  int result = 0;
  for (unsigned count = 0; count < Region::kMaxRegions && result == 0; ++count) {
    Region* region = nullptr;
    result = Region::open(2 << 20, 1 << 20, &region);
    if (result == 0) regions.push_back(region);
  }
  CHECK(result == -EMFILE);
  CHECK(regions.size() == Region::kMaxRegions - 1);
  for (Region* region : regions) Region::close(region);
  Region::close(open_region());
}

TEST_CASE("the owner frees at once, anybody else through the hand-back list") {
  Region* const region = open_region();
  const auto first = static_cast<std::uint64_t>(region->blocks().acquire(1000));
  const auto second = static_cast<std::uint64_t>(region->blocks().acquire(100'000));
  CHECK(region->release_owned(first + 5) == 0);
  CHECK(region->blocks().in_use() == 1);
  CHECK(region->release_owned(first) == -EINVAL);
  REQUIRE(region->blocks().retain(second));
  CHECK(region->release(second) == 0);
  region->take_back();
  CHECK(region->blocks().in_use() == 1);
  CHECK(region->release(second + 99'999) == 0);
  CHECK(region->release(second) == -EINVAL);
  CHECK(region->blocks().in_use() == 1);
  region->take_back();
  CHECK(region->blocks().in_use() == 0);
  region->take_back();
  Region::close(region);
}

TEST_CASE("blocks handed back by several threads while the owner takes and frees" * doctest::test_suite("threads")) {
  Region* const region = open_region();
  constexpr int kThreads = 4;
  constexpr int kBlocks = 4'000;
  // One slot a thread: the owner puts a block there, the thread reads its bytes and hands it back.
  std::atomic<std::uint64_t> slots[kThreads] = {};
  std::atomic<int> damaged{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (;;) {
        const std::uint64_t offset = slots[thread].exchange(0, std::memory_order_acquire);
        if (offset == 0) {
          if (stop) return;
          std::this_thread::yield();
          continue;
        }
        if (!region->blocks().contains(offset, 8)) ++damaged;
        std::uint64_t value;
        std::memcpy(&value, region->base() + offset, sizeof value);
        if (value != offset) ++damaged;
        if (region->release(offset) != 0) ++damaged;
      }
    });
  }
  for (int block = 0; block < kBlocks; ++block) {
    region->take_back();
    const std::int64_t result = region->blocks().acquire(static_cast<std::size_t>(8) << (block % 14));
    REQUIRE(result >= 0);
    const auto offset = static_cast<std::uint64_t>(result);
    std::memcpy(region->base() + offset, &offset, sizeof offset);
    if (block % 3 == 0) {
      // Two holders: whoever comes last hands it back.
      REQUIRE(region->blocks().retain(offset));
    }
    std::uint64_t free = 0;
    while (!slots[block % kThreads].compare_exchange_weak(free, offset, std::memory_order_release)) {
      free = 0;
      std::this_thread::yield();
    }
    if (block % 3 == 0) REQUIRE(region->release_owned(offset) == 0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  region->take_back();
  CHECK(damaged == 0);
  CHECK(region->blocks().in_use() == 0);
  Region::close(region);
}

TEST_CASE("the shared region gives its free pages back, though no loop owns it") {
  Region* const region = Region::shared();
  REQUIRE(region != nullptr);
  std::vector<std::uint64_t> blocks;
  for (int index = 0; index < 12; ++index) {
    const std::int64_t offset = region->acquire_locked(8 << 20);
    REQUIRE(offset >= 0);
    blocks.push_back(static_cast<std::uint64_t>(offset));
  }
  for (const std::uint64_t block : blocks) {
    CHECK(region->release(block) == 0);
    CHECK(region->blocks().touched_free_bytes() <= Region::kMostKeptBytes);
  }
  CHECK(region->keeps_too_much());
  region->trim_locked();
  CHECK(region->blocks().touched_free_bytes() <= Region::kKeptBytes);
  CHECK(!region->keeps_too_much());
}

TEST_CASE(
    "no more of the shared region is in use than is allowed, blocks counted and not lengths; a refusal is a spill") {
  Region* const region = Region::shared();
  REQUIRE(region != nullptr);
  constexpr std::int64_t kAllowed = 100 << 20;
  region->allow(kAllowed);
  const std::size_t spills = region->shared_usage().spills;
  CHECK(region->acquire_locked((65 << 20)) == -ENOMEM);  // its block has 128 MiB
  CHECK(region->shared_usage().spills == spills + 1);
  const std::int64_t large = region->acquire_locked(64 << 20);
  REQUIRE(large >= 0);
  CHECK(region->acquire_locked((32 << 20) + 1) == -ENOMEM);
  const std::int64_t rest = region->acquire_locked(32 << 20);
  REQUIRE(rest >= 0);
  region->allow((96 << 20) + 255 - kAllowed);
  CHECK(region->acquire_locked(1) == -ENOMEM);
  CHECK(region->acquire_locked(SIZE_MAX) == -ENOMEM);
  CHECK(region->shared_usage().spills == spills + 4);
  CHECK(region->shared_usage().use == 96 << 20);
  region->allow(1);
  const std::int64_t last = region->acquire_locked(1);
  CHECK(last >= 0);
  for (const std::int64_t block : {large, rest, last}) CHECK(region->release(static_cast<std::uint64_t>(block)) == 0);
  region->allow(-((96 << 20) + 256));
}

TEST_CASE("the shared region: one for all, blocks from any thread" * doctest::test_suite("threads")) {
  std::vector<std::thread> threads;
  std::atomic<int> damaged{0};
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      Region* const region = Region::shared();
      if (region == nullptr || region->id() != Region::kShared || Region::find(Region::kShared) != region) {
        ++damaged;
        return;
      }
      std::vector<std::uint64_t> held;
      for (int step = 0; step < 2'000; ++step) {
        const std::size_t length = std::size_t{16} << ((step + thread) % 12);
        const std::int64_t offset = region->acquire_locked(length);
        if (offset <= 0) {
          ++damaged;
          continue;
        }
        std::memset(region->base() + offset, thread + 1, length);
        held.push_back(static_cast<std::uint64_t>(offset));
        if (held.size() < 20) continue;
        for (const std::uint64_t block : held) {
          if (region->base()[block] != thread + 1) ++damaged;
          if (region->release(block) != 0) ++damaged;
        }
        held.clear();
      }
      for (const std::uint64_t block : held) region->release(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(damaged == 0);
  CHECK(Region::shared()->blocks().in_use() == 0);
  CHECK(Region::shared()->acquire_locked(std::size_t{1} << 40) == -ENOMEM);
}

}  // namespace millrace::memory
