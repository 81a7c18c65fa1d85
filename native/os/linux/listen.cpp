// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cstring>

#include "os/linux/local_listen.hpp"
#include "os/linux/socket_address.hpp"
#include "os/os.hpp"

namespace millrace::os {

namespace {

int set_option(int fd, int level, int option, int value) noexcept {
  return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

/// The kernel doubles what it is asked for, to have room for its own records, and cuts without a word what is over its
/// limit.
int set_buffer(int fd, int option, std::uint32_t bytes) noexcept {
  if (bytes == 0) return 0;
  if (bytes > INT32_MAX / 2) return -EMSGSIZE;
  if (const int result = set_option(fd, SOL_SOCKET, option, static_cast<int>(bytes)); result != 0) return result;
  int set = 0;
  socklen_t length = sizeof set;
  if (getsockopt(fd, SOL_SOCKET, option, &set, &length) != 0) return -errno;
  return static_cast<std::uint32_t>(set) >= 2 * bytes ? 0 : -EMSGSIZE;
}

int set_congestion(int fd, const char* name) noexcept {
  if (name[0] == '\0') return 0;
  const auto length = static_cast<socklen_t>(strnlen(name, kMaxCongestionName));
  return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, length) == 0 ? 0 : -errno;
}

/// Accepted sockets inherit all of this: no system call per connection. The buffers are set before listen, because the
/// window's scale is agreed on in the handshake.
int set_tcp_options(int fd, Family family, const ListenOptions& options) noexcept {
  int result = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (result == 0 && options.sharing == Sharing::further) result = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  // `[::]` takes IPv4 peers too, whatever net.ipv6.bindv6only says.
  if (result == 0 && family == Family::ipv6) result = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (result == 0) result = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (result == 0) result = set_buffer(fd, SO_RCVBUF, options.receive_buffer);
  if (result == 0) result = set_buffer(fd, SO_SNDBUF, options.send_buffer);
  if (result == 0) result = set_congestion(fd, options.congestion);
  return result;
}

/// The buffers are set before connect, because the window's scale is agreed on in the handshake.
int set_connect_options(int fd, Family family, const ConnectOptions& options) noexcept {
  if (family == Family::local) return set_buffer(fd, SO_SNDBUF, options.send_buffer);
  int result = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (result == 0) result = set_buffer(fd, SO_RCVBUF, options.receive_buffer);
  if (result == 0) result = set_buffer(fd, SO_SNDBUF, options.send_buffer);
  if (result == 0) result = set_congestion(fd, options.congestion);
  return result;
}

int bind_tcp(int fd, const Address& address, const SocketAddress& name, const ListenOptions& options) noexcept {
  if (const int result = set_tcp_options(fd, address.family, options); result != 0) return result;
  if (bind(fd, &name.any, name.length) != 0) return -errno;
  // Bound without it, so that a port that others share is an error; from now on our own further listeners may.
  return options.sharing == Sharing::first ? set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) : 0;
}

/// Nothing is inherited, but a size that cannot be had is told now and not with every connection.
int bind_local(int fd, const SocketAddress& name, const ListenOptions& options) noexcept {
  if (const int result = set_buffer(fd, SO_SNDBUF, options.send_buffer); result != 0) return result;
  return bind_local(fd, name, options.mode);
}

}  // namespace

int open_socket(int domain) noexcept {
  const int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd >= 0 ? fd : -errno;
}

int listen_on(const Address& address, const ListenOptions& options) noexcept {
  SocketAddress name;
  int result = to_socket_address(address, &name);
  if (result != 0) return result;
  const int fd = open_socket(name.any.sa_family);
  if (fd < 0) return fd;
  const bool is_local = address.family == Family::local;
  result = is_local ? bind_local(fd, name, options) : bind_tcp(fd, address, name, options);
  if (result == 0 && listen(fd, options.backlog) != 0) {
    result = -errno;
    // bind has made the file; a failed call leaves nothing behind.
    unlink_local(address);
  }
  if (result == 0) return fd;
  close(fd);
  return result;
}

int connect_start(const Address& address, const ConnectOptions& options) noexcept {
  SocketAddress name;
  int result = to_socket_address(address, &name);
  if (result != 0) return result;
  const int fd = open_socket(name.any.sa_family);
  if (fd < 0) return fd;
  result = set_connect_options(fd, address.family, options);
  // After EINTR the attempt goes on by itself, as one that was never interrupted (connect(2)).
  if (result == 0 && connect(fd, &name.any, name.length) != 0 && errno != EINPROGRESS && errno != EINTR) {
    result = -errno;
  }
  if (result == 0) return fd;
  close(fd);
  return result;
}

int local_address(int fd, Address* out) noexcept {
  SocketAddress name{};
  name.length = sizeof(sockaddr_un);
  if (getsockname(fd, &name.any, &name.length) != 0) return -errno;
  *out = from_socket_address(name);
  return 0;
}

int set_send_buffer(int fd, std::uint32_t bytes) noexcept { return set_buffer(fd, SO_SNDBUF, bytes); }

}  // namespace millrace::os
