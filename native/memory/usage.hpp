// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace millrace::memory {

/// What an area tells of itself, in bytes. Several areas of one thread may share one.
struct Usage {
  std::size_t use = 0;
  std::size_t high_water = 0;
  std::size_t spills = 0;  ///< how often it had no room

  void add(std::size_t bytes) noexcept {
    use += bytes;
    if (use > high_water) high_water = use;
  }
  void subtract(std::size_t bytes) noexcept { use -= bytes; }
};

}  // namespace millrace::memory
