// SPDX-License-Identifier: Apache-2.0
//
// A finite automaton whose transition is one shift. kRows[byte] packs, for each state, the next state: a state is the
// bit offset of its own six-bit field, so `next = kRows[byte] >> state` and only the lowest six bits count. No branch
// depends on the text, and a refused byte leads to kRefused, which nothing leaves.
//
//     kText --C2..DF--------------------> kOneMore   --80..BF--> kText
//           --E0--> kAfterE0 --A0..BF---> kOneMore
//           --E1..EC, EE, EF------------> kTwoMore   --80..BF--> kOneMore
//           --ED--> kAfterED --80..9F---> kOneMore
//           --F0--> kAfterF0 --90..BF---> kTwoMore
//           --F1..F3--------------------> kThreeMore --80..BF--> kTwoMore
//           --F4--> kAfterF4 --80..8F---> kTwoMore              (RFC 3629 4)
#include "simd/kernels.hpp"

namespace millrace::simd {

namespace {

constexpr unsigned kBits = 6;
constexpr std::uint64_t kStateMask = (1u << kBits) - 1;

enum State : std::uint64_t {
  kText = kUtf8Text,
  kOneMore = 1 * kBits,
  kTwoMore = 2 * kBits,
  kThreeMore = 3 * kBits,
  kAfterE0 = 4 * kBits,
  kAfterED = 5 * kBits,
  kAfterF0 = 6 * kBits,
  kAfterF4 = 7 * kBits,
  kRefused = kUtf8Refused,
};
static_assert(kUtf8Refused == 8 * kBits);

struct Transition {
  State from;
  std::uint8_t first;
  std::uint8_t last;
  State to;
};

constexpr Transition kTransitions[] = {
    {kText, 0x00, 0x7F, kText},       {kText, 0xC2, 0xDF, kOneMore},    {kText, 0xE0, 0xE0, kAfterE0},
    {kText, 0xE1, 0xEC, kTwoMore},    {kText, 0xED, 0xED, kAfterED},    {kText, 0xEE, 0xEF, kTwoMore},
    {kText, 0xF0, 0xF0, kAfterF0},    {kText, 0xF1, 0xF3, kThreeMore},  {kText, 0xF4, 0xF4, kAfterF4},
    {kOneMore, 0x80, 0xBF, kText},    {kTwoMore, 0x80, 0xBF, kOneMore}, {kThreeMore, 0x80, 0xBF, kTwoMore},
    {kAfterE0, 0xA0, 0xBF, kOneMore}, {kAfterED, 0x80, 0x9F, kOneMore}, {kAfterF0, 0x90, 0xBF, kTwoMore},
    {kAfterF4, 0x80, 0x8F, kTwoMore},
};

struct Rows {
  std::uint64_t of[256];
};

consteval Rows make_rows() {
  Rows rows{};
  for (auto& row : rows.of) {
    for (std::uint64_t state = kText; state <= kRefused; state += kBits) row |= std::uint64_t{kRefused} << state;
  }
  for (const auto& transition : kTransitions) {
    for (unsigned byte = transition.first; byte <= transition.last; ++byte) {
      rows.of[byte] &= ~(kStateMask << transition.from);
      rows.of[byte] |= std::uint64_t{transition.to} << transition.from;
    }
  }
  return rows;
}

constexpr Rows kRows = make_rows();

/// True when none of the next `kWords * 8` bytes has its highest bit set.
template <std::size_t kWords>
inline bool is_ascii(const std::uint8_t* bytes) noexcept {
  std::uint64_t words[kWords];
  __builtin_memcpy(words, bytes, sizeof words);
  std::uint64_t any = 0;
  for (const std::uint64_t word : words) any |= word;
  return (any & 0x8080808080808080) == 0;
}

inline std::uint64_t run(std::uint64_t state, const std::uint8_t* bytes, std::size_t length) noexcept {
  for (std::size_t i = 0; i < length; ++i) state = kRows.of[bytes[i]] >> (state & 63);
  return state & kStateMask;
}

}  // namespace

std::uint32_t scalar::utf8(std::uint32_t begun, const std::uint8_t* bytes, std::size_t length) noexcept {
  constexpr std::size_t kStep = 32;
  std::uint64_t state = begun;
  std::size_t i = 0;
  for (; length - i >= kStep && state != kRefused; i += kStep) {
    if (state == kText && is_ascii<kStep / 8>(bytes + i)) continue;
    state = run(state, bytes + i, kStep);
  }
  if (state == kText) {
    while (length - i >= 8 && is_ascii<1>(bytes + i)) i += 8;
  }
  if (state != kRefused) state = run(state, bytes + i, length - i);
  return static_cast<std::uint32_t>(state);
}

}  // namespace millrace::simd
