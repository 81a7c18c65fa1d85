// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memory/page_runs.hpp"

namespace millrace::memory {

/// A general-purpose allocator over part of a region, to compare the size classes with: runs of 256-byte units, best
/// fit within a power of two, neighbours joined when they are free. What it knows stands outside the region.
///
///     units   | run: used | run: free ............ | run: used | ...
///     starts    1 0 0 0 0   1 0 0 0 0 0 0 0 0 0 0 0  1 0 0         one bit a unit, set where a run starts
///
/// An address inside a run finds its start by looking back through the bits. One thread allocates, frees and trims;
/// `start_of` and `size_of` may be called by any thread, and mean something for a run that cannot be freed meanwhile.
class BestFit {
 public:
  static constexpr unsigned kUnitShift = 8;

  BestFit() = default;
  BestFit(const BestFit&) = delete;
  BestFit& operator=(const BestFit&) = delete;
  ~BestFit() { close(); }

  /// Takes [begin, end) of the memory at `base`; both are multiples of 64 KiB. 0 or -errno.
  [[nodiscard]] int open(std::uint8_t* base, std::size_t begin, std::size_t end) noexcept;
  void close() noexcept;

  /// Offset of a run of at least `length` bytes, or -ENOMEM.
  [[nodiscard]] std::int64_t allocate(std::size_t length) noexcept;
  /// Frees the run that starts at `offset`.
  void free(std::uint64_t offset) noexcept;

  /// Start of the run that holds `offset`, which lies in [begin, end).
  [[nodiscard]] std::uint64_t start_of(std::uint64_t offset) const noexcept;
  /// Bytes of the run that starts at `start`.
  [[nodiscard]] std::size_t size_of(std::uint64_t start) const noexcept {
    return std::size_t{runs_[start >> kUnitShift].units.load(std::memory_order_relaxed)} << kUnitShift;
  }

  /// Gives touched free 64 KiB pages back to the system until at most `keep_bytes` of them are left; how many bytes.
  std::size_t trim(std::size_t keep_bytes) noexcept;
  [[nodiscard]] std::size_t free_bytes() const noexcept { return free_units_ << kUnitShift; }
  [[nodiscard]] std::size_t touched_free_bytes() const noexcept { return touched_free_ << kPageShift; }

 private:
  static constexpr unsigned kBins = 23;  // by log2 of the units: 256 B to 1 GiB
  static constexpr std::uint32_t kNoUnit = 0xffffffff;

  /// Of the run that starts at this unit.
  struct Run {
    std::atomic<std::uint32_t> units;
    std::uint32_t next;  // in its bin, while it is free
    std::uint32_t previous;
    bool free;
  };

  /// Of a 64 KiB page.
  struct Page {
    std::uint16_t runs;  // used ones that reach into it
    bool touched;
  };

  [[nodiscard]] std::uint32_t start_unit(std::uint32_t unit) const noexcept;
  [[nodiscard]] std::uint32_t find(std::uint32_t units) const noexcept;
  void insert(std::uint32_t unit, std::uint32_t units) noexcept;
  void remove(std::uint32_t unit) noexcept;
  void mark_start(std::uint32_t unit, bool start) noexcept;
  void occupy_pages(std::uint32_t unit, std::uint32_t units) noexcept;
  void leave_pages(std::uint32_t unit, std::uint32_t units) noexcept;

  std::uint8_t* base_ = nullptr;
  std::uint32_t begin_ = 0;  // in units
  std::uint32_t end_ = 0;
  std::atomic<std::uint64_t>* starts_ = nullptr;
  std::size_t starts_length_ = 0;
  Run* runs_ = nullptr;
  std::size_t runs_length_ = 0;
  Page* pages_ = nullptr;
  std::size_t pages_length_ = 0;
  std::size_t free_units_ = 0;
  std::size_t touched_free_ = 0;  // in pages
  std::uint32_t bins_[kBins] = {};
};

}  // namespace millrace::memory
