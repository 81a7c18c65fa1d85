// SPDX-License-Identifier: Apache-2.0
//
// Validation of UTF-8 by table lookup, after J. Keiser and D. Lemire, "Validating UTF-8 in less than one instruction
// per byte", 2021: whether two neighbouring bytes may stand together is decided by three of their four nibbles. Each
// kind of error is a bit; a bit that all three tables set is that error. Whether the second or third byte before asks
// for a continuation is found by a saturating subtraction.
//
// A piece is judged whole, the last vector again over bytes that were judged before, so nothing outside of it is read.
// Only what is unfinished at its end is left; the automaton of scalar/utf8.cpp takes those at most three bytes, and its
// state is what the next piece starts from. It refuses what no continuation can mend, as RFC 6455 8.1 allows.
//
// Vector: kSize, load(bytes), splat(byte), operator| & ^, any_high(), any(), high_nibbles(), low_nibbles(),
// lookup(table), minus(byte) saturating, before<k>(previous): the vector k bytes earlier. Unnamed on purpose:
// kernels.hpp says why.
#pragma once

#include "simd/kernels.hpp"

namespace millrace::simd {
namespace {

struct Table {
  alignas(16) std::uint8_t entries[16];
};

struct Tables {
  Table first_high, first_low, second_high;
};

consteval Tables make_tables() {
  struct Rule {
    std::uint8_t error;
    std::uint8_t first_from, first_to, second_from, second_to;
  };
  // Rules of one bit together cover every combination of the nibbles that they name. The highest bit, two
  // continuations, is an error unless a byte before asked for a third.
  constexpr Rule kRules[] = {
      {0x01, 0xC0, 0xFF, 0x00, 0x7F},                                  // a continuation is missing
      {0x01, 0xC0, 0xFF, 0xC0, 0xFF}, {0x02, 0x00, 0x7F, 0x80, 0xBF},  // a continuation of nothing
      {0x04, 0xE0, 0xE0, 0x80, 0x9F},                                  // overlong, three bytes
      {0x08, 0xF4, 0xFF, 0x90, 0xBF},                                  // above U+10FFFF
      {0x10, 0xED, 0xED, 0xA0, 0xBF},                                  // a surrogate
      {0x20, 0xC0, 0xC1, 0x80, 0xBF},                                  // overlong, two bytes
      {0x40, 0xF0, 0xF0, 0x80, 0x8F},                                  // overlong, four bytes
      {0x40, 0xF5, 0xFF, 0x80, 0x8F},                                  // above U+10FFFF
      {0x80, 0x80, 0xBF, 0x80, 0xBF},
  };
  Tables tables{};
  for (const Rule& rule : kRules) {
    for (unsigned first = rule.first_from; first <= rule.first_to; ++first) {
      tables.first_high.entries[first >> 4] |= rule.error;
      tables.first_low.entries[first & 15] |= rule.error;
    }
    for (unsigned second = rule.second_from; second <= rule.second_to; ++second) {
      tables.second_high.entries[second >> 4] |= rule.error;
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

/// How many bytes before `end`, at least three of which are there, begin a code point that needs more than these.
inline std::size_t unfinished(const std::uint8_t* end) noexcept {
  if (end[-1] >= 0xC0) return 1;
  if (end[-2] >= 0xE0) return 2;
  return end[-3] >= 0xF0 ? 3 : 0;
}

/// Non-zero in each place that cannot follow the three bytes before it.
template <class Vector>
inline Vector errors(Vector bytes, Vector one_before, Vector two_before, Vector three_before) noexcept {
  const Vector pairs = one_before.high_nibbles().lookup(kTables.first_high) &
                       one_before.low_nibbles().lookup(kTables.first_low) &
                       bytes.high_nibbles().lookup(kTables.second_high);
  const Vector asked_for = two_before.minus(0xE0 - 0x80) | three_before.minus(0xF0 - 0x80);
  return (asked_for & Vector::splat(0x80)) ^ pairs;
}

/// How many bytes are ASCII: all of them, or so many that the next vector is not. length >= Vector::kSize
template <class Vector>
inline std::size_t skip_ascii(const std::uint8_t* bytes, std::size_t length) noexcept {
  constexpr std::size_t kSize = Vector::kSize;
  std::size_t i = 0;
  for (; length - i >= 4 * kSize; i += 4 * kSize) {
    const Vector any = (Vector::load(bytes + i) | Vector::load(bytes + i + kSize)) |
                       (Vector::load(bytes + i + 2 * kSize) | Vector::load(bytes + i + 3 * kSize));
    if (any.any_high()) break;
  }
  for (; length - i >= kSize; i += kSize) {
    if (Vector::load(bytes + i).any_high()) return i;
  }
  return Vector::load(bytes + length - kSize).any_high() ? i : length;
}

/// The state after a text that starts with a code point; kVectors vectors a step, length >= kVectors * Vector::kSize.
template <class Vector, std::size_t kVectors>
inline std::uint32_t validate(const std::uint8_t* bytes, std::size_t length) noexcept {
  constexpr std::size_t kSize = Vector::kSize;
  constexpr std::size_t kStep = kVectors * kSize;
  // A loop of its own: one that also validates begins by loading all tables.
  const std::size_t ascii = skip_ascii<Vector>(bytes, length);
  if (ascii == length) return kUtf8Text;
  std::size_t i = ascii < length - kStep ? ascii : length - kStep;

  Vector error = Vector::splat(0);
  Vector previous = Vector::splat(0);
  bool after_ascii = true;
  for (; length - i >= kStep; i += kStep) {
    Vector step[kVectors];
    Vector any = step[0] = Vector::load(bytes + i);
    for (std::size_t k = 1; k < kVectors; ++k) any = any | (step[k] = Vector::load(bytes + i + k * kSize));
    if (!any.any_high()) {
      if (!after_ascii && unfinished(bytes + i) != 0) return kUtf8Refused;
      after_ascii = true;
      continue;
    }
    if (after_ascii) previous = Vector::splat(0);
    after_ascii = false;
    for (std::size_t k = 0; k < kVectors; ++k) {
      error = error | errors(step[k], step[k].template before<1>(previous), step[k].template before<2>(previous),
                             step[k].template before<3>(previous));
      previous = step[k];
    }
  }
  // The rest in vectors that end with the text. They look three bytes back: a shorter rest is the automaton's.
  if (length - i >= 3) {
    const std::size_t vectors = (length - i + kSize - 1) / kSize;
    for (i = length - vectors * kSize; i < length; i += kSize) {
      const std::uint8_t* const at = bytes + i;
      const Vector here = Vector::load(at);
      if (after_ascii && !here.any_high()) continue;
      after_ascii = false;
      error = error | errors(here, Vector::load(at - 1), Vector::load(at - 2), Vector::load(at - 3));
    }
  }
  if (error.any()) return kUtf8Refused;
  const std::size_t left = length - i + unfinished(bytes + i);
  return left == 0 ? kUtf8Text : scalar::utf8(kUtf8Text, bytes + length - left, left);
}

/// Finishes the code point that the piece before left; the bytes taken for it.
inline std::size_t finish_begun(std::uint32_t* state, const std::uint8_t* bytes, std::size_t length) noexcept {
  std::size_t taken = 0;
  for (; taken < length && *state != kUtf8Text && *state != kUtf8Refused; ++taken) {
    *state = scalar::utf8(*state, bytes + taken, 1);
  }
  return taken;
}

}  // namespace
}  // namespace millrace::simd
