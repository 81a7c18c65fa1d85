// SPDX-License-Identifier: Apache-2.0
//
// What one level consists of. The files in scalar/, sse2/, ... define the kernels, dispatch.cpp chooses among them.
//
// A kernel file is compiled for its own processor. Were it to emit a copy of an inline function that other files share,
// the linker might keep that copy and run it on a processor which lacks the instructions. So kernel files include this
// header, generic/ and the compiler's intrinsics, nothing else, and all they define besides the kernels is unnamed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::simd {

/// States of a validation between two bytes; each is the bit offset of its field in a row of scalar/utf8.cpp.
inline constexpr std::uint32_t kUtf8Text = 0;
inline constexpr std::uint32_t kUtf8Refused = 48;

/// XORs while moving; `key` belongs to from[0]. `to == from`, or no overlap.
using UnmaskKernel = void(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key) noexcept;

/// The state after these bytes; `state` is not kUtf8Refused.
using Utf8Kernel = std::uint32_t(std::uint32_t state, const std::uint8_t* bytes, std::size_t length) noexcept;

namespace scalar {
UnmaskKernel unmask;
Utf8Kernel utf8;
}  // namespace scalar

namespace sse2 {
UnmaskKernel unmask;
Utf8Kernel utf8;
}  // namespace sse2

namespace ssse3 {
Utf8Kernel utf8;
}  // namespace ssse3

namespace avx2 {
UnmaskKernel unmask;
Utf8Kernel utf8;
}  // namespace avx2

namespace avx512 {
Utf8Kernel utf8;
}  // namespace avx512

namespace neon {
UnmaskKernel unmask;
Utf8Kernel utf8;
}  // namespace neon

}  // namespace millrace::simd
