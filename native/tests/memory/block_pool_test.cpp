// SPDX-License-Identifier: Apache-2.0
#include "memory/block_pool.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "base/poison.hpp"
#include "os/os.hpp"

namespace millrace::memory {

namespace {

constexpr std::size_t kBegin = 1 << 20;

/// A pool over `bytes` of real memory.
struct Pool {
  explicit Pool(std::size_t bytes) : length(kBegin + bytes) {
    void* start = nullptr;
    REQUIRE(os::map_pages(length, 2 << 20, &start) == 0);
    base = static_cast<std::uint8_t*>(start);
    REQUIRE(blocks.open(base, kBegin, length) == 0);
  }
  ~Pool() {
    blocks.close();
    base::unpoison(base, length);
    os::unmap_pages(base, length);
  }
  void release(std::uint64_t offset) {
    REQUIRE(blocks.release(offset) == BlockPool::Release::last);
    blocks.free(offset);
  }
  std::size_t length;
  std::uint8_t* base = nullptr;
  BlockPool blocks;
};

std::size_t class_of(std::size_t length) {
  std::size_t size = BlockPool::kMinBlock;
  while (size < length) size *= 2;
  return size;
}

}  // namespace

TEST_CASE("every size class: the right size, naturally aligned, writable to the last byte") {
  Pool pool(32 << 20);
  for (std::size_t size = BlockPool::kMinBlock; size <= 16 << 20; size *= 2) {
    for (const std::size_t length : {size / 2 + 1, size - 1, size}) {
      CAPTURE(length);
      const std::int64_t result = pool.blocks.acquire(length);
      REQUIRE(result >= static_cast<std::int64_t>(kBegin));
      const auto offset = static_cast<std::uint64_t>(result);
      CHECK(pool.blocks.size_of(offset) == class_of(length));
      CHECK(offset % class_of(length) == 0);
      CHECK(pool.blocks.bytes_in_use() == class_of(length));
      std::memset(pool.base + offset, 0xEE, class_of(length));
      pool.release(offset);
      CHECK(pool.blocks.in_use() == 0);
      CHECK(pool.blocks.bytes_in_use() == 0);
    }
  }
  const std::int64_t empty = pool.blocks.acquire(0);
  REQUIRE(empty >= 0);
  CHECK(pool.blocks.size_of(static_cast<std::uint64_t>(empty)) == BlockPool::kMinBlock);
  pool.release(static_cast<std::uint64_t>(empty));
}

TEST_CASE("contains at every edge") {
  Pool pool(8 << 20);
  for (const std::size_t size :
       {std::size_t{256}, std::size_t{4096}, std::size_t{32768}, std::size_t{65536}, std::size_t{1} << 20}) {
    CAPTURE(size);
    // Neighbours that were never handed out, before, between and behind.
    const auto offset = static_cast<std::uint64_t>(pool.blocks.acquire(size));
    const BlockPool& blocks = pool.blocks;
    CHECK(blocks.contains(offset, 0));
    CHECK(blocks.contains(offset, size));
    CHECK(!blocks.contains(offset, size + 1));
    CHECK(!blocks.contains(offset, UINT64_MAX));
    CHECK(blocks.contains(offset + 1, size - 1));
    CHECK(!blocks.contains(offset + 1, size));
    CHECK(blocks.contains(offset + size - 1, 1));
    CHECK(!blocks.contains(offset + size - 1, 2));
    CHECK(!blocks.contains(offset + size, 0));
    if (offset > kBegin) CHECK(!blocks.contains(offset - 1, 1));
    CHECK(blocks.start_of(offset + size - 1) == offset);
    CHECK(blocks.start_of(offset) == offset);
    pool.release(offset);
    CHECK(!blocks.contains(offset, 0));
    CHECK(!blocks.contains(offset + size / 2, 0));
  }
  for (const std::uint64_t outside : {std::uint64_t{0}, std::uint64_t{kBegin - 1}, std::uint64_t{pool.length},
                                      std::uint64_t{pool.length + 1}, UINT64_MAX, UINT64_MAX >> 16}) {
    CHECK(!pool.blocks.contains(outside, 0));
    CHECK(!pool.blocks.retain(outside));
    CHECK(pool.blocks.release(outside) == BlockPool::Release::invalid);
  }
}

TEST_CASE("reference counts, from any address inside the block; a double release is told") {
  Pool pool(4 << 20);
  for (const std::size_t size : {std::size_t{256}, std::size_t{131072}}) {
    const auto offset = static_cast<std::uint64_t>(pool.blocks.acquire(size));
    CHECK(pool.blocks.retain(offset));
    CHECK(pool.blocks.retain(offset + size - 1));
    CHECK(pool.blocks.release(offset + 1) == BlockPool::Release::kept);
    CHECK(pool.blocks.release(offset) == BlockPool::Release::kept);
    CHECK(pool.blocks.contains(offset, size));
    CHECK(pool.blocks.release(offset + size / 2) == BlockPool::Release::last);
    // Dead from here on, also before the owner has freed it.
    CHECK(!pool.blocks.contains(offset, 0));
    CHECK(!pool.blocks.retain(offset));
    CHECK(pool.blocks.release(offset) == BlockPool::Release::invalid);
    pool.blocks.free(offset);
    CHECK(pool.blocks.release(offset) == BlockPool::Release::invalid);
    CHECK(pool.blocks.in_use() == 0);
  }
}

TEST_CASE("a page whose blocks are all free goes back, the last of its class stays") {
  Pool pool(8 << 20);
  const std::size_t before = pool.blocks.free_bytes();
  std::vector<std::uint64_t> offsets;
  for (int block = 0; block < 3 * 16; ++block) {
    offsets.push_back(static_cast<std::uint64_t>(pool.blocks.acquire(4096)));
  }
  CHECK(pool.blocks.free_bytes() == before - 3 * kPageBytes);
  std::shuffle(offsets.begin(), offsets.end(), std::mt19937(7));
  for (const std::uint64_t offset : offsets) pool.release(offset);
  CHECK(pool.blocks.free_bytes() == before - kPageBytes);
  // The page that stayed serves the next ones without another.
  for (int block = 0; block < 16; ++block) offsets[block] = static_cast<std::uint64_t>(pool.blocks.acquire(4000));
  CHECK(pool.blocks.free_bytes() == before - kPageBytes);
  for (int block = 0; block < 16; ++block) pool.release(offsets[block]);
}

TEST_CASE("a page that went back can serve another class") {
  Pool pool(2 << 20);
  std::vector<std::uint64_t> offsets;
  for (const std::size_t size : {std::size_t{256}, std::size_t{512}, std::size_t{16384}, std::size_t{65536},
                                 std::size_t{1024}, std::size_t{524288}, std::size_t{256}}) {
    CAPTURE(size);
    offsets.clear();
    for (;;) {
      const std::int64_t offset = pool.blocks.acquire(size);
      if (offset < 0) break;
      offsets.push_back(static_cast<std::uint64_t>(offset));
      std::memset(pool.base + offset, static_cast<int>(offsets.size()), size);
    }
    CHECK(offsets.size() * size >= (1 << 20));
    for (std::size_t index = 0; index < offsets.size(); ++index) {
      REQUIRE(pool.base[offsets[index]] == static_cast<std::uint8_t>(index + 1));
      REQUIRE(pool.base[offsets[index] + size - 1] == static_cast<std::uint8_t>(index + 1));
      pool.release(offsets[index]);
    }
  }
}

TEST_CASE("checked: a freed block is filled, and rests until enough have been freed behind it") {
  Pool pool(64 << 20);
  REQUIRE(pool.blocks.check() == 0);
  const auto first = static_cast<std::uint64_t>(pool.blocks.acquire(300));
  std::memset(pool.base + first, 'x', 512);
  pool.release(first);
  CHECK(pool.blocks.in_use() == 0);
  CHECK(!pool.blocks.contains(first, 0));
  CHECK(!pool.blocks.retain(first));
  if (!base::kPoisons) {
    CHECK(std::all_of(pool.base + first, pool.base + first + 512,
                      [](std::uint8_t byte) { return byte == BlockPool::kFreed; }));
  }
  // By count: as many others as rest come and go before the first is used again.
  std::uint32_t others = 0;
  for (;; ++others) {
    const auto offset = static_cast<std::uint64_t>(pool.blocks.acquire(300));
    if (offset == first) break;
    REQUIRE(others < 4 * BlockPool::kMostResting);
    pool.release(offset);
  }
  CHECK(others >= BlockPool::kMostResting);
  pool.release(first);
  // By bytes.
  std::vector<std::uint64_t> large;
  for (std::size_t bytes = 0; bytes <= BlockPool::kRestingBytes; bytes += 1 << 20) {
    large.push_back(static_cast<std::uint64_t>(pool.blocks.acquire(1 << 20)));
    for (std::size_t before = 0; before + 1 < large.size(); ++before) CHECK(large[before] != large.back());
    if (bytes < BlockPool::kRestingBytes) pool.release(large.back());
  }
  pool.release(large.back());
  CHECK(pool.blocks.in_use() == 0);
}

TEST_CASE("checked: what is written to a freed block is found, once, and wherever it is") {
  Pool pool(64 << 20);
  REQUIRE(pool.blocks.check() == 0);
  CHECK(pool.blocks.look_at_resting() == -1);
  std::vector<std::uint64_t> offsets;
  for (std::size_t index = 0; index < 500; ++index) {
    offsets.push_back(static_cast<std::uint64_t>(pool.blocks.acquire(std::size_t{256} << index % 8)));
  }
  for (const std::uint64_t offset : offsets) pool.release(offset);
  constexpr int kRound = 600;  // looks at one block each, at least
  const auto found = [&pool] {
    for (int looks = 0; looks < kRound; ++looks) {
      if (const std::int64_t start = pool.blocks.look_at_resting(); start >= 0) return start;
    }
    return std::int64_t{-1};
  };
  CHECK(found() == -1);
  for (std::size_t index = 0; index < offsets.size(); index += 37) {
    const std::size_t size = std::size_t{256} << index % 8;
    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
      std::uint8_t* const byte = pool.base + offsets[index] + at;
      base::unpoison(byte, 1);
      *byte = 'x';
      CHECK(found() == static_cast<std::int64_t>(offsets[index]));
      CHECK(found() == -1);
    }
  }
  // What is used again is nobody's who had it before.
  const auto again = static_cast<std::uint64_t>(pool.blocks.acquire(16 << 20));
  std::memset(pool.base + again, 'x', 16 << 20);
  CHECK(found() == -1);
  pool.release(again);
}

