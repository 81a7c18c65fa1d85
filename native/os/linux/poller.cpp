// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "os/os.hpp"

namespace millrace::os {

namespace {

constexpr int kMaxBatch = 256;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kNsPerMilli = 1'000'000;

// The same on every processor. Headers as old as the C library that we still run on do not name it.
constexpr long kEpollPwait2 = 441;

std::atomic<bool> has_pwait2{true};

int control(int poller, int operation, int fd, std::uint64_t data, bool readable, bool writable) noexcept {
  epoll_event event{};
  event.events = (readable ? std::uint32_t{EPOLLIN} : 0u) | (writable ? std::uint32_t{EPOLLOUT} : 0u);
  event.data.u64 = data;
  return epoll_ctl(poller, operation, fd, &event) == 0 ? 0 : -errno;
}

/// Whole milliseconds, rounded up: a timer must not find itself early and spin.
int milliseconds(std::int64_t timeout_ns) noexcept {
  if (timeout_ns < 0) return -1;
  const std::int64_t millis = timeout_ns / kNsPerMilli + (timeout_ns % kNsPerMilli != 0 ? 1 : 0);
  return static_cast<int>(std::min<std::int64_t>(millis, INT_MAX));
}

/// One wait; -EINTR may leave it.
int wait_once(int poller, epoll_event* events, int capacity, std::int64_t timeout_ns) noexcept {
  if (has_pwait2.load(std::memory_order_relaxed)) {
    timespec timeout{};
    if (timeout_ns > 0) timeout = {.tv_sec = timeout_ns / kNsPerSecond, .tv_nsec = timeout_ns % kNsPerSecond};
    // By number: the wrapper came with glibc 2.35, our floor is older.
    const long result =
        syscall(kEpollPwait2, poller, events, capacity, timeout_ns < 0 ? nullptr : &timeout, nullptr, std::size_t{0});
    if (result >= 0) return static_cast<int>(result);
    // Linux before 5.11 says ENOSYS, an old container filter EPERM.
    if (errno != ENOSYS && errno != EPERM) return -errno;
    has_pwait2.store(false, std::memory_order_relaxed);
  }
  const int result = epoll_wait(poller, events, capacity, milliseconds(timeout_ns));
  return result >= 0 ? result : -errno;
}

int wait_uninterrupted(int poller, epoll_event* events, int capacity, std::int64_t timeout_ns) noexcept {
  if (timeout_ns <= 0) {
    int result;
    do {
      result = wait_once(poller, events, capacity, timeout_ns);
    } while (result == -EINTR);
    return result;
  }
  const std::int64_t start = clock_ns();
  std::int64_t remaining = timeout_ns;
  for (;;) {
    const int result = wait_once(poller, events, capacity, remaining);
    if (result != -EINTR) return result;
    remaining = std::max<std::int64_t>(timeout_ns - (clock_ns() - start), 0);
  }
}

}  // namespace

int poller_create() noexcept {
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  return poller >= 0 ? poller : -errno;
}

int poller_add(int poller, int fd, std::uint64_t data, bool readable, bool writable) noexcept {
  return control(poller, EPOLL_CTL_ADD, fd, data, readable, writable);
}

int poller_modify(int poller, int fd, std::uint64_t data, bool readable, bool writable) noexcept {
  return control(poller, EPOLL_CTL_MOD, fd, data, readable, writable);
}

int poller_remove(int poller, int fd) noexcept { return control(poller, EPOLL_CTL_DEL, fd, 0, false, false); }

int poller_wait(int poller, Ready* out, int capacity, std::int64_t timeout_ns) noexcept {
  epoll_event events[kMaxBatch];
  const int count = wait_uninterrupted(poller, events, std::min(capacity, kMaxBatch), timeout_ns);
  for (int i = 0; i < count; ++i) {
    const std::uint32_t bits = events[i].events;
    out[i] = Ready{.data = events[i].data.u64,
                   .readable = (bits & EPOLLIN) != 0,
                   .writable = (bits & EPOLLOUT) != 0,
                   .hangup = (bits & (EPOLLHUP | EPOLLERR)) != 0};
  }
  return count;
}

int poller_close(int poller) noexcept { return close(poller) == 0 || errno == EINTR ? 0 : -errno; }

}  // namespace millrace::os
