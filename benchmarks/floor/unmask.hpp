// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace millrace::floor {

/// Unmasks and moves down in one pass. The ranges may overlap when `target <= source`: each step
/// loads before anything at or behind it is stored.
inline void unmask_move(uint8_t* target, const uint8_t* source, size_t length, uint32_t key) {
  size_t i = 0;
#if defined(__AVX2__)
  const __m256i key32 = _mm256_set1_epi32(static_cast<int>(key));
  for (; i + 32 <= length; i += 32) {
    __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target + i), _mm256_xor_si256(bytes, key32));
  }
#endif
  const uint64_t key8 = static_cast<uint64_t>(key) << 32 | key;
  for (; i + 8 <= length; i += 8) {
    uint64_t bytes;
    memcpy(&bytes, source + i, 8);
    bytes ^= key8;
    memcpy(target + i, &bytes, 8);
  }
  for (; i < length; i++) target[i] = static_cast<uint8_t>(source[i] ^ static_cast<uint8_t>(key >> (8 * (i & 3))));
}

/// The key as it applies to the byte `length` further on.
inline uint32_t rotate_key(uint32_t key, size_t length) { return std::rotr(key, static_cast<int>(length & 3) * 8); }

}  // namespace millrace::floor
