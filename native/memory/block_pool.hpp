// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memory/best_fit.hpp"
#include "memory/page_runs.hpp"
#include "memory/usage.hpp"

namespace millrace::memory {

/// Who places the blocks of a region.
enum class Allocator : std::uint8_t {
  blocks,  ///< size classes
  general  ///< best fit, for comparison
};

/// Blocks of one region by size class: powers of two from 256 bytes, naturally aligned. Reference counts, links and
/// size classes stand outside the blocks, where no user buffer reaches. A general allocator may place them instead
/// (Allocator::general): then they are multiples of 256 bytes, and aligned to that only.
///
/// A size class below 64 KiB carves its blocks from whole pages; a page whose blocks are all free goes back to the page
/// runs. Larger blocks are page runs themselves. Any address inside a block finds it: the page knows its size class,
/// and natural alignment does the rest.
///
/// One thread (the owner) acquires, frees and trims. `retain`, `release` and `contains` may be called by any thread
/// that holds a reference.
class BlockPool {
 public:
  static constexpr std::size_t kMinBlock = 256;
  static constexpr unsigned kMinShift = 8;
  static constexpr unsigned kClasses = 23;  ///< 256 B to 1 GiB

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool() { close(); }

  /// Takes [begin, end) of the region at `base`; both are multiples of 64 KiB. 0 or -errno.
  [[nodiscard]] int open(std::uint8_t* base, std::size_t begin, std::size_t end,
                         Allocator allocator = Allocator::blocks) noexcept;
  void close() noexcept;

  /// Where the number of blocks in use is told from now on, by class, and behind that its high-water marks: 2 *
  /// kClasses words that any thread may read, or nullptr for nowhere.
  void report(std::int64_t* by_class) noexcept { by_class_ = by_class; }

  /// Offset of a block of at least `length` bytes with one reference, or -ENOMEM.
  [[nodiscard]] std::int64_t acquire(std::size_t length) noexcept;
  /// Adds a reference; false when no live block is there.
  [[nodiscard]] bool retain(std::uint64_t offset) noexcept;
  /// Whether the holder of a reference to a live block is the only one: then nobody else looks at it.
  [[nodiscard]] bool is_alone(std::uint64_t offset) const noexcept {
    return header(start_of(offset)).references.load(std::memory_order_acquire) == 1;
  }
  enum class Release : std::uint8_t { kept, last, invalid };
  /// Gives up a reference. `last`: the owner must now `free` the block. `invalid`: there is no live block (a double
  /// release).
  [[nodiscard]] Release release(std::uint64_t offset) noexcept;
  /// Frees a block whose last reference is gone. Owner only.
  void free(std::uint64_t offset) noexcept;

  /// From now on what is freed is filled with kFreed, and rests before it is handed out again: until kMostResting
  /// blocks, or kRestingBytes, have been freed behind it, or nothing else is left. 0 or -errno; owner only.
  [[nodiscard]] int check() noexcept;
  /// Looks at some of what rests, at other blocks each time: where one begins that somebody has written to since it was
  /// freed, once for each that is found, or -1. Owner only.
  [[nodiscard]] std::int64_t look_at_resting() noexcept;
  static constexpr std::uint8_t kFreed = 0xDB;
  static constexpr std::uint32_t kMostResting = 1024;
  static constexpr std::size_t kRestingBytes = 8 << 20;

  /// True when [offset, offset + length) lies inside one live block.
  [[nodiscard]] bool contains(std::uint64_t offset, std::uint64_t length) const noexcept;
  /// Start of the block that holds `offset`, and its size. Only for an offset that `contains` accepts.
  [[nodiscard]] std::uint64_t start_of(std::uint64_t offset) const noexcept;
  [[nodiscard]] std::size_t size_of(std::uint64_t offset) const noexcept;

  /// The link of a block that is on a list of its last holder's choice (the hand-back list).
  [[nodiscard]] std::uint32_t& link(std::uint64_t offset) noexcept { return header(offset).next; }

