// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "sockets.hpp"

namespace {

using namespace millrace::os;
using namespace millrace::os::test;

constexpr std::int64_t kLong = 10'000'000'000;

Fd poller_or_fail() {
  const int fd = poller_create();
  REQUIRE(fd >= 0);
  return Fd(fd);
}

/// What the poller says about one descriptor; count 0 when it says nothing.
struct Seen {
  int count;
  Ready ready;
};
Seen wait_for_one(int poller, std::int64_t timeout_ns) {
  Seen seen{.count = 0, .ready = {}};
  seen.count = poller_wait(poller, &seen.ready, 1, timeout_ns);
  return seen;
}

TEST_CASE("readiness is level-triggered and carries the descriptor's data") {
  Pair pair(ipv4_loopback());
  const Fd poller = poller_or_fail();
  constexpr std::uint64_t kTag = 0xFEDCBA9876543210;
  REQUIRE(poller_add(poller, pair.server, kTag, true, false) == 0);
  CHECK(wait_for_one(poller, 0).count == 0);

  CHECK(sent(pair.client, "ab") == 2);
  for (int i = 0; i < 3; ++i) {
    const Seen seen = wait_for_one(poller, kLong);
    REQUIRE(seen.count == 1);
    CHECK(seen.ready.data == kTag);
    CHECK(seen.ready.readable);
    CHECK_FALSE(seen.ready.writable);
    CHECK_FALSE(seen.ready.hangup);
  }
  CHECK(received(pair.server, 1) == "a");
  CHECK(wait_for_one(poller, kLong).count == 1);
  CHECK(received(pair.server, 1) == "b");
  CHECK(wait_for_one(poller, 0).count == 0);
}

TEST_CASE("interest can be changed and ended") {
  Pair pair(ipv4_loopback());
  const Fd poller = poller_or_fail();
  CHECK(sent(pair.client, "a") == 1);
  REQUIRE(await(pair.server, POLLIN));

  REQUIRE(poller_add(poller, pair.server, 1, false, true) == 0);
  Seen seen = wait_for_one(poller, kLong);
  REQUIRE(seen.count == 1);
  CHECK_FALSE(seen.ready.readable);
  CHECK(seen.ready.writable);

  REQUIRE(poller_modify(poller, pair.server, 2, true, true) == 0);
  seen = wait_for_one(poller, kLong);
  REQUIRE(seen.count == 1);
  CHECK(seen.ready.data == 2);
  CHECK(seen.ready.readable);
  CHECK(seen.ready.writable);

  REQUIRE(poller_modify(poller, pair.server, 3, false, false) == 0);
  CHECK(wait_for_one(poller, 0).count == 0);
  REQUIRE(poller_modify(poller, pair.server, 4, true, false) == 0);
  CHECK(wait_for_one(poller, kLong).count == 1);
  CHECK(poller_remove(poller, pair.server) == 0);
  CHECK(wait_for_one(poller, 0).count == 0);
}

TEST_CASE("the peer's end of stream is readable and no hangup; a reset is a hangup that no interest masks") {
  Pair pair(ipv4_loopback());
  const Fd poller = poller_or_fail();
  REQUIRE(poller_add(poller, pair.server, 1, true, false) == 0);
  REQUIRE(::shutdown(pair.client, SHUT_WR) == 0);
  Seen seen = wait_for_one(poller, kLong);
  REQUIRE(seen.count == 1);
  CHECK(seen.ready.readable);
  CHECK_FALSE(seen.ready.hangup);

  REQUIRE(poller_modify(poller, pair.server, 1, false, false) == 0);
  CHECK(wait_for_one(poller, 0).count == 0);
  const linger abort{.l_onoff = 1, .l_linger = 0};
  REQUIRE(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
  pair.client = Fd();
  seen = wait_for_one(poller, kLong);
  REQUIRE(seen.count == 1);
  CHECK(seen.ready.hangup);
}

TEST_CASE("a listener is readable while somebody waits") {
  const Fd listener = listen_or_fail(ipv4_loopback());
  const Fd poller = poller_or_fail();
  REQUIRE(poller_add(poller, listener, 1, true, false) == 0);
  CHECK(wait_for_one(poller, 0).count == 0);
  const Fd first = connect_to(bound(listener));
  const Fd second = connect_to(bound(listener));
  Address peer;
  for (int i = 0; i < 2; ++i) {
    CHECK(wait_for_one(poller, kLong).count == 1);
    CHECK(accept_or_fail(listener, &peer) >= 0);
  }
  CHECK(wait_for_one(poller, 0).count == 0);
}

TEST_CASE("with more ready than room, all are reported in turn") {
  constexpr std::size_t kCount = 300;
  const Fd poller = poller_or_fail();
  std::vector<Fd> wakes;
  for (std::size_t i = 0; i < kCount; ++i) {
    wakes.emplace_back(wake_create());
    REQUIRE(poller_add(poller, wakes.back(), i, true, false) == 0);
    REQUIRE(wake_signal(wakes.back()) == 0);
  }
  for (const int capacity : {1, 7, 256, 1000}) {
    std::vector<bool> seen(kCount, false);
    std::vector<Ready> ready(static_cast<std::size_t>(capacity));
    // Level-triggered: epoll turns its list, so `kCount` calls see each descriptor even one at a time.
    for (std::size_t call = 0; call < kCount; ++call) {
      const int count = poller_wait(poller, ready.data(), capacity, 0);
      REQUIRE(count >= 1);
      REQUIRE(count <= capacity);
      for (int i = 0; i < count; ++i) seen[ready[static_cast<std::size_t>(i)].data] = true;
    }
    CHECK(std::count(seen.begin(), seen.end(), true) == kCount);
  }
}

TEST_CASE("a wait with nothing ready ends, and not before its time") {
  const Fd poller = poller_or_fail();
  for (const std::int64_t timeout_ns :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{999'999}, std::int64_t{2'000'001}}) {
    const std::int64_t start = clock_ns();
    CHECK(wait_for_one(poller, timeout_ns).count == 0);
    CHECK(clock_ns() - start >= timeout_ns);
  }
}

TEST_CASE("a wait without end is ended by wake_signal from another thread" * doctest::test_suite("threads")) {
  const Fd poller = poller_or_fail();
  const Fd wake(wake_create());
  REQUIRE(poller_add(poller, wake, 9, true, false) == 0);
  std::thread other([&wake] { CHECK(wake_signal(wake) == 0); });
  const Seen seen = wait_for_one(poller, -1);
  other.join();
  CHECK(seen.count == 1);
  CHECK(seen.ready.data == 9);
}

TEST_CASE("signals neither leave a wait as -EINTR nor end it early") {
  const Fd poller = poller_or_fail();
  static volatile sig_atomic_t alarms;
  alarms = 0;
  struct sigaction before{};
  struct sigaction action{};
  action.sa_handler = [](int) { alarms = alarms + 1; };
  REQUIRE(sigaction(SIGALRM, &action, &before) == 0);
  const itimerval every_millisecond{.it_interval = {0, 1000}, .it_value = {0, 1000}};
  REQUIRE(setitimer(ITIMER_REAL, &every_millisecond, nullptr) == 0);
  constexpr std::int64_t kTimeout = 30'000'000;
  const std::int64_t start = clock_ns();
  const int count = wait_for_one(poller, kTimeout).count;
  const std::int64_t elapsed = clock_ns() - start;
  const itimerval off{};
  REQUIRE(setitimer(ITIMER_REAL, &off, nullptr) == 0);
  REQUIRE(sigaction(SIGALRM, &before, nullptr) == 0);
  CHECK(count == 0);
  CHECK(elapsed >= kTimeout);
  CHECK(alarms > 0);
}

// Headers older than Linux 5.11 do not name it.
constexpr std::uint32_t kEpollPwait2 = 441;

/// From now on this process is told that epoll_pwait2 does not exist.
bool forbid_pwait2(int error) {
  const auto refusal = static_cast<std::uint32_t>(SECCOMP_RET_ERRNO | error);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kEpollPwait2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, refusal),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = 4, .filter = filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum class Child { passed = 0, failed = 1, no_filter = 2 };

Child wait_without_pwait2(int error) {
  if (!forbid_pwait2(error)) return Child::no_filter;
  const Fd poller(poller_create());
  const Fd wake(wake_create());
  if (poller_add(poller, wake, 5, true, false) != 0) return Child::failed;
  for (const std::int64_t timeout_ns : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1'999'999}}) {
    const std::int64_t start = clock_ns();
    // Rounded up, never down: a timer must not find itself early.
    if (wait_for_one(poller, timeout_ns).count != 0 || clock_ns() - start < timeout_ns) return Child::failed;
  }
  if (wake_signal(wake) != 0) return Child::failed;
  for (const std::int64_t timeout_ns : {std::int64_t{-1}, std::int64_t{0}, kLong, INT64_MAX}) {
    const Seen seen = wait_for_one(poller, timeout_ns);
    if (seen.count != 1 || seen.ready.data != 5 || !seen.ready.readable) return Child::failed;
  }
  return Child::passed;
}

TEST_CASE("kernels and container filters without epoll_pwait2 get whole milliseconds") {
  for (const int error : {ENOSYS, EPERM}) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) _exit(static_cast<int>(wait_without_pwait2(error)));
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == static_cast<int>(Child::no_filter)) {
      MESSAGE("no seccomp filters here");
      return;
    }
    CHECK(WEXITSTATUS(status) == static_cast<int>(Child::passed));
  }
}

