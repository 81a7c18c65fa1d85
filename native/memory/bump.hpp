// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/poison.hpp"

namespace millrace::memory {

/// A bump area over memory that somebody else owns: allocate moves a position, nothing is freed singly, `rewind` and
/// `reset` free all that came later at once. What is free is poisoned in sanitizer builds; `release` ends that before
/// the memory goes back to its owner. One thread.
///
///     start                position                capacity
///       | in use ............ | free ................ |
class Bump {
 public:
  Bump() = default;
  Bump(std::uint8_t* start, std::size_t capacity) noexcept : start_(start), capacity_(capacity) {
    base::poison(start, capacity);
  }
  void release() noexcept { base::unpoison(start_, capacity_); }

  /// `length` bytes at `alignment` (a power of two), or nullptr when they do not fit; a refusal is counted as a spill.
  [[nodiscard]] std::uint8_t* allocate(std::size_t length, std::size_t alignment = 1) noexcept {
    const std::size_t at = base::align_up(position_, alignment);
    if (at > capacity_ || length > capacity_ - at) {
      ++spills_;
      return nullptr;
    }
    position_ = at + length;
    if (position_ > high_water_) high_water_ = position_;
    base::unpoison(start_ + at, length);
    return start_ + at;
  }

  /// Opens the first free bytes to a writer who cannot say yet how many they will be, such as a system call. When they
  /// are written `end_write` takes the same length, and then `allocate` what was written: its bytes are kept.
  [[nodiscard]] std::uint8_t* begin_write(std::size_t length) noexcept {
    base::unpoison(start_ + position_, length);
    return start_ + position_;
  }
  void end_write(std::size_t length) noexcept { base::poison(start_ + position_, length); }

  [[nodiscard]] std::size_t mark() const noexcept { return position_; }
  void rewind(std::size_t mark) noexcept {
    base::poison(start_ + mark, position_ - mark);
    position_ = mark;
  }
  void reset() noexcept { rewind(0); }

  [[nodiscard]] std::uint8_t* start() const noexcept { return start_; }
  [[nodiscard]] std::size_t used() const noexcept { return position_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::size_t available() const noexcept { return capacity_ - position_; }
  [[nodiscard]] std::size_t high_water() const noexcept { return high_water_; }
  [[nodiscard]] std::size_t spills() const noexcept { return spills_; }

 private:
  std::uint8_t* start_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t position_ = 0;
  std::size_t high_water_ = 0;
  std::size_t spills_ = 0;
};

}  // namespace millrace::memory
