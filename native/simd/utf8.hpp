// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::simd {

/// Incremental UTF-8 validation (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF), four bytes of
/// state carried between pieces. Zero-initialised state is the start of a text. Fails as soon as the bytes seen can no
/// longer become valid (RFC 6455 8.1, fail fast).
class Utf8Validator {
 public:
  /// Takes the next piece; false at the first byte that cannot continue a valid text. Not to be called after false.
  [[nodiscard]] bool append(const std::uint8_t* bytes, std::size_t length) noexcept;
  /// True when no code point is left unfinished.
  [[nodiscard]] bool complete() const noexcept { return state_ == 0; }
  void reset() noexcept { state_ = 0; }

 private:
  std::uint32_t state_ = 0;
};

}  // namespace millrace::simd
