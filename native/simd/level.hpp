// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace::simd {

/// The instruction sets that kernels are written for. `ssse3` adds the byte shuffle that validation of UTF-8 needs;
/// every x86-64 processor has `sse2`, every AArch64 processor `neon`. The numbers are those of docs/rings.md.
enum class Level : std::uint8_t { scalar, sse2, ssse3, avx2, avx512, neon };
inline constexpr unsigned kLevels = 6;

/// The level in use: the best that this processor has, unless another was forced. Any thread.
[[nodiscard]] Level level() noexcept;

/// True when this build has kernels for the level and this processor runs them. Any thread.
[[nodiscard]] bool is_supported(Level level) noexcept;

/// Uses the kernels of another level from the next call on, so that a wide machine tests the narrow paths. False, and
/// nothing changes, when the level is not supported. Any thread; a text that is half validated goes on at the new
/// level.
[[nodiscard]] bool force(Level level) noexcept;

}  // namespace millrace::simd
