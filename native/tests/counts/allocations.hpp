// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace::counts {

/// Every way to get memory that this program was linked with is wrapped (CMakeLists.txt): the heap's, new's and the
/// kernel's. Counted are the calls made while a Counting lives.
class Counting {
 public:
  Counting() noexcept;
  ~Counting();
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;
};

[[nodiscard]] std::int64_t allocations() noexcept;
[[nodiscard]] std::int64_t frees() noexcept;
[[nodiscard]] std::int64_t mappings() noexcept;
void reset() noexcept;

}  // namespace millrace::counts
