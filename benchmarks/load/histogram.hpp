// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::load {

/// Latencies in nanoseconds, in buckets less than 0.8 % wide.
///
/// ```
///   index of a value = exponent (high bits) | kFractionBits below its leading one (low bits)
///   values below 2^kFractionBits have a bucket each
/// ```
class Histogram {
 public:
  void record(uint64_t value_ns) {
    counts_[index_of(value_ns)]++;
    count_++;
    sum_ns_ += static_cast<double>(value_ns);
    max_ns_ = std::max(max_ns_, value_ns);
  }

  void merge(const Histogram& other);

  [[nodiscard]] double quantile_us(double fraction) const;
  [[nodiscard]] double max_us() const { return static_cast<double>(max_ns_) / 1e3; }
  [[nodiscard]] double mean_us() const { return count_ ? sum_ns_ / static_cast<double>(count_) / 1e3 : 0; }

 private:
  static constexpr unsigned kFractionBits = 7;
  static constexpr uint64_t kLinear = 1ULL << kFractionBits;
  static constexpr size_t kBuckets = static_cast<size_t>(64 - kFractionBits + 1) << kFractionBits;

  static size_t index_of(uint64_t value) {
    if (value < kLinear) return value;
    auto exponent = static_cast<unsigned>(std::bit_width(value)) - 1 - kFractionBits;
    return (static_cast<size_t>(exponent + 1) << kFractionBits) + ((value >> exponent) - kLinear);
  }

  static uint64_t middle_of(size_t index);

  std::vector<uint64_t> counts_ = std::vector<uint64_t>(kBuckets, 0);
  uint64_t count_ = 0;
  uint64_t max_ns_ = 0;
  double sum_ns_ = 0;
};

}  // namespace millrace::load
