// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "os/os.hpp"

namespace millrace::transport {

/// A connected byte stream. Plain sockets only; what TLS needs besides (bytes buffered inside the stream, a direction
/// it waits for) finds its place here.
class Stream {
 public:
  Stream() = default;
  explicit Stream(int fd) noexcept : fd_(fd) {}

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  /// Bytes received, 0 at the end of the stream, -EAGAIN for later, other -errno when it broke.
  [[nodiscard]] std::int64_t receive(const iovec* pieces, int count) noexcept {
    return os::receive(fd_, pieces, count);
  }
  /// Bytes taken (a short count: full), -EAGAIN for later, other -errno when it broke.
  [[nodiscard]] std::int64_t send(const iovec* pieces, int count) noexcept { return os::send(fd_, pieces, count); }
  /// Sends FIN.
  void finish_sending() noexcept { os::shutdown_send(fd_); }
  /// Closes; with `reset` the peer sees RST.
  void close(bool reset) noexcept {
    os::close_socket(fd_, reset);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

}  // namespace millrace::transport
