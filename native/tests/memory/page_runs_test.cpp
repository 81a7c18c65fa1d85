// SPDX-License-Identifier: Apache-2.0
#include "memory/page_runs.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "os/os.hpp"

namespace millrace::memory {

namespace {

/// Pages [first, end) over real memory, so that giving back can be seen.
struct Pages {
  Pages(std::uint32_t first, std::uint32_t end) : length(std::size_t{end} << kPageShift) {
    void* start = nullptr;
    REQUIRE(os::map_pages(length, kPageBytes, &start) == 0);
    base = static_cast<std::uint8_t*>(start);
    REQUIRE(runs.open(base, first, end) == 0);
  }
  ~Pages() {
    runs.close();
    os::unmap_pages(base, length);
  }
  void touch(std::uint32_t page) { base[std::size_t{page} << kPageShift] = 1; }
  [[nodiscard]] bool resident(std::uint32_t page) const {
    unsigned char state = 0;
    REQUIRE(mincore(base + (std::size_t{page} << kPageShift), os::page_size(), &state) == 0);
    return (state & 1) != 0;
  }
  std::size_t length;
  std::uint8_t* base = nullptr;
  PageRuns runs;
};

}  // namespace

TEST_CASE("PageRuns split and merge: after everything is back the largest run can be had again") {
  Pages pages(16, 80);
  CHECK(pages.runs.free_bytes() == 64 * kPageBytes);
  std::vector<std::uint32_t> singles;
  for (;;) {
    const std::uint32_t page = pages.runs.allocate(0);
    if (page == PageRuns::kNoRun) break;
    REQUIRE(page >= 16);
    REQUIRE(page < 80);
    singles.push_back(page);
  }
  CHECK(singles.size() == 64);
  CHECK(pages.runs.free_bytes() == 0);
  std::shuffle(singles.begin(), singles.end(), std::mt19937(42));
  for (const std::uint32_t page : singles) pages.runs.free(page, 0);
  CHECK(pages.runs.free_bytes() == 64 * kPageBytes);
  // 16-79 holds one run of 32 (32-63), and two of 16.
  CHECK(pages.runs.allocate(6) == PageRuns::kNoRun);
  CHECK(pages.runs.allocate(5) == 32);
  CHECK(pages.runs.allocate(5) == PageRuns::kNoRun);
  CHECK(pages.runs.allocate(4) != PageRuns::kNoRun);
  CHECK(pages.runs.allocate(4) != PageRuns::kNoRun);
  CHECK(pages.runs.free_bytes() == 0);
}

TEST_CASE("PageRuns are naturally aligned and stay inside odd bounds") {
  Pages pages(3, 61);
  for (unsigned order = 0; order < PageRuns::kOrders; ++order) {
    const std::uint32_t page = pages.runs.allocate(order);
    if (page == PageRuns::kNoRun) continue;
    CHECK(page % (1U << order) == 0);
    CHECK(page >= 3);
    CHECK(page + (1U << order) <= 61);
    pages.runs.free(page, order);
  }
  CHECK(pages.runs.free_bytes() == 58 * kPageBytes);
}

TEST_CASE("PageRuns against a model: no overlap, nothing lost") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Pages pages(5, 517);
  std::vector<bool> taken(517);
  std::map<std::uint32_t, unsigned> live;
  std::size_t free_pages = 512;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 5 < 3) {
      const unsigned order = random() % 7;
      const std::uint32_t page = pages.runs.allocate(order);
      if (page == PageRuns::kNoRun) continue;
      REQUIRE(page % (1U << order) == 0);
      for (std::uint32_t at = page; at < page + (1U << order); ++at) {
        REQUIRE(at >= 5);
        REQUIRE(at < 517);
        REQUIRE(!taken[at]);
        taken[at] = true;
      }
      live[page] = order;
      free_pages -= 1U << order;
    } else if (!live.empty()) {
      auto at = live.begin();
      std::advance(at, random() % live.size());
      for (std::uint32_t page = at->first; page < at->first + (1U << at->second); ++page) taken[page] = false;
      pages.runs.free(at->first, at->second);
      free_pages += 1U << at->second;
      live.erase(at);
    }
    REQUIRE(pages.runs.free_bytes() == free_pages * kPageBytes);
    REQUIRE(pages.runs.touched_free_bytes() <= pages.runs.free_bytes());
    if (random() % 500 == 0) {
      const std::size_t keep = random() % 64 * kPageBytes;
      pages.runs.trim(keep);
      REQUIRE(pages.runs.touched_free_bytes() <= keep);
    }
  }
  for (const auto& [page, order] : live) pages.runs.free(page, order);
  CHECK(pages.runs.free_bytes() == 512 * kPageBytes);
}

TEST_CASE("PageRuns trim: only free pages go back, as many as asked for, and the account is right") {
  Pages pages(0, 32);
  CHECK(pages.runs.touched_free_bytes() == 0);
  std::vector<std::uint32_t> held;
  for (int run = 0; run < 8; ++run) {
    held.push_back(pages.runs.allocate(2));
    for (std::uint32_t page = held.back(); page < held.back() + 4; ++page) pages.touch(page);
  }
  CHECK(pages.runs.touched_free_bytes() == 0);
  for (std::size_t run = 0; run < held.size(); run += 2) pages.runs.free(held[run], 2);
  CHECK(pages.runs.touched_free_bytes() == 16 * kPageBytes);
  pages.runs.trim(5 * kPageBytes);
  CHECK(pages.runs.touched_free_bytes() == 5 * kPageBytes);
  std::size_t resident_free = 0;
  for (std::size_t run = 0; run < held.size(); ++run) {
    for (std::uint32_t page = held[run]; page < held[run] + 4; ++page) {
      if (run % 2 == 1) {
        CHECK(pages.resident(page));
      } else {
        resident_free += pages.resident(page) ? 1 : 0;
      }
    }
  }
  CHECK(resident_free == 5);
  pages.runs.trim(0);
  CHECK(pages.runs.touched_free_bytes() == 0);
  pages.runs.trim(0);
  // Handed out again they count as touched again.
  const std::uint32_t again = pages.runs.allocate(2);
  pages.runs.free(again, 2);
  CHECK(pages.runs.touched_free_bytes() == 4 * kPageBytes);
}

}  // namespace millrace::memory
