// SPDX-License-Identifier: Apache-2.0
//
// SSE2 cannot look up bytes in a table (that came with SSSE3): it skips ASCII, the automaton does the rest.
#include <emmintrin.h>

#include "simd/kernels.hpp"

namespace millrace::simd {

namespace {

constexpr std::size_t kStep = 64;

inline bool is_ascii(const std::uint8_t* bytes) noexcept {
  const auto* const at = reinterpret_cast<const __m128i*>(bytes);
  const __m128i any = _mm_or_si128(_mm_or_si128(_mm_loadu_si128(at), _mm_loadu_si128(at + 1)),
                                   _mm_or_si128(_mm_loadu_si128(at + 2), _mm_loadu_si128(at + 3)));
  return _mm_movemask_epi8(any) == 0;
}

}  // namespace

std::uint32_t sse2::utf8(std::uint32_t state, const std::uint8_t* bytes, std::size_t length) noexcept {
  std::size_t i = 0;
  for (; length - i >= kStep; i += kStep) {
    if (state == kUtf8Text && is_ascii(bytes + i)) continue;
    state = scalar::utf8(state, bytes + i, kStep);
    if (state == kUtf8Refused) return state;
  }
  return scalar::utf8(state, bytes + i, length - i);
}

}  // namespace millrace::simd
