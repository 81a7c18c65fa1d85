// SPDX-License-Identifier: Apache-2.0
//
// Pages are real ones: sanitizers see them, and what was never touched costs nothing.
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstdint>

#include "kernel.hpp"

namespace millrace::os {

using sim::check;
using sim::kernel;

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

int map_pages(std::size_t length, std::size_t alignment, void** out) noexcept {
  const std::size_t page = page_size();
  check(length > 0 && std::has_single_bit(alignment) && alignment >= page, "a mapping has a length and an alignment");
  if (const int error = sim::fault(sim::Call::map_pages); error != 0) return -error;
  const std::size_t wanted = (length + page - 1) & ~(page - 1);
  const std::size_t slack = alignment - page;
  void* mapped =
      mmap(nullptr, wanted + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return -errno;
  auto* const begin = static_cast<char*>(mapped);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) & (alignment - 1);
  if (before > 0) munmap(begin, before);
  if (slack > before) munmap(begin + before + wanted, slack - before);
  *out = begin + before;
  kernel().mappings[*out] = wanted;
  return 0;
}

int unmap_pages(void* start, std::size_t length) noexcept {
  const std::size_t wanted = (length + page_size() - 1) & ~(page_size() - 1);
  const auto found = kernel().mappings.find(start);
  check(found != kernel().mappings.end() && found->second == wanted, "what is unmapped was mapped, as a whole");
  kernel().mappings.erase(found);
  return munmap(start, length) == 0 ? 0 : -errno;
}

int discard_pages(void* start, std::size_t length) noexcept {
  return madvise(start, length, MADV_DONTNEED) == 0 ? 0 : -errno;
}

}  // namespace millrace::os
