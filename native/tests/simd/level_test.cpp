// SPDX-License-Identifier: Apache-2.0
#include "simd/level.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "simd/utf8.hpp"

namespace {

using millrace::simd::force;
using millrace::simd::is_supported;
using millrace::simd::Level;

/// Whatever level the program runs at is in use again afterwards.
struct Restored {
  ~Restored() { CHECK(force(before)); }
  Level before = millrace::simd::level();
};

std::vector<Level> all_levels() {
  std::vector<Level> levels;
  for (unsigned level = 0; level < millrace::simd::kLevels; ++level) {
    levels.push_back(Level{static_cast<std::uint8_t>(level)});
  }
  return levels;
}

TEST_CASE("what every processor of this architecture has is supported, and nothing of another architecture") {
  CHECK(is_supported(Level::scalar));
#if defined(__x86_64__)
  CHECK(is_supported(Level::sse2));
  CHECK_FALSE(is_supported(Level::neon));
#elif defined(__aarch64__)
  CHECK(is_supported(Level::neon));
  CHECK_FALSE(is_supported(Level::sse2));
  CHECK_FALSE(is_supported(Level::avx2));
#endif
  CHECK(is_supported(millrace::simd::level()));
}

TEST_CASE("a level that is supported can be forced, another changes nothing") {
  const Restored restored;
  for (const Level level : all_levels()) {
    const Level before = millrace::simd::level();
    CHECK(force(level) == is_supported(level));
    CHECK(millrace::simd::level() == (is_supported(level) ? level : before));
  }
}

TEST_CASE("a text that is half validated goes on at another level") {
  const Restored restored;
  std::string text;
  while (text.size() < 400) text += "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  for (const Level first : all_levels()) {
    for (const Level second : all_levels()) {
      if (!is_supported(first) || !is_supported(second)) continue;
      std::size_t wrong = 0;
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        millrace::simd::Utf8Validator validator;
        REQUIRE(force(first));
        const bool begun = validator.append(bytes, cut);
        REQUIRE(force(second));
        if (!begun || !validator.append(bytes + cut, text.size() - cut) || !validator.complete()) ++wrong;
      }
      CHECK(wrong == 0);
    }
  }
}

}  // namespace
