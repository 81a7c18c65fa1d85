// SPDX-License-Identifier: Apache-2.0
#include "memory/page_runs.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

#include "base/bytes.hpp"
#include "os/os.hpp"

namespace millrace::memory {

int PageRuns::open(std::uint8_t* base, std::uint32_t first, std::uint32_t end) noexcept {
  pages_length_ = base::align_up<std::size_t>(end * sizeof(Page), os::page_size());
  void* start = nullptr;
  if (const int result = os::map_pages(pages_length_, os::page_size(), &start); result < 0) return result;
  pages_ = static_cast<Page*>(start);
  base_ = base;
  first_ = first;
  end_ = end;
  std::fill(std::begin(heads_), std::end(heads_), kNoRun);
  for (std::uint32_t page = first; page < end;) {
    const unsigned aligned = page == 0 ? kOrders - 1 : static_cast<unsigned>(std::countr_zero(page));
    unsigned order = std::min(aligned, kOrders - 1);
    while ((std::uint32_t{1} << order) > end - page) --order;
    mark(page, order, true);
    insert(page, order);
    page += std::uint32_t{1} << order;
  }
  return 0;
}

void PageRuns::close() noexcept {
  if (pages_ != nullptr) os::unmap_pages(pages_, pages_length_);
  pages_ = nullptr;
  free_pages_ = touched_free_ = 0;
}

std::uint32_t PageRuns::allocate(unsigned order) noexcept {
  unsigned found = order;
  while (found < kOrders && heads_[found] == kNoRun) ++found;
  if (found >= kOrders) return kNoRun;
  const std::uint32_t page = heads_[found];
  remove(page);
  while (found > order) {
    --found;
    insert(page + (std::uint32_t{1} << found), found);
  }
  mark(page, order, false);
  return page;
}

void PageRuns::free(std::uint32_t page, unsigned order) noexcept {
  mark(page, order, true);
  while (order + 1 < kOrders) {
    const std::uint32_t size = std::uint32_t{1} << order;
    const std::uint32_t buddy = page ^ size;
    if (buddy < first_ || buddy + size > end_) break;
    if (!pages_[buddy].free_head || pages_[buddy].order != order) break;
    remove(buddy);
    page = std::min(page, buddy);
    ++order;
  }
  insert(page, order);
}

std::size_t PageRuns::trim(std::size_t keep_bytes) noexcept {
  std::size_t given = 0;
  const auto keep = static_cast<std::uint32_t>(keep_bytes >> kPageShift);
  // From the top: allocation splits the lowest run first, so the low pages are the ones used again soonest.
  for (std::uint32_t end = end_; end > first_ && touched_free_ > keep;) {
    if (!pages_[end - 1].free || !pages_[end - 1].touched) {
      --end;
      continue;
    }
    std::uint32_t begin = end;
    while (begin > first_ && pages_[begin - 1].free && pages_[begin - 1].touched && touched_free_ > keep) {
      pages_[--begin].touched = false;
      --touched_free_;
    }
    os::discard_pages(base_ + (std::size_t{begin} << kPageShift), std::size_t{end - begin} << kPageShift);
    given += std::size_t{end - begin} << kPageShift;
    end = begin;
  }
  return given;
}

void PageRuns::insert(std::uint32_t page, unsigned order) noexcept {
  Page& head = pages_[page];
  head.order = static_cast<std::uint8_t>(order);
  head.free_head = true;
  head.previous = kNoRun;
  head.next = heads_[order];
  if (head.next != kNoRun) pages_[head.next].previous = page;
  heads_[order] = page;
}

void PageRuns::remove(std::uint32_t page) noexcept {
  Page& head = pages_[page];
  head.free_head = false;
  if (head.next != kNoRun) pages_[head.next].previous = head.previous;
  if (head.previous != kNoRun) {
    pages_[head.previous].next = head.next;
  } else {
    heads_[head.order] = head.next;
  }
}

void PageRuns::mark(std::uint32_t page, unsigned order, bool free) noexcept {
  const std::uint32_t size = std::uint32_t{1} << order;
  for (Page* at = pages_ + page; at < pages_ + page + size; ++at) {
    // A page that was handed out counts as touched: asking the kernel would cost more than giving back one too many.
    if (free && at->touched) ++touched_free_;
    if (!free && at->touched) --touched_free_;
    if (!free) at->touched = true;
    at->free = free;
  }
  free_pages_ += free ? size : -size;
}

}  // namespace millrace::memory
