// SPDX-License-Identifier: Apache-2.0
//
// Unmasking with whole vectors only. The first and the last vector are loaded before anything is stored, and stored
// when everything else is done; what lies between is walked from the first place where stores are aligned. The three
// overlap, which does no harm even in place: each writes what follows from the masked bytes.
//
//     |== first ==|                                   |
//     |      |-- aligned ---|-- aligned ---| ...      |
//     |                                   |== last ===|
//
// Vector: kSize, splat(key), load(from), store(to), operator^. Unnamed on purpose: kernels.hpp says why.
#pragma once

#include "simd/kernels.hpp"

namespace millrace::simd {
namespace {

inline std::uint32_t turned(std::uint32_t key, std::size_t offset) noexcept {
  const unsigned bits = 8 * static_cast<unsigned>(offset & 3);
  return key >> bits | key << (-bits & 31);
}

template <class Word>
struct Scalar {
  static constexpr std::size_t kSize = sizeof(Word);
  Word bits;

  static Scalar splat(std::uint32_t key) noexcept { return {static_cast<Word>(key | std::uint64_t{key} << 32)}; }
  static Scalar load(const std::uint8_t* from) noexcept {
    Scalar out;
    __builtin_memcpy(&out.bits, from, kSize);
    return out;
  }
  void store(std::uint8_t* to) const noexcept { __builtin_memcpy(to, &bits, kSize); }
  Scalar operator^(Scalar other) const noexcept { return {bits ^ other.bits}; }
};

/// kVectors vectors at each end: kVectors * Vector::kSize <= length <= 2 * kVectors * Vector::kSize
template <class Vector, std::size_t kVectors>
inline void unmask_ends(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key) noexcept {
  constexpr std::size_t kSize = Vector::kSize;
  const std::size_t at = length - kVectors * kSize;
  const Vector key_first = Vector::splat(key);
  const Vector key_last = Vector::splat(turned(key, at));
  Vector first[kVectors];
  Vector last[kVectors];
  for (std::size_t k = 0; k < kVectors; ++k) first[k] = Vector::load(from + k * kSize) ^ key_first;
  for (std::size_t k = 0; k < kVectors; ++k) last[k] = Vector::load(from + at + k * kSize) ^ key_last;
  for (std::size_t k = 0; k < kVectors; ++k) first[k].store(to + k * kSize);
  for (std::size_t k = 0; k < kVectors; ++k) last[k].store(to + at + k * kSize);
}

/// 0 <= length < 16
inline void unmask_short(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key) noexcept {
  if (length >= 8) return unmask_ends<Scalar<std::uint64_t>, 1>(to, from, length, key);
  if (length >= 4) return unmask_ends<Scalar<std::uint32_t>, 1>(to, from, length, key);
  for (std::size_t i = 0; i < length; ++i, key >>= 8) to[i] = static_cast<std::uint8_t>(from[i] ^ key);
}

/// length >= Vector::kSize; kUnroll vectors a step
template <class Vector, std::size_t kUnroll>
inline void unmask_long(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key) noexcept {
  constexpr std::size_t kSize = Vector::kSize;
  const std::size_t last_at = length - kSize;
  const Vector first = Vector::load(from) ^ Vector::splat(key);
  const Vector last = Vector::load(from + last_at) ^ Vector::splat(turned(key, last_at));

  std::size_t i = -reinterpret_cast<std::uintptr_t>(to) % kSize;
  const Vector keys = Vector::splat(turned(key, i));
  for (; length - i >= kUnroll * kSize; i += kUnroll * kSize) {
    Vector step[kUnroll];
    for (std::size_t k = 0; k < kUnroll; ++k) step[k] = Vector::load(from + i + k * kSize) ^ keys;
    for (std::size_t k = 0; k < kUnroll; ++k) step[k].store(to + i + k * kSize);
  }
  for (; length - i >= kSize; i += kSize) (Vector::load(from + i) ^ keys).store(to + i);

  first.store(to);
  last.store(to + last_at);
}

}  // namespace
}  // namespace millrace::simd
