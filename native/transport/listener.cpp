// SPDX-License-Identifier: Apache-2.0
#include "transport/listener.hpp"

namespace millrace::transport {

namespace {

bool has_file(const os::Address& address) noexcept {
  return address.family == os::Family::local && address.path_length > 0 && address.path[0] != '\0';
}

}  // namespace

int Listener::open(const os::Address& address, const os::ListenOptions& options) noexcept {
  const int fd = os::listen_on(address, options);
  if (fd < 0) return fd;
  fd_ = fd;
  address_ = address;
  const bool is_local = address.family == os::Family::local;
  is_shared_ = !is_local && options.sharing != os::Sharing::alone;
  local_send_buffer_ = is_local ? options.send_buffer : 0;
  file_ = {};
  int result = 0;
  if (!is_local) result = os::local_address(fd, &address_);
  if (has_file(address)) result = os::local_file(address, &file_);
  if (result < 0) close();
  return result;
}

void Listener::close() noexcept {
  if (fd_ < 0) return;
  os::close_socket(fd_);
  fd_ = -1;
  os::FileId now;
  // Who has removed our file may have bound the path again.
  if (has_file(address_) && os::local_file(address_, &now) == 0 && now == file_) os::unlink_local(address_);
}

int Listener::accept(os::Address* peer) noexcept {
  const int fd = os::accept_from(fd_, peer);
  // One that cannot be set keeps the system's size, which the peer cannot tell.
  if (fd >= 0 && local_send_buffer_ != 0) os::set_send_buffer(fd, local_send_buffer_);
  return fd;
}

}  // namespace millrace::transport