TEST_CASE("checked: what rests is used before there is no room") {
  Pool pool(1 << 20);
  REQUIRE(pool.blocks.check() == 0);
  for (int round = 0; round < 100; ++round) {
    for (const std::size_t size : {std::size_t{65536}, std::size_t{512} << 10, std::size_t{256}}) {
      const std::int64_t offset = pool.blocks.acquire(size);
      REQUIRE(offset >= 0);
      std::memset(pool.base + offset, 'x', size);
      pool.release(static_cast<std::uint64_t>(offset));
    }
  }
  CHECK(pool.blocks.acquire((1 << 20) + 1) == -ENOMEM);
}

TEST_CASE("exhaustion is an answer, and passes") {
  Pool pool(1 << 20);
  CHECK(pool.blocks.acquire((1 << 20) + 1) == -ENOMEM);
  CHECK(pool.blocks.acquire(SIZE_MAX) == -ENOMEM);
  std::vector<std::uint64_t> offsets;
  for (;;) {
    const std::int64_t offset = pool.blocks.acquire(65536);
    if (offset < 0) {
      CHECK(offset == -ENOMEM);
      break;
    }
    offsets.push_back(static_cast<std::uint64_t>(offset));
  }
  CHECK(offsets.size() == 16);
  CHECK(pool.blocks.acquire(256) == -ENOMEM);
  CHECK(pool.blocks.free_bytes() == 0);
  pool.release(offsets[5]);
  const std::int64_t small = pool.blocks.acquire(256);
  CHECK(small >= 0);
  CHECK(pool.blocks.acquire(65536) == -ENOMEM);
  pool.release(static_cast<std::uint64_t>(small));
  offsets.erase(offsets.begin() + 5);
  for (const std::uint64_t offset : offsets) pool.release(offset);
  CHECK(pool.blocks.in_use() == 0);
}

