// SPDX-License-Identifier: Apache-2.0
#include "histogram.hpp"

namespace millrace::load {

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; i++) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

uint64_t Histogram::middle_of(size_t index) {
  if (index < kLinear) return index;
  auto exponent = static_cast<unsigned>(index >> kFractionBits) - 1;
  uint64_t low = ((index & (kLinear - 1)) + kLinear) << exponent;
  return low + ((1ULL << exponent) >> 1);
}

double Histogram::quantile_us(double fraction) const {
  if (!count_) return 0;
  uint64_t wanted = std::min(static_cast<uint64_t>(fraction * static_cast<double>(count_)), count_ - 1);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; i++) {
    seen += counts_[i];
    if (seen > wanted) return static_cast<double>(std::min(middle_of(i), max_ns_)) / 1e3;
  }
  return max_us();
}

}  // namespace millrace::load
