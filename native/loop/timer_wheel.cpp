// SPDX-License-Identifier: Apache-2.0
#include "loop/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <iterator>

#include "base/bytes.hpp"
#include "os/os.hpp"

namespace millrace::loop {

namespace {

std::size_t bytes_for(std::uint32_t capacity, std::size_t entry) noexcept {
  return base::align_up(capacity * entry, os::page_size());
}

}  // namespace

int TimerWheel::open(std::uint32_t capacity, std::int64_t now_ns) noexcept {
  for (auto& level : heads_) std::fill(std::begin(level), std::end(level), kNoTimer);
  elapsed_ = static_cast<std::uint64_t>(now_ns / kTickNs);
  void* start = nullptr;
  if (const int result = os::map_pages(bytes_for(capacity, sizeof(Entry)), os::page_size(), &start); result < 0) {
    return result;
  }
  timers_ = static_cast<Entry*>(start);
  capacity_ = capacity;
  return 0;
}

void TimerWheel::close() noexcept {
  if (timers_ != nullptr) os::unmap_pages(timers_, bytes_for(capacity_, sizeof(Entry)));
  timers_ = nullptr;
  capacity_ = fresh_ = in_use_ = 0;
  free_ = kNoTimer;
}

TimerWheel::Id TimerWheel::set(std::int64_t deadline_ns, const Timer& timer) noexcept {
  Id id = free_;
  if (id != kNoTimer) {
    free_ = timers_[id].next;
  } else if (fresh_ < capacity_) {
    id = fresh_++;
  } else {
    return kNoTimer;
  }
  ++in_use_;
  Entry& entry = timers_[id];
  entry.timer = timer;
  entry.expiry = expiry_of(deadline_ns);
  link(id);
  return id;
}

/// Rounded up: a timer that fired early would end a connection before its time.
std::uint64_t TimerWheel::expiry_of(std::int64_t deadline_ns) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(deadline_ns, 0) / kTickNs + 1);
}

bool TimerWheel::is_due_by(Id id, std::int64_t deadline_ns) const noexcept {
  return timers_[id].expiry <= expiry_of(deadline_ns);
}

void TimerWheel::cancel(Id id) noexcept {
  unlink(id);
  timers_[id].next = free_;
  free_ = id;
  --in_use_;
}

void TimerWheel::link(Id id) noexcept {
  Entry& entry = timers_[id];
  const std::uint64_t at = std::max(entry.expiry, elapsed_);
  // The level is where the two times first differ: all slots of lower levels would come round too early.
  const std::uint64_t difference = at ^ elapsed_;
  unsigned level = difference == 0 ? 0 : (static_cast<unsigned>(std::bit_width(difference)) - 1) / kSlotBits;
  level = std::min(level, kLevels - 1);
  const unsigned shift = level * kSlotBits;
  // The top level goes round: what lies a whole round away waits in its last slot and is sorted in again there.
  const std::uint64_t distance = std::min<std::uint64_t>((at >> shift) - (elapsed_ >> shift), kSlots - 1);
  const auto slot = static_cast<unsigned>(((elapsed_ >> shift) + distance) & (kSlots - 1));
  entry.level = static_cast<std::uint8_t>(level);
  entry.slot = static_cast<std::uint8_t>(slot);
  entry.previous = kNoTimer;
  entry.next = heads_[level][slot];
  if (entry.next != kNoTimer) timers_[entry.next].previous = id;
  heads_[level][slot] = id;
  occupied_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::unlink(Id id) noexcept {
  Entry& entry = timers_[id];
  if (entry.next != kNoTimer) timers_[entry.next].previous = entry.previous;
  if (entry.previous != kNoTimer) {
    timers_[entry.previous].next = entry.next;
    return;
  }
  heads_[entry.level][entry.slot] = entry.next;
  if (entry.next == kNoTimer) occupied_[entry.level] &= ~(std::uint64_t{1} << entry.slot);
}

bool TimerWheel::next_slot(unsigned* level, unsigned* slot, std::uint64_t* at) const noexcept {
  for (unsigned l = 0; l < kLevels; ++l) {
    if (occupied_[l] == 0) continue;
    const unsigned shift = l * kSlotBits;
    const unsigned here = (elapsed_ >> shift) & (kSlots - 1);
    const unsigned distance = static_cast<unsigned>(std::countr_zero(std::rotr(occupied_[l], static_cast<int>(here))));
    *level = l;
    *slot = (here + distance) & (kSlots - 1);
    // The start of that slot's span; the slot we stand in has begun already.
    *at = std::max(((elapsed_ >> shift) + distance) << shift, elapsed_);
    return true;
  }
  return false;
}

bool TimerWheel::take_due(std::int64_t now_ns, Timer* out) noexcept {
  const auto now = static_cast<std::uint64_t>(now_ns / kTickNs);
  unsigned level;
  unsigned slot;
  std::uint64_t at;
  while (next_slot(&level, &slot, &at) && at <= now) {
    elapsed_ = at;
    const Id id = heads_[level][slot];
    if (level == 0 || timers_[id].expiry <= elapsed_) {
      *out = timers_[id].timer;
      cancel(id);
      return true;
    }
    // A slot of a higher level has begun: its timers move down to where they belong now.
    Id moving = id;
    heads_[level][slot] = kNoTimer;
    occupied_[level] &= ~(std::uint64_t{1} << slot);
    while (moving != kNoTimer) {
      const Id next = timers_[moving].next;
      link(moving);
      moving = next;
    }
  }
  elapsed_ = std::max(elapsed_, std::min(now, next_slot(&level, &slot, &at) ? at : now));
  return false;
}

std::int64_t TimerWheel::until_next(std::int64_t now_ns) const noexcept {
  unsigned level;
  unsigned slot;
  std::uint64_t at;
  if (!next_slot(&level, &slot, &at)) return -1;
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(at) * kTickNs - now_ns);
}

}  // namespace millrace::loop
