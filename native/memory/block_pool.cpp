// SPDX-License-Identifier: Apache-2.0
#include "memory/block_pool.hpp"

#include <bit>
#include <cerrno>

#include "base/bytes.hpp"
#include "base/poison.hpp"
#include "os/os.hpp"

namespace millrace::memory {

namespace {

unsigned shift_for(std::size_t length) noexcept {
  if (length <= BlockPool::kMinBlock) return BlockPool::kMinShift;
  return static_cast<unsigned>(std::bit_width(length - 1));
}

template <class T>
int map_array(std::size_t count, T** out, std::size_t* length) noexcept {
  *length = base::align_up<std::size_t>(count * sizeof(T), os::page_size());
  void* start = nullptr;
  if (const int result = os::map_pages(*length, os::page_size(), &start); result < 0) return result;
  *out = static_cast<T*>(start);
  return 0;
}

}  // namespace

int BlockPool::open(std::uint8_t* base, std::size_t begin, std::size_t end) noexcept {
  begin_ = begin;
  end_ = end;
  if (const int result = map_array(end >> kMinShift, &headers_, &headers_length_); result < 0) return result;
  if (const int result = map_array(end >> kPageShift, &pages_, &pages_length_); result < 0) return result;
  base::poison(base + begin, end - begin);
  return runs_.open(base, static_cast<std::uint32_t>(begin >> kPageShift),
                    static_cast<std::uint32_t>(end >> kPageShift));
}

void BlockPool::close() noexcept {
  if (headers_ != nullptr) os::unmap_pages(headers_, headers_length_);
  if (pages_ != nullptr) os::unmap_pages(pages_, pages_length_);
  headers_ = nullptr;
  pages_ = nullptr;
  runs_.close();
}

std::int64_t BlockPool::acquire(std::size_t length) noexcept {
  if (length > capacity()) return -ENOMEM;
  const unsigned shift = shift_for(length);
  const std::int64_t offset = shift < kPageShift ? acquire_small(shift) : acquire_run(shift);
  if (offset < 0) return offset;
  header(static_cast<std::uint64_t>(offset)).references.store(1, std::memory_order_release);
  ++in_use_;
  bytes_in_use_ += std::size_t{1} << shift;
  base::unpoison(runs_.base() + offset, std::size_t{1} << shift);
  return offset;
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
  const unsigned shift = shift_at(offset);
  const std::uint64_t start = start_of(offset);
  --in_use_;
  bytes_in_use_ -= std::size_t{1} << shift;
  base::poison(runs_.base() + start, std::size_t{1} << shift);
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
  const unsigned shift = shift_at(offset);
  if (shift == 0) return false;
  const std::uint64_t start = offset >> shift << shift;
  if (header(start).references.load(std::memory_order_acquire) == 0) return false;
  return length <= (std::uint64_t{1} << shift) - (offset - start);
}

std::uint64_t BlockPool::start_of(std::uint64_t offset) const noexcept {
  const unsigned shift = shift_at(offset);
  return offset >> shift << shift;
}

std::size_t BlockPool::size_of(std::uint64_t offset) const noexcept { return std::size_t{1} << shift_at(offset); }

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
