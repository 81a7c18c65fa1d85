// SPDX-License-Identifier: Apache-2.0
#include "transport/listener.hpp"

namespace millrace::transport {

int Listener::open(const os::Address& address, int backlog, bool reuse_port) noexcept {
  const int fd = os::listen_on(address, backlog, reuse_port);
  if (fd < 0) return fd;
  fd_ = fd;
  address_ = address;
  if (address.family == os::Family::local) return 0;
  if (const int result = os::local_address(fd, &address_); result < 0) {
    close();
    return result;
  }
  return 0;
}

void Listener::close() noexcept {
  if (fd_ < 0) return;
  os::close_socket(fd_);
  fd_ = -1;
  const bool named = address_.family == os::Family::local && address_.path_length > 0 && address_.path[0] != '\0';
  if (named) os::unlink_local(address_);
}

}  // namespace millrace::transport
