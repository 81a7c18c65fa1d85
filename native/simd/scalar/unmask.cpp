// SPDX-License-Identifier: Apache-2.0
#include "simd/unmask.hpp"

#include <bit>

#include "base/bytes.hpp"

namespace millrace::simd {

namespace {

/// The key turned so that its lowest byte belongs to the first payload byte, twice.
std::uint64_t turned(std::uint32_t key, unsigned phase) noexcept {
  const std::uint32_t low = std::rotr(key, static_cast<int>(8 * (phase & 3)));
  return low | std::uint64_t{low} << 32;
}

template <std::size_t kWords>
inline void unmask_words(std::uint8_t* to, const std::uint8_t* from, std::uint64_t key) noexcept {
  std::uint64_t words[kWords];
  for (std::size_t i = 0; i < kWords; ++i) words[i] = base::load<std::uint64_t>(from + 8 * i) ^ key;
  for (std::size_t i = 0; i < kWords; ++i) base::store(to + 8 * i, words[i]);
}

// All loads of a step come before its stores, so `to == from` is allowed. A step is a multiple of the key's length: the
// key never has to be turned again.
inline void unmask_run(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint64_t key) noexcept {
  std::size_t i = 0;
  for (; length - i >= 64; i += 64) unmask_words<8>(to + i, from + i, key);
  for (; length - i >= 8; i += 8) unmask_words<1>(to + i, from + i, key);
  for (; i < length; ++i, key >>= 8) to[i] = static_cast<std::uint8_t>(from[i] ^ key);
}

}  // namespace

void unmask(std::uint8_t* bytes, std::size_t length, std::uint32_t key, unsigned phase) noexcept {
  unmask_run(bytes, bytes, length, turned(key, phase));
}

void unmask_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key,
                 unsigned phase) noexcept {
  unmask_run(to, from, length, turned(key, phase));
}

}  // namespace millrace::simd
