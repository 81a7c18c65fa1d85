// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "os/os.hpp"

namespace millrace::engine {

class Loop;

/// Accepted sockets on their way from the loop that owns the listener to the loop that will serve them. Any thread
/// gives, the owner takes; a count keeps the lock out of turns in which nothing came.
class HandOff {
 public:
  static constexpr std::uint32_t kCapacity = 256;

  struct Entry {
    int fd;
    os::Address peer;
  };

  /// False when the loop is closed or has too many waiting.
  [[nodiscard]] bool give(int fd, const os::Address& peer) noexcept {
    const std::lock_guard guard(lock_);
    if (closed_ || count_ == kCapacity) return false;
    entries_[count_++] = {fd, peer};
    waiting_.store(count_, std::memory_order_release);
    return true;
  }

  /// Moves everything that waits through `take(fd, peer)`.
  template <class Take>
  void take_all(Take&& take) noexcept {
    if (waiting() == 0) return;
    const std::lock_guard guard(lock_);
    waiting_.store(0, std::memory_order_relaxed);
    for (std::uint32_t index = 0; index < count_; ++index) take(entries_[index].fd, entries_[index].peer);
    count_ = 0;
  }

  /// How many wait. Any thread; may lag behind.
  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_.load(std::memory_order_acquire); }

  /// Nothing is taken any more; what waits is closed.
  void close() noexcept {
    const std::lock_guard guard(lock_);
    closed_ = true;
    for (std::uint32_t index = 0; index < count_; ++index) os::close_socket(entries_[index].fd);
    count_ = 0;
  }

 private:
  std::mutex lock_;
  std::atomic<std::uint32_t> waiting_{0};
  bool closed_ = false;
  std::uint32_t count_ = 0;
  Entry entries_[kCapacity];
};

/// Loops that share what their listeners accept. Loops join when they are made and leave when they are destroyed.
class Group {
 public:
  static constexpr unsigned kMaxLoops = 256;

  /// False when the group is full.
  [[nodiscard]] bool join(Loop* loop) noexcept;
  void leave(Loop* loop) noexcept;
  /// Gives an accepted socket to the loop with the fewest connections, or returns false when that is `self`, which then
  /// keeps it.
  [[nodiscard]] bool hand_off(const Loop* self, int fd, const os::Address& peer) noexcept;
  [[nodiscard]] bool empty() noexcept;

 private:
  std::mutex lock_;
  unsigned count_ = 0;
  Loop* loops_[kMaxLoops] = {};
};

}  // namespace millrace::engine
