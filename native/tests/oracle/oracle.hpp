// SPDX-License-Identifier: Apache-2.0
//
// flatc's own opinion: the verifiers and accessors that it generates from the .fbs files beside this one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::tests {

using Buffer = std::vector<std::uint8_t>;

struct Oracle {
  const char* name;
  std::span<const std::uint8_t> bfbs;
  std::vector<Buffer> good;  ///< buffers that flatc's builders made
  /// Whether flatc's generated verifier accepts a buffer.
  bool (*accepts)(const std::uint8_t* bytes, std::size_t length, std::uint32_t max_depth, std::uint32_t max_tables);
  /// Reads every field by generated accessors.
  void (*read)(const std::uint8_t* bytes);
};

/// One for each schema, the same each time.
[[nodiscard]] const std::vector<Oracle>& oracles();

/// splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept;
  /// 0 to `bound` - 1.
  std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

/// A good buffer with a few mistakes in it: flipped bits, other bytes, offsets and lengths somewhat off, a cut, a piece
/// of a buffer in the place of another. One in sixteen has none.
[[nodiscard]] Buffer mutate(const Oracle& oracle, Random& random);

}  // namespace millrace::tests
