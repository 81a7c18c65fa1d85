// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>

#include "os/os.hpp"

namespace millrace::os {

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

int map_pages(std::size_t length, std::size_t alignment, void** out) noexcept {
  const std::size_t page = page_size();
  if (length == 0 || !std::has_single_bit(alignment) || alignment < page) return -EINVAL;
  if (length > PTRDIFF_MAX - alignment) return -ENOMEM;
  const std::size_t wanted = (length + page - 1) & ~(page - 1);
  const std::size_t slack = alignment - page;

  // mmap aligns to a page only: map enough to contain an aligned run, then give both ends back.
  void* mapped =
      mmap(nullptr, wanted + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return -errno;
  auto* begin = static_cast<char*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t before = (alignment - (address & (alignment - 1))) & (alignment - 1);
  const std::size_t after = slack - before;
  if (before > 0) munmap(begin, before);
  if (after > 0) munmap(begin + before + wanted, after);
  *out = begin + before;
  return 0;
}

int unmap_pages(void* start, std::size_t length) noexcept { return munmap(start, length) == 0 ? 0 : -errno; }

int discard_pages(void* start, std::size_t length) noexcept {
  // MADV_DONTNEED, not MADV_FREE: the pages leave the resident set now and are certain to read as zero.
  return madvise(start, length, MADV_DONTNEED) == 0 ? 0 : -errno;
}

}  // namespace millrace::os
