// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include "os/os.hpp"

namespace millrace::os {

std::int64_t clock_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace millrace::os