  /// Gives touched free pages back to the system until at most `keep_bytes` of them are left; how many bytes.
  std::size_t trim(std::size_t keep_bytes) noexcept {
    return is_general() ? best_fit_.trim(keep_bytes) : runs_.trim(keep_bytes);
  }
  /// Address space not handed out (by the size classes: in 64 KiB pages).
  [[nodiscard]] std::size_t free_bytes() const noexcept {
    return is_general() ? best_fit_.free_bytes() : runs_.free_bytes();
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return end_ - begin_; }
  /// Nothing of the region behind this offset is poisoned.
  [[nodiscard]] std::size_t poisoned_end() const noexcept { return poisoned_end_; }
  [[nodiscard]] std::size_t touched_free_bytes() const noexcept {
    return is_general() ? best_fit_.touched_free_bytes() : runs_.touched_free_bytes();
  }
  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }
  [[nodiscard]] std::size_t bytes_in_use() const noexcept { return usage_.use; }
  [[nodiscard]] const Usage& usage() const noexcept { return usage_; }

 private:
  static constexpr unsigned kSmallClasses = kPageShift - kMinShift;  // 256 B to 32 KiB
  /// How far beyond the blocks that there have been what was never one is poisoned: AddressSanitizer takes an eighth of
  /// that for its notes, and a region is large.
  static constexpr std::uint64_t kPoisonedAhead = 64 << 20;
  static constexpr unsigned kLooks = 8;
  static constexpr std::size_t kLookedAtBytes = 64 << 10;

  /// One for each 256 bytes of the region; the one at a block's start speaks for the block.
  struct Header {
    std::atomic<std::uint32_t> references;
    std::uint32_t next;  // free list of its page, or hand-back list: an index of headers, 0 is the end
  };

  /// One for each 64 KiB page.
  struct Page {
    std::uint32_t next;  // pages of the class that have free blocks
    std::uint32_t previous;
    std::uint32_t free;       // first free block's header index, 0 for none
    std::uint16_t used;       // blocks handed out
    std::uint16_t carved;     // blocks that exist; the rest of the page was never cut
    std::uint8_t size_class;  // 0: page is free; otherwise log2 of the block size
  };

  [[nodiscard]] bool is_general() const noexcept { return allocator_ == Allocator::general; }
  [[nodiscard]] Header& header(std::uint64_t offset) const noexcept { return headers_[offset >> kMinShift]; }
  [[nodiscard]] unsigned shift_at(std::uint64_t offset) const noexcept {
    return pages_[offset >> kPageShift].size_class;
  }
  void poison_ahead(std::uint64_t used_end) noexcept;
  [[nodiscard]] std::int64_t place(std::size_t length) noexcept;
  void put_back(std::uint64_t start) noexcept;
  void rest(std::uint64_t start, std::size_t size) noexcept;
  void wake_oldest() noexcept;
  [[nodiscard]] bool fill_again(std::uint64_t start, std::size_t size) noexcept;
  void count_in(std::size_t size) noexcept;
  void count_out(std::size_t size) noexcept;
  [[nodiscard]] std::int64_t acquire_small(unsigned shift) noexcept;
  [[nodiscard]] std::int64_t acquire_run(unsigned shift) noexcept;
  [[nodiscard]] std::uint32_t add_page(unsigned shift) noexcept;
  void link_page(std::uint32_t page, unsigned shift) noexcept;
  void unlink_page(std::uint32_t page, unsigned shift) noexcept;
  void free_small(std::uint64_t offset, unsigned shift) noexcept;

  Allocator allocator_ = Allocator::blocks;
  std::uint8_t* base_ = nullptr;
  PageRuns runs_;
  BestFit best_fit_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t poisoned_end_ = 0;
  Header* headers_ = nullptr;
  std::size_t headers_length_ = 0;
  Page* pages_ = nullptr;
  std::size_t pages_length_ = 0;
  std::uint32_t with_room_[kSmallClasses] = {};  // by class: pages with free blocks; page 0 never is one
  std::uint32_t in_use_ = 0;
  Usage usage_;
  std::int64_t* by_class_ = nullptr;
  std::uint32_t* resting_ = nullptr;  // header indexes, oldest first, in a ring of kMostResting; checked pools only
  std::size_t resting_length_ = 0;
  std::uint32_t oldest_ = 0;
  std::uint32_t resting_count_ = 0;
  std::size_t resting_bytes_ = 0;
  std::uint32_t looked_at_ = 0;  // how many of a round
};

}  // namespace millrace::memory
