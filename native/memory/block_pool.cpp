// SPDX-License-Identifier: Apache-2.0
#include "memory/block_pool.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/poison.hpp"
#include "memory/map_array.hpp"

namespace millrace::memory {

namespace {

unsigned shift_for(std::size_t length) noexcept {
  if (length <= BlockPool::kMinBlock) return BlockPool::kMinShift;
  return static_cast<unsigned>(std::bit_width(length - 1));
}

}  // namespace

int BlockPool::open(std::uint8_t* base, std::size_t begin, std::size_t end, Allocator allocator) noexcept {
  allocator_ = allocator;
  base_ = base;
  begin_ = begin;
  end_ = end;
  if (const int result = map_array(end >> kMinShift, &headers_, &headers_length_); result < 0) return result;
  poisoned_end_ = begin;
  poison_ahead(begin);
  if (is_general()) return best_fit_.open(base, begin, end);
  if (const int result = map_array(end >> kPageShift, &pages_, &pages_length_); result < 0) return result;
  return runs_.open(base, static_cast<std::uint32_t>(begin >> kPageShift),
                    static_cast<std::uint32_t>(end >> kPageShift));
}

void BlockPool::close() noexcept {
  unmap_array(&headers_, headers_length_);
  unmap_array(&pages_, pages_length_);
  unmap_array(&resting_, resting_length_);
  resting_count_ = 0;
  runs_.close();
  best_fit_.close();
}

std::int64_t BlockPool::acquire(std::size_t length) noexcept {
  std::int64_t offset = place(length);
  while (offset < 0 && resting_count_ > 0) {
    wake_oldest();
    offset = place(length);
  }
  if (offset < 0) {
    ++usage_.spills;
    return offset;
  }
  const std::size_t size = size_of(static_cast<std::uint64_t>(offset));
  header(static_cast<std::uint64_t>(offset)).references.store(1, std::memory_order_release);
  count_in(size);
  poison_ahead(static_cast<std::uint64_t>(offset) + size);
  base::unpoison(base_ + offset, size);
  return offset;
}

std::int64_t BlockPool::place(std::size_t length) noexcept {
  if (is_general()) return best_fit_.allocate(length);
  if (length > capacity()) return -ENOMEM;
  const unsigned shift = shift_for(length);
  return shift < kPageShift ? acquire_small(shift) : acquire_run(shift);
}

void BlockPool::poison_ahead(std::uint64_t used_end) noexcept {
  if constexpr (!base::kPoisons) return;
  const std::uint64_t end = std::min<std::uint64_t>(end_, used_end + kPoisonedAhead);
  if (end <= poisoned_end_) return;
  base::poison(base_ + poisoned_end_, end - poisoned_end_);
  poisoned_end_ = end;
}

void BlockPool::count_in(std::size_t size) noexcept {
  ++in_use_;
  usage_.add(size);
  if (by_class_ == nullptr) return;
  const unsigned at = shift_for(size) - kMinShift;
  const std::int64_t count = by_class_[at] + 1;
  __atomic_store_n(&by_class_[at], count, __ATOMIC_RELAXED);
  if (count > by_class_[kClasses + at]) __atomic_store_n(&by_class_[kClasses + at], count, __ATOMIC_RELAXED);
}

void BlockPool::count_out(std::size_t size) noexcept {
  --in_use_;
  usage_.subtract(size);
  if (by_class_ == nullptr) return;
  const unsigned at = shift_for(size) - kMinShift;
  __atomic_store_n(&by_class_[at], by_class_[at] - 1, __ATOMIC_RELAXED);
}

bool BlockPool::retain(std::uint64_t offset) noexcept {
  if (!contains(offset, 0)) return false;
  auto& references = header(start_of(offset)).references;
  std::uint32_t count = references.load(std::memory_order_relaxed);
  do {
    if (count == 0) return false;
  } while (!references.compare_exchange_weak(count, count + 1, std::memory_order_relaxed));
  return true;
}

BlockPool::Release BlockPool::release(std::uint64_t offset) noexcept {
  if (!contains(offset, 0)) return Release::invalid;
  auto& references = header(start_of(offset)).references;
  std::uint32_t count = references.load(std::memory_order_relaxed);
  do {
    if (count == 0) return Release::invalid;
  } while (!references.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel));
  return count == 1 ? Release::last : Release::kept;
}

void BlockPool::free(std::uint64_t offset) noexcept {
  const std::uint64_t start = start_of(offset);
  const std::size_t size = size_of(start);
  count_out(size);
  if (resting_ != nullptr) std::memset(base_ + start, kFreed, size);
  base::poison(base_ + start, size);
  if (resting_ != nullptr && size <= kRestingBytes) {
    rest(start, size);
  } else {
    put_back(start);
  }
}

int BlockPool::check() noexcept {
  return resting_ != nullptr ? 0 : map_array(kMostResting, &resting_, &resting_length_);
}

void BlockPool::rest(std::uint64_t start, std::size_t size) noexcept {
  while (resting_count_ == kMostResting || (resting_count_ > 0 && resting_bytes_ + size > kRestingBytes)) wake_oldest();
  resting_[(oldest_ + resting_count_++) % kMostResting] = static_cast<std::uint32_t>(start >> kMinShift);
  resting_bytes_ += size;
}

