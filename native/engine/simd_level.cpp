// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include "engine/engine.hpp"
#include "simd/level.hpp"

namespace millrace::engine {

int simd_level() noexcept { return static_cast<int>(simd::level()); }

int simd_levels() noexcept {
  int levels = 0;
  for (unsigned level = 0; level < simd::kLevels; ++level) {
    if (simd::is_supported(simd::Level{static_cast<std::uint8_t>(level)})) levels |= 1 << level;
  }
  return levels;
}

int force_simd(int level) noexcept {
  if (level < 0 || level >= static_cast<int>(simd::kLevels)) return -EINVAL;
  return simd::force(simd::Level{static_cast<std::uint8_t>(level)}) ? 0 : -EOPNOTSUPP;
}

}  // namespace millrace::engine
