// SPDX-License-Identifier: Apache-2.0
//
// Byte order and unaligned loads and stores. All are plain memcpy underneath: no alignment is asked for.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace::base {

static_assert(std::endian::native == std::endian::little, "records and masks are read in place as little-endian");

template <class T>
[[nodiscard]] inline T load(const void* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
inline void store(void* to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
}

[[nodiscard]] inline std::uint16_t load_be16(const void* from) noexcept {
  return __builtin_bswap16(load<std::uint16_t>(from));
}
[[nodiscard]] inline std::uint64_t load_be64(const void* from) noexcept {
  return __builtin_bswap64(load<std::uint64_t>(from));
}
inline void store_be16(void* to, std::uint16_t value) noexcept { store(to, __builtin_bswap16(value)); }
inline void store_be64(void* to, std::uint64_t value) noexcept { store(to, __builtin_bswap64(value)); }

template <class T>
[[nodiscard]] constexpr T align_up(T value, T alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace millrace::base
