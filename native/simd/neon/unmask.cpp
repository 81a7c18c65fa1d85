// SPDX-License-Identifier: Apache-2.0
#include "simd/generic/unmask.hpp"

#include <arm_neon.h>

namespace millrace::simd {

namespace {

struct Vector {
  static constexpr std::size_t kSize = 16;
  uint8x16_t bits;

  static Vector splat(std::uint32_t key) noexcept { return {vreinterpretq_u8_u32(vdupq_n_u32(key))}; }
  static Vector load(const std::uint8_t* from) noexcept { return {vld1q_u8(from)}; }
  void store(std::uint8_t* to) const noexcept { vst1q_u8(to, bits); }
  Vector operator^(Vector other) const noexcept { return {veorq_u8(bits, other.bits)}; }
};

}  // namespace

void neon::unmask(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key) noexcept {
  if (length < 16) return unmask_short(to, from, length, key);
  if (length <= 32) return unmask_ends<Vector, 1>(to, from, length, key);
  if (length <= 64) return unmask_ends<Vector, 2>(to, from, length, key);
  if (length <= 128) return unmask_ends<Vector, 4>(to, from, length, key);
  unmask_long<Vector, 4>(to, from, length, key);
}

}  // namespace millrace::simd