std::int64_t BlockPool::look_at_resting() noexcept {
  std::size_t bytes = 0;
  const unsigned most = std::min(kLooks, resting_count_);
  for (unsigned looks = 0; looks < most && bytes < kLookedAtBytes; ++looks) {
    looked_at_ = (looked_at_ + 1) % resting_count_;
    const std::uint64_t start = std::uint64_t{resting_[(oldest_ + looked_at_) % kMostResting]} << kMinShift;
    const std::size_t size = size_of(start);
    if (fill_again(start, size)) return static_cast<std::int64_t>(start);
    bytes += size;
  }
  return -1;
}

/// Whether there was anything to fill.
bool BlockPool::fill_again(std::uint64_t start, std::size_t size) noexcept {
  std::uint8_t* const bytes = base_ + start;
  base::unpoison(bytes, size);
  const bool written = bytes[0] != kFreed || std::memcmp(bytes, bytes + 1, size - 1) != 0;
  if (written) std::memset(bytes, kFreed, size);
  base::poison(bytes, size);
  return written;
}

void BlockPool::wake_oldest() noexcept {
  const std::uint64_t start = std::uint64_t{resting_[oldest_]} << kMinShift;
  oldest_ = (oldest_ + 1) % kMostResting;
  --resting_count_;
  resting_bytes_ -= size_of(start);
  put_back(start);
}

void BlockPool::put_back(std::uint64_t start) noexcept {
  if (is_general()) {
    best_fit_.free(start);
    return;
  }
  const unsigned shift = shift_at(start);
  if (shift < kPageShift) {
    free_small(start, shift);
    return;
  }
  const auto page = static_cast<std::uint32_t>(start >> kPageShift);
  const std::uint32_t count = std::uint32_t{1} << (shift - kPageShift);
  for (std::uint32_t at = page; at < page + count; ++at) pages_[at].size_class = 0;
  runs_.free(page, shift - kPageShift);
}

bool BlockPool::contains(std::uint64_t offset, std::uint64_t length) const noexcept {
  if (offset < begin_ || offset >= end_) return false;
  if (!is_general() && shift_at(offset) == 0) return false;
  const std::uint64_t start = start_of(offset);
  if (header(start).references.load(std::memory_order_acquire) == 0) return false;
  const std::uint64_t end = start + size_of(start);
  return offset < end && length <= end - offset;
}

std::uint64_t BlockPool::start_of(std::uint64_t offset) const noexcept {
  if (is_general()) return best_fit_.start_of(offset);
  const unsigned shift = shift_at(offset);
  return offset >> shift << shift;
}

std::size_t BlockPool::size_of(std::uint64_t offset) const noexcept {
  return is_general() ? best_fit_.size_of(best_fit_.start_of(offset)) : std::size_t{1} << shift_at(offset);
}

std::int64_t BlockPool::acquire_small(unsigned shift) noexcept {
  std::uint32_t page = with_room_[shift - kMinShift];
  if (page == 0) {
    page = add_page(shift);
    if (page == 0) return -ENOMEM;
  }
  Page& at = pages_[page];
  std::uint64_t offset;
  if (at.free != 0) {
    offset = std::uint64_t{at.free} << kMinShift;
    at.free = header(offset).next;
  } else {
    offset = (std::uint64_t{page} << kPageShift) + (std::uint64_t{at.carved++} << shift);
  }
  const std::size_t blocks = kPageBytes >> shift;
  if (++at.used == blocks) unlink_page(page, shift);
  return static_cast<std::int64_t>(offset);
}

std::int64_t BlockPool::acquire_run(unsigned shift) noexcept {
  const unsigned order = shift - kPageShift;
  const std::uint32_t page = order < PageRuns::kOrders ? runs_.allocate(order) : PageRuns::kNoRun;
  if (page == PageRuns::kNoRun) return -ENOMEM;
  const std::uint32_t count = std::uint32_t{1} << order;
  for (std::uint32_t at = page; at < page + count; ++at) pages_[at].size_class = static_cast<std::uint8_t>(shift);
  return static_cast<std::int64_t>(std::uint64_t{page} << kPageShift);
}

std::uint32_t BlockPool::add_page(unsigned shift) noexcept {
  const std::uint32_t page = runs_.allocate(0);
  if (page == PageRuns::kNoRun) return 0;
  Page& at = pages_[page];
  at.free = 0;
  at.used = 0;
  at.carved = 0;
  at.size_class = static_cast<std::uint8_t>(shift);
  link_page(page, shift);
  return page;
}

void BlockPool::link_page(std::uint32_t page, unsigned shift) noexcept {
  std::uint32_t& head = with_room_[shift - kMinShift];
  pages_[page].previous = 0;
  pages_[page].next = head;
  if (head != 0) pages_[head].previous = page;
  head = page;
}

void BlockPool::unlink_page(std::uint32_t page, unsigned shift) noexcept {
  Page& at = pages_[page];
  if (at.next != 0) pages_[at.next].previous = at.previous;
  if (at.previous != 0) {
    pages_[at.previous].next = at.next;
  } else {
    with_room_[shift - kMinShift] = at.next;
  }
}

void BlockPool::free_small(std::uint64_t offset, unsigned shift) noexcept {
  const auto page = static_cast<std::uint32_t>(offset >> kPageShift);
  Page& at = pages_[page];
  const std::size_t blocks = kPageBytes >> shift;
  if (at.used == blocks) link_page(page, shift);
  header(offset).next = at.free;
  at.free = static_cast<std::uint32_t>(offset >> kMinShift);
  --at.used;
  // The last page of a class stays, so that one block coming and going does not move pages each time.
  const bool only = at.next == 0 && at.previous == 0;
  if (at.used != 0 || only) return;
  unlink_page(page, shift);
  at.size_class = 0;
  runs_.free(page, 0);
}

}  // namespace millrace::memory
