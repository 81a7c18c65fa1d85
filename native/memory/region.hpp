// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "memory/block_pool.hpp"

namespace millrace::memory {

/// A mapping that payloads live in, known to the whole process by a 16-bit id, so that a block of one loop can be sent
/// by another. Region 0 is the shared one, for threads outside the loops: it has a lock and no owner, lives as long as
/// the process, and is made when first asked for.
///
/// Who frees: the last reference to a block of a loop's region may be given up by any thread. Others than the owner
/// push the block onto the hand-back list, an intrusive many-to-one stack that the owner empties each turn.
class Region {
 public:
  static constexpr std::uint16_t kShared = 0;
  static constexpr unsigned kMaxRegions = 1024;
  /// Touched free pages that stay for the next block; the rest goes back to the system after a while.
  static constexpr std::size_t kKeptBytes = 8 << 20;
  /// From here on the shared region gives back at once: it has no loop of its own that would come by.
  static constexpr std::size_t kMostKeptBytes = 64 << 20;

  /// Maps a region of `bytes` (a multiple of 64 KiB) whose blocks begin at `blocks_offset`, and enters it into the
  /// table. 0 or -errno; nothing is left behind on failure. Any thread.
  [[nodiscard]] static int open(std::size_t bytes, std::size_t blocks_offset, Region** out,
                                Allocator allocator = Allocator::blocks) noexcept;
  /// Unmaps and forgets a region. No block of it may be in use elsewhere.
  static void close(Region* region) noexcept;
  /// The region with this id, or nullptr.
  [[nodiscard]] static Region* find(std::uint16_t id) noexcept;
  /// The shared region, or nullptr when it cannot be mapped.
  [[nodiscard]] static Region* shared() noexcept;

  [[nodiscard]] std::uint16_t id() const noexcept { return id_; }
  [[nodiscard]] std::uint8_t* base() const noexcept { return base_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// Owner only (the shared region: use acquire_locked).
  [[nodiscard]] BlockPool& blocks() noexcept { return blocks_; }
  [[nodiscard]] const BlockPool& blocks() const noexcept { return blocks_; }

  /// A block of the shared region, from any thread: its offset or -ENOMEM.
  [[nodiscard]] std::int64_t acquire_locked(std::size_t length) noexcept;
  /// The shared region, from any thread: so much more of it, or less, may be in use. While the sum is 0 all of it may.
  void allow(std::int64_t bytes) noexcept;
  /// The shared region, from any thread: its blocks are checked from now on. 0 or -errno.
  [[nodiscard]] int check_locked() noexcept;
  /// The shared region, from any thread: as BlockPool::look_at_resting.
  [[nodiscard]] std::int64_t look_at_resting_locked() noexcept;
  /// Gives up a reference from any thread. 0, or -EINVAL when there is no live block.
  int release(std::uint64_t offset) noexcept;
  /// The same for the owner, which frees at once.
  int release_owned(std::uint64_t offset) noexcept;
  /// Frees what other threads have handed back. Owner only.
  void take_back() noexcept;
  /// The shared region, from any thread: true when it keeps more touched free pages than `kKeptBytes`.
  [[nodiscard]] bool keeps_too_much() const noexcept { return keeps_too_much_.load(std::memory_order_relaxed); }
  /// The shared region, from any thread: what its blocks took a moment ago.
  [[nodiscard]] Usage shared_usage() const noexcept;
  /// The shared region, from any thread: gives pages back until it keeps kKeptBytes.
  void trim_locked() noexcept;

 private:
  Region() = default;
  ~Region() = default;
  [[nodiscard]] static Region* map_shared() noexcept;
  void tell_usage() noexcept;

  std::uint16_t id_ = 0;
  std::uint8_t* base_ = nullptr;
  std::size_t bytes_ = 0;
  BlockPool blocks_;
  std::atomic<std::uint32_t> handed_back_{0};  // header index of the newest, 0 for none
  std::mutex lock_;                            // the shared region's
  std::int64_t allowed_ = 0;                   // the shared region's, under its lock
  std::size_t denied_ = 0;                     // the shared region's: how often that was too little
  std::atomic<bool> keeps_too_much_{false};    // the shared region's
  std::atomic<std::size_t> use_{0};            // the shared region's usage, for those without the lock
  std::atomic<std::size_t> high_water_{0};
  std::atomic<std::size_t> spills_{0};
};

}  // namespace millrace::memory
