// SPDX-License-Identifier: Apache-2.0
#include "os/linux/local_listen.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace millrace::os {

namespace {

constexpr std::uint32_t kPermissionBits = 0777;

/// 0 for a socket file, else why not.
int stat_socket_file(const char* path, struct stat* status) noexcept {
  if (lstat(path, status) != 0) return -errno;
  return S_ISSOCK(status->st_mode) ? 0 : -ENOTSOCK;
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

bool is_same_file(const struct stat& one, const struct stat& other) noexcept {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino && one.st_ctim.tv_sec == other.st_ctim.tv_sec &&
         one.st_ctim.tv_nsec == other.st_ctim.tv_nsec;
}

/// Unlinks the socket file of a process of ours that is gone. 0 when the path is free now.
int remove_stale_file(const SocketAddress& address) noexcept {
  const char* path = address.local.sun_path;
  struct stat before;
  struct stat after;
  if (stat_socket_file(path, &before) != 0) return -EADDRINUSE;
  // Where many may write, such as /tmp, another user's file is not ours to judge or to remove, not even for root.
  if (before.st_uid != geteuid()) return -EEXIST;
  if (!refuses_connections(address)) return -EADDRINUSE;
  // Another process may have replaced the file while we knocked. Its new file is not ours to remove.
  if (stat_socket_file(path, &after) != 0 || !is_same_file(before, after)) return -EADDRINUSE;
  return unlink(path) == 0 ? 0 : -errno;
}

/// The umask may have taken bits away that were asked for: adds them. Nobody can connect before listen.
int widen_mode(const char* path, std::uint32_t mode) noexcept {
  // Neither chmod nor a name in /proc follows a link that was put in the file's place: the file is opened first.
  const int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return -errno;
  struct stat status;
  int result = fstat(file, &status) == 0 ? 0 : -errno;
  if (result == 0 && (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid())) result = -EADDRINUSE;
  if (result == 0 && (status.st_mode & kPermissionBits) != mode) {
    char name[32];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    if (chmod(name, mode) != 0) result = -errno;
  }
  close(file);
  return result;
}

}  // namespace

int bind_local(int fd, const SocketAddress& name, std::uint32_t mode) noexcept {
  if ((mode & ~kPermissionBits) != 0) return -EINVAL;
  // bind gives the file the mode of the socket less the umask: it never has more than asked for.
  if (fchmod(fd, mode) != 0) return -errno;
  if (bind(fd, &name.any, name.length) != 0) {
    if (errno != EADDRINUSE) return -errno;
    if (name.local.sun_path[0] == '\0') return -EADDRINUSE;
    if (const int result = remove_stale_file(name); result != 0) return result;
    if (bind(fd, &name.any, name.length) != 0) return -errno;
  }
  if (name.local.sun_path[0] == '\0') return 0;
  const int result = widen_mode(name.local.sun_path, mode);
  if (result != 0 && result != -EADDRINUSE) unlink(name.local.sun_path);
  return result;
}

int local_file(const Address& address, FileId* out) noexcept {
  if (address.family != Family::local || is_abstract(address)) return -EINVAL;
  SocketAddress name;
  if (const int result = to_socket_address(address, &name); result != 0) return result;
  struct stat status;
  if (const int result = stat_socket_file(name.local.sun_path, &status); result != 0) return result;
  *out = {status.st_dev, status.st_ino};
  return 0;
}

int unlink_local(const Address& address) noexcept {
  if (address.family != Family::local || is_abstract(address)) return 0;
  SocketAddress name;
  if (const int result = to_socket_address(address, &name); result != 0) return result;
  struct stat status;
  if (const int result = stat_socket_file(name.local.sun_path, &status); result != 0) return result;
  return unlink(name.local.sun_path) == 0 ? 0 : -errno;
}

int peer_credentials(int fd, Credentials* out) noexcept {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -errno;
  // What is no local socket has no peer credentials, and Linux says so with ids of nobody.
  if (credentials.uid == static_cast<uid_t>(-1)) return -ENOTCONN;
  *out = {credentials.pid, credentials.uid, credentials.gid};
  return 0;
}

}  // namespace millrace::os
