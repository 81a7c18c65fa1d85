// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::memory {

inline constexpr std::size_t kPageBytes = 64 << 10;
inline constexpr unsigned kPageShift = 16;

/// Naturally aligned runs of 64 KiB pages in powers of two (a buddy allocator over page numbers). It knows which free
/// pages may have been touched, so that they can be given back to the system. One thread.
class PageRuns {
 public:
  static constexpr unsigned kOrders = 15;  // 64 KiB to 1 GiB
  static constexpr std::uint32_t kNoRun = 0xffffffff;

  PageRuns() = default;
  PageRuns(const PageRuns&) = delete;
  PageRuns& operator=(const PageRuns&) = delete;
  ~PageRuns() { close(); }

  /// Pages [first, end) of the memory at `base` become free. 0 or -errno.
  [[nodiscard]] int open(std::uint8_t* base, std::uint32_t first, std::uint32_t end) noexcept;
  void close() noexcept;

  /// The first page of a run of 2^order pages, or kNoRun.
  [[nodiscard]] std::uint32_t allocate(unsigned order) noexcept;
  void free(std::uint32_t page, unsigned order) noexcept;

  /// Gives touched free pages back to the system until at most `keep_bytes` of them are left. Returns the bytes given.
  std::size_t trim(std::size_t keep_bytes) noexcept;

  [[nodiscard]] std::uint8_t* base() const noexcept { return base_; }
  [[nodiscard]] std::size_t free_bytes() const noexcept { return std::size_t{free_pages_} << kPageShift; }
  [[nodiscard]] std::size_t touched_free_bytes() const noexcept { return std::size_t{touched_free_} << kPageShift; }

 private:
  struct Page {
    std::uint32_t next;
    std::uint32_t previous;
    std::uint8_t order;  // of the free run that starts here
    bool free_head;      // a free run starts here
    bool free;
    bool touched;
  };

  void insert(std::uint32_t page, unsigned order) noexcept;
  void remove(std::uint32_t page) noexcept;
  void mark(std::uint32_t page, unsigned order, bool free) noexcept;

  std::uint8_t* base_ = nullptr;
  Page* pages_ = nullptr;
  std::size_t pages_length_ = 0;
  std::uint32_t first_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t free_pages_ = 0;
  std::uint32_t touched_free_ = 0;
  std::uint32_t heads_[kOrders] = {};
};

}  // namespace millrace::memory
