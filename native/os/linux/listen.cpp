// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/linux/socket_address.hpp"
#include "os/os.hpp"

namespace millrace::os {

namespace {

int set_option(int fd, int level, int option, int value) noexcept {
  return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

int set_tcp_options(int fd, Family family, bool reuse_port) noexcept {
  int result = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (result == 0 && reuse_port) result = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  // `[::]` takes IPv4 peers too, whatever net.ipv6.bindv6only says.
  if (result == 0 && family == Family::ipv6) result = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  // Accepted sockets inherit it: no system call per connection.
  if (result == 0) result = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return result;
}

int open_socket(int domain) noexcept {
  const int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd >= 0 ? fd : -errno;
}

bool stat_socket_file(const char* path, struct stat* status) noexcept {
  return lstat(path, status) == 0 && S_ISSOCK(status->st_mode);
}

bool refuses_connections(const SocketAddress& address) noexcept {
  const int probe = open_socket(AF_UNIX);
  if (probe < 0) return false;
  int result;
  do {
    result = connect(probe, &address.any, address.length);
  } while (result != 0 && errno == EINTR);
  const bool refused = result != 0 && errno == ECONNREFUSED;
  close(probe);
  return refused;
}

/// Unlinks the socket file of a process that is gone; true when the path is free now.
bool remove_stale_file(const SocketAddress& address) noexcept {
  const char* path = address.local.sun_path;
  struct stat before;
  struct stat after;
  if (!stat_socket_file(path, &before) || !refuses_connections(address)) return false;
  // Another process may have replaced the file while we knocked. Its new file is not ours to remove.
  const bool same = stat_socket_file(path, &after) && before.st_dev == after.st_dev && before.st_ino == after.st_ino &&
                    before.st_ctim.tv_sec == after.st_ctim.tv_sec && before.st_ctim.tv_nsec == after.st_ctim.tv_nsec;
  return same && unlink(path) == 0;
}

int bind_to(int fd, const Address& address, const SocketAddress& name) noexcept {
  if (bind(fd, &name.any, name.length) == 0) return 0;
  const int error = errno;
  const bool has_file = address.family == Family::local && !is_abstract(address);
  if (error != EADDRINUSE || !has_file || !remove_stale_file(name)) return -error;
  return bind(fd, &name.any, name.length) == 0 ? 0 : -errno;
}

}  // namespace

int listen_on(const Address& address, int backlog, bool reuse_port) noexcept {
  SocketAddress name;
  int result = to_socket_address(address, &name);
  if (result != 0) return result;
  const int fd = open_socket(name.any.sa_family);
  if (fd < 0) return fd;
  if (address.family != Family::local) result = set_tcp_options(fd, address.family, reuse_port);
  if (result == 0) result = bind_to(fd, address, name);
  if (result == 0 && listen(fd, backlog) != 0) {
    result = -errno;
    // bind has made the file; a failed call leaves nothing behind.
    unlink_local(address);
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

int unlink_local(const Address& address) noexcept {
  if (address.family != Family::local || is_abstract(address)) return 0;
  SocketAddress name;
  const int result = to_socket_address(address, &name);
  if (result != 0) return result;
  struct stat status;
  if (lstat(name.local.sun_path, &status) != 0) return -errno;
  if (!S_ISSOCK(status.st_mode)) return -ENOTSOCK;
  return unlink(name.local.sun_path) == 0 ? 0 : -errno;
}

}  // namespace millrace::os
