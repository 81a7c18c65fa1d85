// SPDX-License-Identifier: Apache-2.0
#include "simd/kernels.hpp"

namespace millrace::simd {

namespace {

template <std::size_t kWords>
inline void unmask_words(std::uint8_t* to, const std::uint8_t* from, std::uint64_t key) noexcept {
  std::uint64_t words[kWords];
  __builtin_memcpy(words, from, sizeof words);
  for (std::uint64_t& word : words) word ^= key;
  __builtin_memcpy(to, words, sizeof words);
}

}  // namespace

// All loads of a step come before its stores, so `to == from` is allowed. A step is a multiple of the key's length: the
// key never has to be turned again.
void scalar::unmask(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key) noexcept {
  std::uint64_t twice = key | std::uint64_t{key} << 32;
  std::size_t i = 0;
  for (; length - i >= 64; i += 64) unmask_words<8>(to + i, from + i, twice);
  for (; length - i >= 8; i += 8) unmask_words<1>(to + i, from + i, twice);
  for (; i < length; ++i, twice >>= 8) to[i] = static_cast<std::uint8_t>(from[i] ^ twice);
}

}  // namespace millrace::simd
