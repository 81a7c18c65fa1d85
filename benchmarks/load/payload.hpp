// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::load {

/// The same numbers in every run, so that two servers are given the same bytes.
class Random {
 public:
  uint64_t next() {  // xorshift64
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15ULL;
};

/// A payload of exactly `length` bytes; `kind` is random, json, utf8 or zero.
[[nodiscard]] std::vector<uint8_t> make_payload(const std::string& kind, size_t length, Random& random);

}  // namespace millrace::load
