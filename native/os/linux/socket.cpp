// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/linux/socket_address.hpp"
#include "os/os.hpp"

namespace millrace::os {

namespace {

/// True for an error of the connection that accept took from the queue, not of the listener: Linux hands on errors that
/// were already pending on the new socket (accept(2), "Error handling").
bool died_in_queue(int error) noexcept {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
      return true;
    default:
      return false;
  }
}

msghdr message_of(const iovec* pieces, int count) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return message;
}

}  // namespace

int accept_from(int listener, Address* peer) noexcept {
  SocketAddress name{};
  name.length = sizeof(sockaddr_un);
  const int fd = accept4(listener, &name.any, &name.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    *peer = from_socket_address(name);
    return fd;
  }
  // "Later" instead of a loop here: the poller reports the listener again while others wait.
  if (errno == EINTR || died_in_queue(errno)) return -EAGAIN;
  return -errno;
}

std::int64_t receive(int fd, const iovec* pieces, int count) noexcept {
  msghdr message = message_of(pieces, count);
  ssize_t result;
  do {
    // One piece is the common case, and recv spares the kernel the copy of msghdr and iovec.
    result = count == 1 ? recv(fd, pieces->iov_base, pieces->iov_len, 0) : recvmsg(fd, &message, 0);
  } while (result < 0 && errno == EINTR);
  return result >= 0 ? result : -errno;
}

std::int64_t send(int fd, const iovec* pieces, int count) noexcept {
  const msghdr message = message_of(pieces, count);
  ssize_t result;
  do {
    result =
        count == 1 ? ::send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL) : sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (result < 0 && errno == EINTR);
  return result >= 0 ? result : -errno;
}

int shutdown_send(int fd) noexcept { return shutdown(fd, SHUT_WR) == 0 ? 0 : -errno; }

int close_socket(int fd, bool reset) noexcept {
  if (reset) {
    const linger abort{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  }
  // Linux has released the descriptor when close reports EINTR: a second call could close somebody else's.
  return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

int socket_error(int fd) noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : -errno;
}

}  // namespace millrace::os
