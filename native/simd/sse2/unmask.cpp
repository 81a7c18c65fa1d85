// SPDX-License-Identifier: Apache-2.0
#include "simd/generic/unmask.hpp"

#include <emmintrin.h>

namespace millrace::simd {

namespace {

struct Vector {
  static constexpr std::size_t kSize = 16;
  __m128i bits;

  static Vector splat(std::uint32_t key) noexcept { return {_mm_set1_epi32(static_cast<int>(key))}; }
  static Vector load(const std::uint8_t* from) noexcept {
    return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))};
  }
  void store(std::uint8_t* to) const noexcept { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bits); }
  Vector operator^(Vector other) const noexcept { return {_mm_xor_si128(bits, other.bits)}; }
};

}  // namespace

void sse2::unmask(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key) noexcept {
  if (length < 16) return unmask_short(to, from, length, key);
  if (length <= 32) return unmask_ends<Vector, 1>(to, from, length, key);
  if (length <= 64) return unmask_ends<Vector, 2>(to, from, length, key);
  if (length <= 128) return unmask_ends<Vector, 4>(to, from, length, key);
  unmask_long<Vector, 4>(to, from, length, key);
}

}  // namespace millrace::simd
