// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace millrace::memory {

/// A bump area over memory that somebody else owns: allocate moves a position, nothing is freed singly, `rewind` and
/// `reset` free all that came later at once. One thread.
///
///     start                position                capacity
///       | in use ............ | free ................ |
class Bump {
 public:
  Bump() = default;
  Bump(std::uint8_t* start, std::size_t capacity) noexcept : start_(start), capacity_(capacity) {}

  /// `length` bytes at `alignment` (a power of two), or nullptr when they do not fit; a refusal is counted as a spill.
  [[nodiscard]] std::uint8_t* allocate(std::size_t length, std::size_t alignment = 1) noexcept {
    const std::size_t at = base::align_up(position_, alignment);
    if (at > capacity_ || length > capacity_ - at) {
      ++spills_;
      return nullptr;
    }
    position_ = at + length;
    if (position_ > high_water_) high_water_ = position_;
    return start_ + at;
  }

  [[nodiscard]] std::size_t mark() const noexcept { return position_; }
  void rewind(std::size_t mark) noexcept { position_ = mark; }
  void reset() noexcept { position_ = 0; }

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
