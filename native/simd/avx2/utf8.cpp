// SPDX-License-Identifier: Apache-2.0
#include "simd/generic/utf8.hpp"

#include <immintrin.h>

namespace millrace::simd {

namespace {

struct Half {
  static constexpr std::size_t kSize = 16;
  __m128i bits;

  static Half splat(int byte) noexcept { return {_mm_set1_epi8(static_cast<char>(byte))}; }
  static Half load(const std::uint8_t* bytes) noexcept {
    return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))};
  }
  Half operator|(Half other) const noexcept { return {_mm_or_si128(bits, other.bits)}; }
  Half operator&(Half other) const noexcept { return {_mm_and_si128(bits, other.bits)}; }
  Half operator^(Half other) const noexcept { return {_mm_xor_si128(bits, other.bits)}; }
  bool any_high() const noexcept { return _mm_movemask_epi8(bits) != 0; }
  bool any() const noexcept { return _mm_movemask_epi8(_mm_cmpeq_epi8(bits, _mm_setzero_si128())) != 0xFFFF; }
  Half low_nibbles() const noexcept { return *this & splat(0x0F); }
  Half high_nibbles() const noexcept { return Half{_mm_srli_epi16(bits, 4)}.low_nibbles(); }
  Half lookup(const Table& table) const noexcept {
    return {_mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(table.entries)), bits)};
  }
  Half minus(int byte) const noexcept { return {_mm_subs_epu8(bits, splat(byte).bits)}; }
  template <int kDistance>
  Half before(Half previous) const noexcept {
    return {_mm_alignr_epi8(bits, previous.bits, 16 - kDistance)};
  }
};

struct Vector {
  static constexpr std::size_t kSize = 32;
  __m256i bits;

  static Vector splat(int byte) noexcept { return {_mm256_set1_epi8(static_cast<char>(byte))}; }
  static Vector load(const std::uint8_t* bytes) noexcept {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes))};
  }
  Vector operator|(Vector other) const noexcept { return {_mm256_or_si256(bits, other.bits)}; }
  Vector operator&(Vector other) const noexcept { return {_mm256_and_si256(bits, other.bits)}; }
  Vector operator^(Vector other) const noexcept { return {_mm256_xor_si256(bits, other.bits)}; }
  bool any_high() const noexcept { return _mm256_movemask_epi8(bits) != 0; }
  bool any() const noexcept { return _mm256_testz_si256(bits, bits) == 0; }
  Vector low_nibbles() const noexcept { return *this & splat(0x0F); }
  Vector high_nibbles() const noexcept { return Vector{_mm256_srli_epi16(bits, 4)}.low_nibbles(); }
  Vector lookup(const Table& table) const noexcept {
    const __m128i entries = _mm_load_si128(reinterpret_cast<const __m128i*>(table.entries));
    return {_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), bits)};
  }
  Vector minus(int byte) const noexcept { return {_mm256_subs_epu8(bits, splat(byte).bits)}; }
  template <int kDistance>
  Vector before(Vector previous) const noexcept {
    // alignr works in each half by itself: the half before the upper one is the lower one.
    const __m256i halves_before = _mm256_permute2x128_si256(previous.bits, bits, 0x21);
    return {_mm256_alignr_epi8(bits, halves_before, 16 - kDistance)};
  }
};

}  // namespace

std::uint32_t avx2::utf8(std::uint32_t state, const std::uint8_t* bytes, std::size_t length) noexcept {
  const std::size_t begun = finish_begun(&state, bytes, length);
  bytes += begun;
  length -= begun;
  if (state != kUtf8Text || length < 16) return state == kUtf8Refused ? state : scalar::utf8(state, bytes, length);
  if (length < 32) return validate<Half, 1>(bytes, length);
  if (length < 64) return validate<Vector, 1>(bytes, length);
  return validate<Vector, 2>(bytes, length);
}

}  // namespace millrace::simd
