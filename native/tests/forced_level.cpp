// SPDX-License-Identifier: Apache-2.0
//
// Lets ctest run the same tests at each level of simd: MILLRACE_SIMD names one. A level that this processor lacks ends
// the program with the status that ctest reports as skipped.
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "main.hpp"
#include "simd/level.hpp"

namespace {

using millrace::simd::Level;

constexpr int kSkipped = 77;
constexpr std::string_view kNames[] = {"scalar", "sse2", "ssse3", "avx2", "avx512", "neon"};
static_assert(std::size(kNames) == millrace::simd::kLevels);

int force_level() {
  const char* const wanted = std::getenv("MILLRACE_SIMD");
  if (wanted == nullptr) return 0;
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (wanted != kNames[i]) continue;
    const bool forced = millrace::simd::force(Level{static_cast<std::uint8_t>(i)});
    if (!forced) std::printf("this processor has no %s\n", wanted);
    return forced ? 0 : kSkipped;
  }
  std::printf("MILLRACE_SIMD names no level: %s\n", wanted);
  return EXIT_FAILURE;
}

[[maybe_unused]] const bool registered = (millrace::tests::before_tests = force_level, true);

}  // namespace
