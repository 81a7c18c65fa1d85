// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

namespace millrace::base {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kPoisons = true;
#else
inline constexpr bool kPoisons = false;
#endif

/// Tells AddressSanitizer that these bytes are free: any access is reported. Nothing in other builds.
inline void poison([[maybe_unused]] const void* start, [[maybe_unused]] std::size_t length) noexcept {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(start, length);
#endif
}

inline void unpoison([[maybe_unused]] const void* start, [[maybe_unused]] std::size_t length) noexcept {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(start, length);
#endif
}

}  // namespace millrace::base
