// SPDX-License-Identifier: Apache-2.0
#include "memory/heap.hpp"

#include <malloc.h>

#include <cstdlib>

#include "base/poison.hpp"
#include "os/os.hpp"

namespace millrace::memory {

bool Heap::open() noexcept {
  void* start = nullptr;
  if (os::map_pages(kBytes, kPageBytes, &start) < 0) return false;
  base_ = static_cast<std::uint8_t*>(start);
  // The first page stays unused: offset 0 is nobody's block.
  if (blocks_.open(base_, kPageBytes, kBytes) == 0) return true;
  close();
  return false;
}

void Heap::close() noexcept {
  blocks_.close();
  if (base_ != nullptr) os::unmap_pages(base_, kBytes);
  base_ = nullptr;
}

void* Heap::allocate(std::size_t length) noexcept {
  void* block = nullptr;
  std::size_t size = 0;
  if (length > limit_ || usage_.use > limit_ - length) {
    ++usage_.spills;
    return nullptr;
  }
  if constexpr (base::kPoisons) {
    block = std::malloc(length);
    if (block != nullptr) size = malloc_usable_size(block);
  } else if (base_ != nullptr || open()) {
    const std::int64_t offset = blocks_.acquire(length);
    if (offset >= 0) {
      block = base_ + offset;
      size = blocks_.size_of(static_cast<std::uint64_t>(offset));
    }
  }
  if (block != nullptr) {
    usage_.add(size);
  } else {
    ++usage_.spills;
  }
  return block;
}

void Heap::free(void* block) noexcept {
  if (block == nullptr) return;
  if constexpr (base::kPoisons) {
    usage_.subtract(malloc_usable_size(block));
    std::free(block);
    return;
  }
  const std::uint64_t offset = offset_of(block);
  usage_.subtract(blocks_.size_of(offset));
  (void)blocks_.release(offset);
  blocks_.free(offset);
}

void Heap::trim(std::size_t keep_bytes) noexcept {
  if (base_ != nullptr) (void)blocks_.trim(keep_bytes);
}

}  // namespace millrace::memory
