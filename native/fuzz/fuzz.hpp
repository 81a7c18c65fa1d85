// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length);

namespace millrace::fuzz {

/// Inputs from which the standalone driver starts. Each target defines its own.
[[nodiscard]] std::span<const std::string_view> seeds() noexcept;

/// Ends the program with the sentence that turned out false.
inline void check(bool holds, const char* sentence) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: not true: %s\n", sentence);
  std::abort();
}

/// splitmix64: the same numbers for the same seed everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  /// 0 to `bound` - 1.
  std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

/// FNV-1a: an input decides its own cuts, so a saved input replays alone.
[[nodiscard]] inline std::uint64_t hash(std::span<const std::uint8_t> bytes) noexcept {
  std::uint64_t value = 0xCBF29CE484222325;
  for (const std::uint8_t byte : bytes) value = (value ^ byte) * 0x100000001B3;
  return value;
}

}  // namespace millrace::fuzz
