// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <errno.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "os/os.hpp"

namespace {

using namespace millrace::os;

/// Size of the address space in pages, as the kernel counts it.
std::size_t mapped_pages() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages;
}

TEST_CASE("the clock never goes back") {
  std::int64_t last = clock_ns();
  CHECK(last > 0);
  std::size_t backwards = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t now = clock_ns();
    if (now < last) ++backwards;
    last = now;
  }
  CHECK(backwards == 0);
}

TEST_CASE("mapped pages are aligned, zero and writable to the last byte") {
  const std::size_t page = page_size();
  for (const std::size_t alignment : {page, 2 * page, 16 * page, std::size_t{2} << 20, std::size_t{64} << 20}) {
    for (const std::size_t length : {std::size_t{1}, page, page + 1, 5 * page, std::size_t{3} << 20}) {
      void* start = nullptr;
      REQUIRE(map_pages(length, alignment, &start) == 0);
      CHECK(reinterpret_cast<std::uintptr_t>(start) % alignment == 0);
      auto* bytes = static_cast<std::uint8_t*>(start);
      CHECK(std::all_of(bytes, bytes + length, [](std::uint8_t byte) { return byte == 0; }));
      std::memset(bytes, 0xDB, length);
      CHECK(unmap_pages(start, length) == 0);
      CHECK(msync(start, page, MS_ASYNC) == -1);
      CHECK(errno == ENOMEM);
    }
  }
}

TEST_CASE("alignment costs no address space for good") {
  const std::size_t before = mapped_pages();
  void* starts[64];
  for (auto& start : starts) REQUIRE(map_pages(page_size(), std::size_t{16} << 20, &start) == 0);
  // Kept slack would be 1 GiB.
  CHECK((mapped_pages() - before) * page_size() < std::size_t{256} << 20);
  for (auto& start : starts) CHECK(unmap_pages(start, page_size()) == 0);
}

TEST_CASE("a mapping reserves no memory") {
  void* start = nullptr;
  const std::size_t length = std::size_t{16} << 30;
  REQUIRE(map_pages(length, page_size(), &start) == 0);
  static_cast<std::uint8_t*>(start)[length - 1] = 1;
  CHECK(unmap_pages(start, length) == 0);
}

TEST_CASE("discarded pages read as zero, their neighbours stay") {
  const std::size_t page = page_size();
  void* start = nullptr;
  REQUIRE(map_pages(3 * page, page, &start) == 0);
  auto* bytes = static_cast<std::uint8_t*>(start);
  std::memset(bytes, 0xDB, 3 * page);
  CHECK(discard_pages(bytes + page, page) == 0);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::uint8_t expected = i == 1 ? 0 : 0xDB;
    CHECK(std::all_of(bytes + i * page, bytes + (i + 1) * page, [expected](auto byte) { return byte == expected; }));
  }
  CHECK(unmap_pages(start, 3 * page) == 0);
}

TEST_CASE("a mapping that cannot be is an error and leaves the result alone") {
  const std::size_t page = page_size();
  void* start = &start;
  CHECK(map_pages(0, page, &start) == -EINVAL);
  CHECK(map_pages(page, 0, &start) == -EINVAL);
  CHECK(map_pages(page, page / 2, &start) == -EINVAL);
  CHECK(map_pages(page, 3 * page, &start) == -EINVAL);
  CHECK(map_pages(SIZE_MAX, page, &start) == -ENOMEM);
  CHECK(map_pages(PTRDIFF_MAX - page, page, &start) == -ENOMEM);
  CHECK(start == &start);
  CHECK(unmap_pages(reinterpret_cast<void*>(1), page) == -EINVAL);
  CHECK(discard_pages(reinterpret_cast<void*>(1), page) == -EINVAL);
}

}  // namespace
