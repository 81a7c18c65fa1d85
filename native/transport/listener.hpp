// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "os/os.hpp"

namespace millrace::transport {

/// A listening socket, TCP or local. A local socket's file is unlinked when it closes, unless another one lies there
/// by then.
class Listener {
 public:
  /// Binds and listens. 0 or -errno, as os::listen_on.
  [[nodiscard]] int open(const os::Address& address, const os::ListenOptions& options) noexcept;
  void close() noexcept;

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// The port really bound; 0 for a local socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return address_.port; }
  /// One of several listeners that the kernel shares connections among: what it accepts stays with its loop.
  [[nodiscard]] bool is_shared() const noexcept { return is_shared_; }

  /// The next connection's descriptor, -EAGAIN when none waits, or -errno.
  [[nodiscard]] int accept(os::Address* peer) noexcept;

 private:
  int fd_ = -1;
  bool is_shared_ = false;
  std::uint32_t local_send_buffer_ = 0;
  os::Address address_;
  os::FileId file_;
};

}  // namespace millrace::transport
