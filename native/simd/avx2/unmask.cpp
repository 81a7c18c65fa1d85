// SPDX-License-Identifier: Apache-2.0
#include "simd/generic/unmask.hpp"

#include <immintrin.h>

namespace millrace::simd {

namespace {

struct Half {
  static constexpr std::size_t kSize = 16;
  __m128i bits;

  static Half splat(std::uint32_t key) noexcept { return {_mm_set1_epi32(static_cast<int>(key))}; }
  static Half load(const std::uint8_t* from) noexcept {
    return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))};
  }
  void store(std::uint8_t* to) const noexcept { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bits); }
  Half operator^(Half other) const noexcept { return {_mm_xor_si128(bits, other.bits)}; }
};

struct Vector {
  static constexpr std::size_t kSize = 32;
  __m256i bits;

  static Vector splat(std::uint32_t key) noexcept { return {_mm256_set1_epi32(static_cast<int>(key))}; }
  static Vector load(const std::uint8_t* from) noexcept {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))};
  }
  void store(std::uint8_t* to) const noexcept { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bits); }
  Vector operator^(Vector other) const noexcept { return {_mm256_xor_si256(bits, other.bits)}; }
};

}  // namespace

void avx2::unmask(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key) noexcept {
  if (length < 16) return unmask_short(to, from, length, key);
  if (length <= 32) return unmask_ends<Half, 1>(to, from, length, key);
  if (length <= 64) return unmask_ends<Vector, 1>(to, from, length, key);
  if (length <= 128) return unmask_ends<Vector, 2>(to, from, length, key);
  if (length <= 256) return unmask_ends<Vector, 4>(to, from, length, key);
  unmask_long<Vector, 2>(to, from, length, key);
}

}  // namespace millrace::simd
