// SPDX-License-Identifier: Apache-2.0
#include "memory/region.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <new>

#include "base/poison.hpp"
#include "os/os.hpp"

namespace millrace::memory {

namespace {

constexpr std::size_t kAlignment = 2 << 20;  // a huge page, where the system has them
constexpr std::size_t kSharedBytes = std::size_t{1} << 30;

std::mutex table_lock;
std::atomic<Region*> table[Region::kMaxRegions];
std::atomic<Region*> shared_region{nullptr};

}  // namespace

int Region::open(std::size_t bytes, std::size_t blocks_offset, Region** out, Allocator allocator) noexcept {
  auto* region = new (std::nothrow) Region;
  if (region == nullptr) return -ENOMEM;
  void* start = nullptr;
  int result = os::map_pages(bytes, kAlignment, &start);
  if (result >= 0) {
    region->base_ = static_cast<std::uint8_t*>(start);
    region->bytes_ = bytes;
    result = region->blocks_.open(region->base_, blocks_offset, bytes, allocator);
  }
  if (result >= 0) {
    result = -EMFILE;
    const std::lock_guard guard(table_lock);
    for (unsigned id = 1; id < kMaxRegions; ++id) {
      if (table[id].load(std::memory_order_relaxed) != nullptr) continue;
      region->id_ = static_cast<std::uint16_t>(id);
      table[id].store(region, std::memory_order_release);
      *out = region;
      return 0;
    }
  }
  if (region->base_ != nullptr) {
    base::unpoison(region->base_, region->blocks_.poisoned_end());
    os::unmap_pages(region->base_, bytes);
  }
  delete region;
  return result;
}

void Region::close(Region* region) noexcept {
  {
    const std::lock_guard guard(table_lock);
    table[region->id_].store(nullptr, std::memory_order_release);
  }
  base::unpoison(region->base_, region->blocks_.poisoned_end());
  os::unmap_pages(region->base_, region->bytes_);
  delete region;
}

Region* Region::find(std::uint16_t id) noexcept {
  if (id == kShared) return shared_region.load(std::memory_order_acquire);
  return id < kMaxRegions ? table[id].load(std::memory_order_acquire) : nullptr;
}

Region* Region::shared() noexcept {
  Region* region = shared_region.load(std::memory_order_acquire);
  return region != nullptr ? region : map_shared();
}

Region* Region::map_shared() noexcept {
  const std::lock_guard guard(table_lock);
  if (Region* made = shared_region.load(std::memory_order_acquire); made != nullptr) return made;
  auto* region = new (std::nothrow) Region;
  if (region == nullptr) return nullptr;
  void* start = nullptr;
  if (os::map_pages(kSharedBytes, kAlignment, &start) < 0) {
    delete region;
    return nullptr;
  }
  region->base_ = static_cast<std::uint8_t*>(start);
  region->bytes_ = kSharedBytes;
  // The first page stays unused: offset 0 is nobody's block.
  if (region->blocks_.open(region->base_, kPageBytes, kSharedBytes) < 0) {
    os::unmap_pages(start, kSharedBytes);
    delete region;
    return nullptr;
  }
  shared_region.store(region, std::memory_order_release);
  return region;
}

std::int64_t Region::acquire_locked(std::size_t length) noexcept {
  const std::lock_guard guard(lock_);
  // A block counts, not the length that is asked for.
  const std::size_t size = std::bit_ceil(std::clamp(length, BlockPool::kMinBlock, kSharedBytes));
  if (allowed_ > 0 && blocks_.usage().use + size > static_cast<std::size_t>(allowed_)) {
    ++denied_;
    tell_usage();
    return -ENOMEM;
  }
  const std::int64_t offset = blocks_.acquire(length);
  tell_usage();
  return offset;
}

void Region::allow(std::int64_t bytes) noexcept {
  const std::lock_guard guard(lock_);
  allowed_ += bytes;
}

int Region::check_locked() noexcept {
  const std::lock_guard guard(lock_);
  return blocks_.check();
}

std::int64_t Region::look_at_resting_locked() noexcept {
  const std::lock_guard guard(lock_);
  return blocks_.look_at_resting();
}

void Region::tell_usage() noexcept {
  const Usage& usage = blocks_.usage();
  use_.store(usage.use, std::memory_order_relaxed);
  high_water_.store(usage.high_water, std::memory_order_relaxed);
  spills_.store(usage.spills + denied_, std::memory_order_relaxed);
}

Usage Region::shared_usage() const noexcept {
  return {use_.load(std::memory_order_relaxed), high_water_.load(std::memory_order_relaxed),
          spills_.load(std::memory_order_relaxed)};
}

int Region::release(std::uint64_t offset) noexcept {
  switch (blocks_.release(offset)) {
    case BlockPool::Release::invalid:
      return -EINVAL;
    case BlockPool::Release::kept:
      return 0;
    case BlockPool::Release::last:
      break;
  }
  if (id_ == kShared) {
    const std::lock_guard guard(lock_);
    blocks_.free(offset);
    tell_usage();
    if (blocks_.touched_free_bytes() > kMostKeptBytes) (void)blocks_.trim(kKeptBytes);
    keeps_too_much_.store(blocks_.touched_free_bytes() > kKeptBytes, std::memory_order_relaxed);
    return 0;
  }
  const std::uint64_t start = blocks_.start_of(offset);
  const auto index = static_cast<std::uint32_t>(start >> BlockPool::kMinShift);
  std::uint32_t head = handed_back_.load(std::memory_order_relaxed);
  do {
    blocks_.link(start) = head;
  } while (!handed_back_.compare_exchange_weak(head, index, std::memory_order_release, std::memory_order_relaxed));
  return 0;
}

int Region::release_owned(std::uint64_t offset) noexcept {
  if (id_ == kShared) return release(offset);
  switch (blocks_.release(offset)) {
    case BlockPool::Release::invalid:
      return -EINVAL;
    case BlockPool::Release::kept:
      return 0;
    case BlockPool::Release::last:
      blocks_.free(offset);
      return 0;
  }
  return 0;
}

void Region::trim_locked() noexcept {
  const std::lock_guard guard(lock_);
  (void)blocks_.trim(kKeptBytes);
  keeps_too_much_.store(false, std::memory_order_relaxed);
}

void Region::take_back() noexcept {
  if (handed_back_.load(std::memory_order_relaxed) == 0) return;
  std::uint32_t index = handed_back_.exchange(0, std::memory_order_acquire);
  while (index != 0) {
    const std::uint64_t offset = std::uint64_t{index} << BlockPool::kMinShift;
    index = blocks_.link(offset);
    blocks_.free(offset);
  }
}

}  // namespace millrace::memory
