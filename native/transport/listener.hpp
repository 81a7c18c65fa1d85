// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "os/os.hpp"

namespace millrace::transport {

/// A listening socket, TCP or local. A local socket's path is unlinked when it closes.
class Listener {
 public:
  /// Binds and listens. 0 or -errno.
  [[nodiscard]] int open(const os::Address& address, int backlog, bool reuse_port) noexcept;
  void close() noexcept;

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// The port really bound; 0 for a local socket.
  [[nodiscard]] std::uint16_t port() const noexcept { return address_.port; }

  /// The next connection's descriptor, -EAGAIN when none waits, or -errno.
  [[nodiscard]] int accept(os::Address* peer) noexcept { return os::accept_from(fd_, peer); }

 private:
  int fd_ = -1;
  os::Address address_;
};

}  // namespace millrace::transport
