// SPDX-License-Identifier: Apache-2.0
//
// Whether a buffer keeps to its schema: what generated accessors read of one that does lies within it. The rules, in
// their order, stand in docs/verifier.md; the walk of java/flatbuffers is the same and names the same first fault.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "verify/fault.hpp"
#include "verify/schema.hpp"

namespace millrace::verify {

/// Where the first fault is: fields and elements, the innermost first.
class Trace {
 public:
  void clear() noexcept { count_ = 0; }
  void add_field(std::uint32_t index) noexcept { steps_[count_++] = index; }
  void add_element(std::uint32_t index) noexcept { steps_[count_++] = index | kElement; }

  /// Writes `Order.legs[3].symbol: string past end` to the `capacity` bytes at `out`, cut where they end, without a
  /// zero behind it. Returns how many bytes were written.
  [[nodiscard]] std::size_t describe(const Schema& schema, Fault fault, char* out, std::size_t capacity) const noexcept;

 private:
  // A vector's elements take four bytes each, so that no index has this bit.
  static constexpr std::uint32_t kElement = std::uint32_t{1} << 31;

  std::array<std::uint32_t, 2 * kMaxDepth + 2> steps_;  // a field and an element for each table
  std::uint32_t count_ = 0;
};

/// Walks over the `length` bytes at `bytes`, which need not be aligned and must not change meanwhile. Allocates
/// nothing; takes time for at most `length` + max_tables elements. `trace`, which may be null, has the fault's place
/// afterwards. Any thread.
[[nodiscard]] Fault walk(const Schema& schema, const std::uint8_t* bytes, std::size_t length,
                         Trace* trace = nullptr) noexcept;

}  // namespace millrace::verify
