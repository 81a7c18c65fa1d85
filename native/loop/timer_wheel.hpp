// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace::loop {

/// What a timer is for: the meaning of `owner` and `generation` is the caller's.
struct Timer {
  std::uint32_t owner = 0;
  std::uint32_t generation = 0;
  std::uint8_t kind = 0;
};

/// A hierarchical timer wheel: five levels of 64 slots, one millisecond at the lowest, about twelve days in all (what
/// lies beyond waits in the last slot and is sorted in again). Setting, cancelling and firing are constant time; no
/// memory is taken but one entry a timer. Deadlines are absolute; a timer never fires early. One thread.
class TimerWheel {
 public:
  using Id = std::uint32_t;
  static constexpr Id kNoTimer = 0xffffffff;

  TimerWheel() = default;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel() { close(); }

  /// Room for `capacity` timers. 0 or -errno.
  [[nodiscard]] int open(std::uint32_t capacity, std::int64_t now_ns) noexcept;
  void close() noexcept;

  /// Due at the first take_due() at or after `deadline_ns`. kNoTimer when `capacity` timers are set.
  [[nodiscard]] Id set(std::int64_t deadline_ns, const Timer& timer) noexcept;
  /// Takes back a timer that has not fired.
  void cancel(Id id) noexcept;
  /// A timer that has not fired.
  [[nodiscard]] const Timer& at(Id id) const noexcept { return timers_[id].timer; }

  /// Whether a timer that has not fired is due at `deadline_ns` or before.
  [[nodiscard]] bool is_due_by(Id id, std::int64_t deadline_ns) const noexcept;

  /// Takes one timer that is due, or returns false when none is (left).
  [[nodiscard]] bool take_due(std::int64_t now_ns, Timer* out) noexcept;

  /// Nanoseconds until take_due() has something to do (it may be only sorting), 0 when overdue, -1 when nothing is set.
  [[nodiscard]] std::int64_t until_next(std::int64_t now_ns) const noexcept;

  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }

 private:
  static constexpr unsigned kLevels = 5;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1U << kSlotBits;
  static constexpr std::int64_t kTickNs = 1'000'000;

  struct Entry {
    Id next;  // in its slot, or in the free list
    Id previous;
    std::uint8_t level;
    std::uint8_t slot;
    Timer timer;
    std::uint64_t expiry;  // in ticks
  };
  static_assert(sizeof(Entry) == 32, "docs/memory.md, IdleConnectionsTest");

  [[nodiscard]] static std::uint64_t expiry_of(std::int64_t deadline_ns) noexcept;
  void link(Id id) noexcept;
  void unlink(Id id) noexcept;
  [[nodiscard]] bool next_slot(unsigned* level, unsigned* slot, std::uint64_t* at) const noexcept;

  Entry* timers_ = nullptr;
  std::uint32_t capacity_ = 0;
  std::uint32_t fresh_ = 0;  // entries never used start here
  std::uint32_t in_use_ = 0;
  Id free_ = kNoTimer;
  Id heads_[kLevels][kSlots];
  std::uint64_t occupied_[kLevels] = {};
  std::uint64_t elapsed_ = 0;  // every slot before this tick has been emptied
};

}  // namespace millrace::loop
