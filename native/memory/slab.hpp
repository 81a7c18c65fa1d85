// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/bytes.hpp"
#include "base/poison.hpp"
#include "memory/usage.hpp"
#include "os/os.hpp"

namespace millrace::memory {

/// "No object": never a valid index.
inline constexpr std::uint32_t kNone = 0xffffffff;

/// Objects of one type by index, in one mapping whose pages are charged when first touched. The last one released is
/// the first one handed out, so hot ones stay hot. An object keeps its bytes while it is free (a generation counter
/// inside it survives), except the member `next_free`; but only its first `kReadable` bytes may be looked at then: the
/// rest is poisoned in sanitizer builds. The first time an index is handed out its bytes are zero. One thread.
template <class T, std::size_t kReadable = 0>
class Slab {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() { close(); }

  /// Reserves address space for `capacity` objects, which are counted in `usage` too, if given. 0 or -errno.
  [[nodiscard]] int open(std::uint32_t capacity, Usage* usage = nullptr) noexcept {
    length_ = base::align_up<std::size_t>(std::size_t{capacity} * sizeof(T), os::page_size());
    void* start = nullptr;
    if (const int result = os::map_pages(length_, os::page_size(), &start); result < 0) return result;
    objects_ = static_cast<T*>(start);
    capacity_ = capacity;
    usage_ = usage != nullptr ? usage : &own_usage_;
    base::poison(objects_, poisoned_end());
    return 0;
  }

  void close() noexcept {
    if (objects_ != nullptr) {
      base::unpoison(objects_, poisoned_end());
      os::unmap_pages(objects_, length_);
    }
    objects_ = nullptr;
    capacity_ = fresh_ = in_use_ = 0;
    free_ = kNone;
  }

  /// An index, or kNone when all are taken.
  [[nodiscard]] std::uint32_t allocate() noexcept {
    std::uint32_t index = free_;
    if (index != kNone) {
      base::unpoison(objects_ + index, sizeof(T));
      free_ = objects_[index].next_free;
    } else if (fresh_ < capacity_) {
      const std::size_t end = poisoned_end();
      index = fresh_++;
      base::poison(reinterpret_cast<std::uint8_t*>(objects_) + end, poisoned_end() - end);
      base::unpoison(objects_ + index, sizeof(T));
    } else {
      ++usage_->spills;
      return kNone;
    }
    usage_->add(sizeof(T));
    if (++in_use_ > high_water_) high_water_ = in_use_;
    return index;
  }

  void release(std::uint32_t index) noexcept {
    objects_[index].next_free = free_;
    free_ = index;
    --in_use_;
    usage_->subtract(sizeof(T));
    base::poison(reinterpret_cast<std::uint8_t*>(objects_ + index) + kReadable, sizeof(T) - kReadable);
  }

  [[nodiscard]] T& operator[](std::uint32_t index) noexcept { return objects_[index]; }
  /// True for an index that has been handed out at least once (its first `kReadable` bytes may be read).
  [[nodiscard]] bool known(std::uint32_t index) const noexcept { return index < fresh_; }
  [[nodiscard]] std::uint32_t known_count() const noexcept { return fresh_; }
  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }
  [[nodiscard]] std::uint32_t high_water() const noexcept { return high_water_; }

 private:
  static constexpr std::size_t kPoisonedAhead = 64 << 10;
  static_assert(sizeof(T) <= kPoisonedAhead);

  /// What was never handed out is poisoned a little ahead only: AddressSanitizer takes an eighth of that for its notes,
  /// and most slabs stay almost empty.
  [[nodiscard]] std::size_t poisoned_end() const noexcept {
    const std::size_t used = std::size_t{fresh_} * sizeof(T);
    return std::min(length_, base::align_up<std::size_t>(used, kPoisonedAhead) + kPoisonedAhead);
  }

  T* objects_ = nullptr;
  std::size_t length_ = 0;
  Usage* usage_ = &own_usage_;
  Usage own_usage_;
  std::uint32_t capacity_ = 0;
  std::uint32_t fresh_ = 0;
  std::uint32_t free_ = kNone;
  std::uint32_t in_use_ = 0;
  std::uint32_t high_water_ = 0;
};

}  // namespace millrace::memory
