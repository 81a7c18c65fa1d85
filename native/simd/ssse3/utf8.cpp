// SPDX-License-Identifier: Apache-2.0
#include "simd/generic/utf8.hpp"

#include <tmmintrin.h>

namespace millrace::simd {

namespace {

struct Vector {
  static constexpr std::size_t kSize = 16;
  __m128i bits;

  static Vector splat(int byte) noexcept { return {_mm_set1_epi8(static_cast<char>(byte))}; }
  static Vector load(const std::uint8_t* bytes) noexcept {
    return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))};
  }
  Vector operator|(Vector other) const noexcept { return {_mm_or_si128(bits, other.bits)}; }
  Vector operator&(Vector other) const noexcept { return {_mm_and_si128(bits, other.bits)}; }
  Vector operator^(Vector other) const noexcept { return {_mm_xor_si128(bits, other.bits)}; }
  bool any_high() const noexcept { return _mm_movemask_epi8(bits) != 0; }
  bool any() const noexcept { return _mm_movemask_epi8(_mm_cmpeq_epi8(bits, _mm_setzero_si128())) != 0xFFFF; }
  Vector low_nibbles() const noexcept { return *this & splat(0x0F); }
  Vector high_nibbles() const noexcept { return Vector{_mm_srli_epi16(bits, 4)}.low_nibbles(); }
  Vector lookup(const Table& table) const noexcept {
    return {_mm_shuffle_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(table.entries)), bits)};
  }
  Vector minus(int byte) const noexcept { return {_mm_subs_epu8(bits, splat(byte).bits)}; }
  template <int kDistance>
  Vector before(Vector previous) const noexcept {
    return {_mm_alignr_epi8(bits, previous.bits, 16 - kDistance)};
  }
};

}  // namespace

std::uint32_t ssse3::utf8(std::uint32_t state, const std::uint8_t* bytes, std::size_t length) noexcept {
  const std::size_t begun = finish_begun(&state, bytes, length);
  bytes += begun;
  length -= begun;
  if (state != kUtf8Text || length < 16) return state == kUtf8Refused ? state : scalar::utf8(state, bytes, length);
  if (length < 64) return validate<Vector, 1>(bytes, length);
  return validate<Vector, 4>(bytes, length);
}

}  // namespace millrace::simd
