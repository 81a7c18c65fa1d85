// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/os.hpp"

namespace millrace::os {

int wake_create() noexcept {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd >= 0 ? fd : -errno;
}

int wake_signal(int fd) noexcept {
  const std::uint64_t one = 1;
  ssize_t result;
  do {
    result = write(fd, &one, sizeof one);
  } while (result < 0 && errno == EINTR);
  // EAGAIN: the counter is full, so the descriptor is readable already.
  return result >= 0 || errno == EAGAIN ? 0 : -errno;
}

int wake_drain(int fd) noexcept {
  std::uint64_t count;
  ssize_t result;
  do {
    result = read(fd, &count, sizeof count);
  } while (result < 0 && errno == EINTR);
  return result >= 0 || errno == EAGAIN ? 0 : -errno;
}

int wake_close(int fd) noexcept { return close(fd) == 0 || errno == EINTR ? 0 : -errno; }

}  // namespace millrace::os
