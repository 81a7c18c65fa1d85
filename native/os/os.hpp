// SPDX-License-Identifier: Apache-2.0
//
// Every system call, the clock and page mapping, as free functions. The implementation is chosen at link time:
// os/linux, later os/bsd, or tests/sim (virtual clock, simulated sockets). Nothing else in the core calls the kernel.
//
// Results: >= 0 is a value, < 0 is -errno. EINTR never leaves a function. Every descriptor is close-on-exec, every
// socket non-blocking. A function may be called from any thread unless it says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

struct iovec;

namespace millrace::os {

// ---- time

/// Monotonic time in nanoseconds. Never goes back.
[[nodiscard]] std::int64_t clock_ns() noexcept;

// ---- pages

/// Maps `length` zeroed bytes without reserving memory (pages are charged when touched), aligned to `alignment`
/// (a power of two, at least the page size). Returns 0 and the start in `*out`.
[[nodiscard]] int map_pages(std::size_t length, std::size_t alignment, void** out) noexcept;
/// Ends a mapping made by map_pages.
int unmap_pages(void* start, std::size_t length) noexcept;
/// Gives the pages back to the system; they read as zero when touched again. `start` and `length` are page multiples.
int discard_pages(void* start, std::size_t length) noexcept;
[[nodiscard]] std::size_t page_size() noexcept;

// ---- addresses

enum class Family : std::uint8_t { none = 0, ipv4 = 4, ipv6 = 6, local = 1 };

inline constexpr std::size_t kMaxLocalPath = 107;

/// A socket address. For `ipv4` the first four bytes of `ip` count. `path` is not zero-terminated; one that begins with
/// a zero byte is a name in Linux's abstract namespace, and a peer without a name has an empty one.
struct Address {
  Family family = Family::none;
  std::uint16_t port = 0;  ///< host byte order
  std::uint8_t ip[16] = {};
  std::uint8_t path_length = 0;
  char path[kMaxLocalPath] = {};
};

// ---- sockets

/// Binds and listens. TCP listeners get SO_REUSEADDR. Returns the descriptor. A local path whose socket file is left
/// over from a dead process (connect is refused) is unlinked first and bound again; any other file there is -EADDRINUSE
/// and stays. An IPv6 listener takes IPv4 peers too; they come out as `ipv4`. An address that the kernel would read
/// differently (empty path, zero byte inside) is -EINVAL.
[[nodiscard]] int listen_on(const Address& address, int backlog, bool reuse_port) noexcept;
/// The address a socket is bound to (the port chosen for port 0).
[[nodiscard]] int local_address(int fd, Address* out) noexcept;
/// Accepts one connection: non-blocking, close-on-exec, TCP_NODELAY on TCP. -EAGAIN when none waits, also when
/// the connection in front died in the queue: the poller reports the listener again. Fills `peer`.
[[nodiscard]] int accept_from(int listener, Address* peer) noexcept;
/// Receives into `count` pieces. 0 is the end of the stream.
[[nodiscard]] std::int64_t receive(int fd, const iovec* pieces, int count) noexcept;
/// Sends `count` pieces (at most kMaxPieces) with MSG_NOSIGNAL. A short count is a full socket buffer.
[[nodiscard]] std::int64_t send(int fd, const iovec* pieces, int count) noexcept;
inline constexpr int kMaxPieces = 1024;
/// Half-closes the sending side (FIN).
int shutdown_send(int fd) noexcept;
/// Closes. With `reset` a TCP connection is aborted (RST) and unsent bytes are dropped.
int close_socket(int fd, bool reset = false) noexcept;
/// Pending socket error (SO_ERROR) as errno, 0 for none.
[[nodiscard]] int socket_error(int fd) noexcept;
/// Unlinks a local socket path; -ENOTSOCK when something else lies there.
int unlink_local(const Address& address) noexcept;

// ---- readiness

struct Ready {
  std::uint64_t data;
  bool readable;
  bool writable;
  bool hangup;  ///< HUP or ERR: cannot be masked
};

[[nodiscard]] int poller_create() noexcept;
[[nodiscard]] int poller_add(int poller, int fd, std::uint64_t data, bool readable, bool writable) noexcept;
[[nodiscard]] int poller_modify(int poller, int fd, std::uint64_t data, bool readable, bool writable) noexcept;
int poller_remove(int poller, int fd) noexcept;
/// Waits for readiness (level-triggered). `timeout_ns` 0 polls, negative waits without end. Returns the count, at most
/// 256 in one call; never early, whatever signals arrive.
[[nodiscard]] int poller_wait(int poller, Ready* out, int capacity, std::int64_t timeout_ns) noexcept;
int poller_close(int poller) noexcept;

/// A descriptor that becomes readable when wake_signal is called; wake_drain makes it unreadable again.
[[nodiscard]] int wake_create() noexcept;
int wake_signal(int fd) noexcept;
int wake_drain(int fd) noexcept;
int wake_close(int fd) noexcept;

}  // namespace millrace::os