TEST_CASE("blocks against a model: no overlap, bytes intact, the accounts agree") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Pool pool(8 << 20);
  struct Block {
    std::size_t size;
    std::uint8_t fill;
    unsigned references;
  };
  std::map<std::uint64_t, Block> live;
  std::size_t bytes = 0;
  for (int step = 0; step < 40'000; ++step) {
    const unsigned choice = random() % 10;
    if (choice < 5) {
      const std::size_t length = random() % (std::size_t{1} << (random() % 20 + 1));
      const std::int64_t result = pool.blocks.acquire(length);
      if (result < 0) continue;
      const auto offset = static_cast<std::uint64_t>(result);
      const Block block{class_of(length), static_cast<std::uint8_t>(random()), 1};
      REQUIRE(offset >= kBegin);
      REQUIRE(offset + block.size <= pool.length);
      const auto behind = live.lower_bound(offset);
      if (behind != live.end()) REQUIRE(offset + block.size <= behind->first);
      if (behind != live.begin()) REQUIRE(std::prev(behind)->first + std::prev(behind)->second.size <= offset);
      std::memset(pool.base + offset, block.fill, block.size);
      live[offset] = block;
      bytes += block.size;
    } else if (!live.empty()) {
      auto at = live.begin();
      std::advance(at, random() % live.size());
      Block& block = at->second;
      const std::uint64_t inside = at->first + random() % block.size;
      if (choice < 7) {
        REQUIRE(pool.blocks.retain(inside));
        ++block.references;
        continue;
      }
      REQUIRE(pool.blocks.start_of(inside) == at->first);
      const BlockPool::Release result = pool.blocks.release(inside);
      REQUIRE(result == (--block.references == 0 ? BlockPool::Release::last : BlockPool::Release::kept));
      if (block.references > 0) continue;
      REQUIRE(pool.base[at->first] == block.fill);
      REQUIRE(std::memcmp(pool.base + at->first, pool.base + at->first + 1, block.size - 1) == 0);
      pool.blocks.free(inside);
      bytes -= block.size;
      live.erase(at);
    }
    REQUIRE(pool.blocks.in_use() == live.size());
    REQUIRE(pool.blocks.bytes_in_use() == bytes);
    if (random() % 1000 == 0) pool.blocks.trim(random() % (2 << 20));
  }
  for (const auto& [offset, block] : live) {
    for (unsigned reference = 1; reference < block.references; ++reference) (void)pool.blocks.release(offset);
    pool.release(offset);
  }
  CHECK(pool.blocks.in_use() == 0);
}

}  // namespace millrace::memory
