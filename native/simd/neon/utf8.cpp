// SPDX-License-Identifier: Apache-2.0
#include "simd/generic/utf8.hpp"

#include <arm_neon.h>

namespace millrace::simd {

namespace {

struct Vector {
  static constexpr std::size_t kSize = 16;
  uint8x16_t bits;

  static Vector splat(int byte) noexcept { return {vdupq_n_u8(static_cast<std::uint8_t>(byte))}; }
  static Vector load(const std::uint8_t* bytes) noexcept { return {vld1q_u8(bytes)}; }
  Vector operator|(Vector other) const noexcept { return {vorrq_u8(bits, other.bits)}; }
  Vector operator&(Vector other) const noexcept { return {vandq_u8(bits, other.bits)}; }
  Vector operator^(Vector other) const noexcept { return {veorq_u8(bits, other.bits)}; }
  bool any_high() const noexcept { return vmaxvq_u8(bits) >= 0x80; }
  bool any() const noexcept { return vmaxvq_u8(bits) != 0; }
  Vector low_nibbles() const noexcept { return *this & splat(0x0F); }
  Vector high_nibbles() const noexcept { return {vshrq_n_u8(bits, 4)}; }
  Vector lookup(const Table& table) const noexcept { return {vqtbl1q_u8(vld1q_u8(table.entries), bits)}; }
  Vector minus(int byte) const noexcept { return {vqsubq_u8(bits, splat(byte).bits)}; }
  template <int kDistance>
  Vector before(Vector previous) const noexcept {
    return {vextq_u8(previous.bits, bits, 16 - kDistance)};
  }
};

}  // namespace

std::uint32_t neon::utf8(std::uint32_t state, const std::uint8_t* bytes, std::size_t length) noexcept {
  const std::size_t begun = finish_begun(&state, bytes, length);
  bytes += begun;
  length -= begun;
  if (state != kUtf8Text || length < 16) return state == kUtf8Refused ? state : scalar::utf8(state, bytes, length);
  if (length < 64) return validate<Vector, 1>(bytes, length);
  return validate<Vector, 4>(bytes, length);
}

}  // namespace millrace::simd
