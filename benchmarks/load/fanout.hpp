// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::load {

/// Who has received which published message. Subscribers get messages in publishing order, so the
/// n-th message a subscriber receives is the n-th that was published.
class Fanout {
 public:
  void reserve(size_t in_flight) {
    size_t capacity = 1;
    while (capacity < in_flight * 2) capacity <<= 1;
    published_ns_.assign(capacity, 0);
    deliveries_.assign(capacity, 0);
  }

  [[nodiscard]] bool full() const { return published_ - completed_ >= published_ns_.size(); }
  [[nodiscard]] bool knows(uint64_t sequence) const { return sequence < published_; }
  [[nodiscard]] uint64_t published_ns(uint64_t sequence) const { return published_ns_[index(sequence)]; }

  void publish(uint64_t time_ns) {
    published_ns_[index(published_)] = time_ns;
    deliveries_[index(published_)] = 0;
    published_++;
  }

  /// True when `subscribers` have it now.
  bool deliver(uint64_t sequence, size_t subscribers) {
    if (++deliveries_[index(sequence)] != subscribers) return false;
    completed_++;
    return true;
  }

 private:
  [[nodiscard]] size_t index(uint64_t sequence) const { return sequence & (published_ns_.size() - 1); }

  std::vector<uint64_t> published_ns_;
  std::vector<uint32_t> deliveries_;
  uint64_t published_ = 0;
  uint64_t completed_ = 0;
};

}  // namespace millrace::load