TEST_CASE("the longest timeout is a timeout") {
  const Fd poller = poller_or_fail();
  const Fd wake(wake_create());
  REQUIRE(poller_add(poller, wake, 1, true, false) == 0);
  REQUIRE(wake_signal(wake) == 0);
  CHECK(wait_for_one(poller, INT64_MAX).count == 1);
  CHECK(wait_for_one(poller, INT64_MIN).count == 1);
}

TEST_CASE("mistakes are errors") {
  const Fd poller = poller_or_fail();
  const Fd wake(wake_create());
  Ready ready;
  CHECK(poller_add(poller, -1, 0, true, false) == -EBADF);
  CHECK(poller_modify(poller, wake, 0, true, false) == -ENOENT);
  CHECK(poller_remove(poller, wake) == -ENOENT);
  REQUIRE(poller_add(poller, wake, 0, true, false) == 0);
  CHECK(poller_add(poller, wake, 0, true, false) == -EEXIST);
  CHECK(poller_wait(poller, &ready, 0, 0) == -EINVAL);
  CHECK(poller_wait(-1, &ready, 1, 0) == -EBADF);
  CHECK(poller_close(-1) == -EBADF);
}

TEST_CASE("pollers and wakes close on exec") {
  const int poller = poller_create();
  const int wake = wake_create();
  CHECK(closes_on_exec(poller));
  CHECK(closes_on_exec(wake));
  CHECK(poller_close(poller) == 0);
  CHECK(wake_close(wake) == 0);
}

TEST_CASE("many signals are drained at once, and draining nothing is no error") {
  const Fd wake(wake_create());
  const Fd poller = poller_or_fail();
  REQUIRE(poller_add(poller, wake, 0, true, false) == 0);
  CHECK(wake_drain(wake) == 0);
  for (int i = 0; i < 100; ++i) CHECK(wake_signal(wake) == 0);
  CHECK(wait_for_one(poller, 0).count == 1);
  CHECK(wake_drain(wake) == 0);
  CHECK(wait_for_one(poller, 0).count == 0);
  CHECK(wake_signal(wake) == 0);
  CHECK(wait_for_one(poller, 0).count == 1);
}

TEST_CASE("a signal too many is one signal") {
  const Fd wake(wake_create());
  const std::uint64_t full = UINT64_MAX - 1;
  REQUIRE(::write(wake, &full, sizeof full) == sizeof full);
  CHECK(wake_signal(wake) == 0);
  CHECK(wake_drain(wake) == 0);
  CHECK(wake_signal(-1) == -EBADF);
  CHECK(wake_drain(-1) == -EBADF);
  CHECK(wake_close(-1) == -EBADF);
}

}  // namespace
