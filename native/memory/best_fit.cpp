// SPDX-License-Identifier: Apache-2.0
#include "memory/best_fit.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <iterator>

#include "memory/map_array.hpp"
#include "os/os.hpp"

namespace millrace::memory {

namespace {

constexpr std::uint32_t kPageUnits = kPageBytes >> BestFit::kUnitShift;

unsigned bin_of(std::uint32_t units) noexcept { return static_cast<unsigned>(std::bit_width(units)) - 1; }

}  // namespace

int BestFit::open(std::uint8_t* base, std::size_t begin, std::size_t end) noexcept {
  base_ = base;
  begin_ = static_cast<std::uint32_t>(begin >> kUnitShift);
  end_ = static_cast<std::uint32_t>(end >> kUnitShift);
  if (const int result = map_array(end_ / 64 + 1, &starts_, &starts_length_); result < 0) return result;
  if (const int result = map_array(end_, &runs_, &runs_length_); result < 0) return result;
  if (const int result = map_array(end >> kPageShift, &pages_, &pages_length_); result < 0) return result;
  std::fill(std::begin(bins_), std::end(bins_), kNoUnit);
  if (begin_ < end_) insert(begin_, end_ - begin_);
  free_units_ = end_ - begin_;
  return 0;
}

void BestFit::close() noexcept {
  unmap_array(&starts_, starts_length_);
  unmap_array(&runs_, runs_length_);
  unmap_array(&pages_, pages_length_);
  free_units_ = touched_free_ = 0;
}

std::int64_t BestFit::allocate(std::size_t length) noexcept {
  if (length > free_bytes()) return -ENOMEM;
  const auto units = static_cast<std::uint32_t>(std::max<std::size_t>((length + 255) >> kUnitShift, 1));
  const std::uint32_t unit = find(units);
  if (unit == kNoUnit) return -ENOMEM;
  const std::uint32_t found = runs_[unit].units.load(std::memory_order_relaxed);
  remove(unit);
  runs_[unit].units.store(units, std::memory_order_relaxed);
  if (found > units) insert(unit + units, found - units);
  free_units_ -= units;
  occupy_pages(unit, units);
  return static_cast<std::int64_t>(std::uint64_t{unit} << kUnitShift);
}

void BestFit::free(std::uint64_t offset) noexcept {
  auto unit = static_cast<std::uint32_t>(offset >> kUnitShift);
  std::uint32_t units = runs_[unit].units.load(std::memory_order_relaxed);
  free_units_ += units;
  leave_pages(unit, units);
  if (const std::uint32_t next = unit + units; next < end_ && runs_[next].free) {
    remove(next);
    mark_start(next, false);
    units += runs_[next].units.load(std::memory_order_relaxed);
  }
  if (unit > begin_) {
    if (const std::uint32_t before = start_unit(unit - 1); runs_[before].free) {
      remove(before);
      mark_start(unit, false);
      units += runs_[before].units.load(std::memory_order_relaxed);
      unit = before;
    }
  }
  insert(unit, units);
}

std::uint64_t BestFit::start_of(std::uint64_t offset) const noexcept {
  return std::uint64_t{start_unit(static_cast<std::uint32_t>(offset >> kUnitShift))} << kUnitShift;
}

std::uint32_t BestFit::start_unit(std::uint32_t unit) const noexcept {
  std::uint32_t word = unit / 64;
  std::uint64_t bits = starts_[word].load(std::memory_order_relaxed) & ~std::uint64_t{0} >> (63 - unit % 64);
  // The first unit starts a run: the search ends.
  while (bits == 0 && word > begin_ / 64) bits = starts_[--word].load(std::memory_order_relaxed);
  return bits == 0 ? begin_ : word * 64 + 63 - static_cast<std::uint32_t>(std::countl_zero(bits));
}

/// The smallest free run that fits, of the lowest bin that has any.
std::uint32_t BestFit::find(std::uint32_t units) const noexcept {
  for (unsigned bin = bin_of(units); bin < kBins; ++bin) {
    std::uint32_t best = kNoUnit;
    std::uint32_t best_units = kNoUnit;
    for (std::uint32_t unit = bins_[bin]; unit != kNoUnit && best_units != units; unit = runs_[unit].next) {
      const std::uint32_t here = runs_[unit].units.load(std::memory_order_relaxed);
      if (here < units || here >= best_units) continue;
      best = unit;
      best_units = here;
    }
    if (best != kNoUnit) return best;
  }
  return kNoUnit;
}

void BestFit::insert(std::uint32_t unit, std::uint32_t units) noexcept {
  std::uint32_t& head = bins_[bin_of(units)];
  Run& run = runs_[unit];
  run.units.store(units, std::memory_order_relaxed);
  run.free = true;
  run.previous = kNoUnit;
  run.next = head;
  if (head != kNoUnit) runs_[head].previous = unit;
  head = unit;
  mark_start(unit, true);
}

/// Takes a free run out of its bin; it still starts where it starts.
void BestFit::remove(std::uint32_t unit) noexcept {
  Run& run = runs_[unit];
  run.free = false;
  if (run.next != kNoUnit) runs_[run.next].previous = run.previous;
  if (run.previous != kNoUnit) {
    runs_[run.previous].next = run.next;
  } else {
    bins_[bin_of(run.units.load(std::memory_order_relaxed))] = run.next;
  }
}

void BestFit::mark_start(std::uint32_t unit, bool start) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << unit % 64;
  if (start) {
    starts_[unit / 64].fetch_or(bit, std::memory_order_relaxed);
  } else {
    starts_[unit / 64].fetch_and(~bit, std::memory_order_relaxed);
  }
}

void BestFit::occupy_pages(std::uint32_t unit, std::uint32_t units) noexcept {
  for (std::uint32_t page = unit / kPageUnits; page <= (unit + units - 1) / kPageUnits; ++page) {
    if (pages_[page].runs++ == 0 && pages_[page].touched) --touched_free_;
    // A page that was handed out counts as touched: asking the kernel would cost more than giving back one too many.
    pages_[page].touched = true;
  }
}

void BestFit::leave_pages(std::uint32_t unit, std::uint32_t units) noexcept {
  for (std::uint32_t page = unit / kPageUnits; page <= (unit + units - 1) / kPageUnits; ++page) {
    if (--pages_[page].runs == 0) ++touched_free_;
  }
}

std::size_t BestFit::trim(std::size_t keep_bytes) noexcept {
  const std::size_t keep = keep_bytes >> kPageShift;
  const std::uint32_t first = begin_ / kPageUnits;
  std::size_t given = 0;
  for (std::uint32_t end = end_ / kPageUnits; end > first && touched_free_ > keep;) {
    std::uint32_t begin = end;
    while (begin > first && pages_[begin - 1].touched && pages_[begin - 1].runs == 0 && touched_free_ > keep) {
      pages_[--begin].touched = false;
      --touched_free_;
    }
    if (begin == end) {
      --end;
      continue;
    }
    const std::size_t length = std::size_t{end - begin} << kPageShift;
    os::discard_pages(base_ + (std::size_t{begin} << kPageShift), length);
    given += length;
    end = begin;
  }
  return given;
}

}  // namespace millrace::memory
