// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/random.h>

#include "os/os.hpp"

namespace millrace::os {

int random_bytes(void* out, std::size_t length) noexcept {
  auto* next = static_cast<std::uint8_t*>(out);
  while (length > 0) {
    const ssize_t filled = getrandom(next, length, 0);
    if (filled < 0 && errno == EINTR) continue;
    if (filled < 0) return -errno;
    next += filled;
    length -= static_cast<std::size_t>(filled);
  }
  return 0;
}

}  // namespace millrace::os
