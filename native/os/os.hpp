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

// ---- random numbers

/// Fills `out` with bytes that nobody can foretell, at most 64 KiB. 0, or -errno where the kernel has no such call:
/// then the first time fails, and no later one does where that succeeded.
[[nodiscard]] int random_bytes(void* out, std::size_t length) noexcept;

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

/// Whether several listeners of this process share a TCP port. The first binds as if it were alone, so that a port in
/// use is an error, and lets the further ones in afterwards.
enum class Sharing : std::uint8_t { alone = 0, first = 1, further = 2 };

inline constexpr std::size_t kMaxCongestionName = 15;

/// How to listen. What is 0 or empty is left to the system.
struct ListenOptions {
  int backlog = 4096;
  Sharing sharing = Sharing::alone;              ///< TCP
  std::uint32_t mode = 0600;                     ///< permission bits of a local socket's file, whatever the umask
  std::uint32_t receive_buffer = 0;              ///< bytes, as the application counts them: the kernel doubles; TCP
  std::uint32_t send_buffer = 0;                 ///< the same; accepted TCP sockets inherit it, local ones do not
  char congestion[kMaxCongestionName + 1] = {};  ///< name of the congestion control, ended by a zero; TCP
};

/// Binds and listens; every option is set before the first connection can come. Returns the descriptor.
///
/// TCP listeners get SO_REUSEADDR; an IPv6 listener takes IPv4 peers too, and they come out as `ipv4`. A local socket's
/// file never has more permissions than asked for, from its first moment. A socket file of our own that is left over
/// from a dead process (connect is refused) is unlinked and bound again; whatever else lies there stays.
///
/// -EADDRINUSE  something is there, or listens there
/// -EEXIST      a socket file of another user is there
/// -EINVAL      the kernel would read the address differently (empty path, zero byte inside), or an option is none
/// -EMSGSIZE    a buffer is larger than the kernel allows
/// -ENOENT      TCP: there is no such congestion control; -EPERM: it is not for this user
[[nodiscard]] int listen_on(const Address& address, const ListenOptions& options) noexcept;
/// Sets the send buffer of a connected local socket, which inherits nothing from its listener. 0 or -errno.
int set_send_buffer(int fd, std::uint32_t bytes) noexcept;
/// The address a socket is bound to (the port chosen for port 0).
[[nodiscard]] int local_address(int fd, Address* out) noexcept;

/// How to connect. What is 0 or empty is left to the system.
struct ConnectOptions {
  std::uint32_t receive_buffer = 0;              ///< bytes, as the application counts them: the kernel doubles; TCP
  std::uint32_t send_buffer = 0;                 ///< the same
  char congestion[kMaxCongestionName + 1] = {};  ///< name of the congestion control, ended by a zero; TCP
};

/// A socket on its way: non-blocking, close-on-exec, TCP_NODELAY on TCP. Returns the descriptor; it becomes writable
/// when the attempt has come to an end, and socket_error says to which. Errors of the options are those of listen_on;
/// those of the address that the kernel knows at once (-ECONNREFUSED, -ENOENT, -ENETUNREACH, ...) come here. -EAGAIN:
/// the queue of a local listener is full.
[[nodiscard]] int connect_start(const Address& address, const ConnectOptions& options) noexcept;
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
/// Who connected a local socket, as the kernel saw it at that moment. A process outside our pid namespace is 0.
struct Credentials {
  std::int32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};
[[nodiscard]] int peer_credentials(int fd, Credentials* out) noexcept;

/// Which file a path names; another file that takes its place is another one.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};
/// The socket file of a local address; -ENOTSOCK when something else lies there.
[[nodiscard]] int local_file(const Address& address, FileId* out) noexcept;
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
