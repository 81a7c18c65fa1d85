// SPDX-License-Identifier: Apache-2.0
#include "peer.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace millrace::engine::test {

Peer::Peer(int receive_buffer) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  REQUIRE(listener_ >= 0);
  if (receive_buffer != 0) {
    REQUIRE(::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) == 0);
  }
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof name;
  REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&name), length) == 0);
  REQUIRE(::listen(listener_, 16) == 0);
  REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &length) == 0);
  port_ = ntohs(name.sin_port);
}

Peer::~Peer() {
  close();
  ::close(listener_);
}

void Peer::work() {
  if (fd_ < 0 && !eof_ && !reset_) fd_ = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd_ < 0) return;
  if (!out_.empty()) {
    const ssize_t sent = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
  }
  while (reads && !eof_ && !reset_) {
    char bytes[65536];
    const ssize_t received = ::recv(fd_, bytes, sizeof bytes, 0);
    if (received > 0) {
      in_.append(bytes, static_cast<std::size_t>(received));
      continue;
    }
    eof_ = received == 0;
    reset_ = received < 0 && errno == ECONNRESET;
    return;
  }
}

void Peer::finish() { (void)::shutdown(fd_, SHUT_WR); }

void Peer::reset() {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
  close();
  reset_ = true;
}

void Peer::close() {
  if (fd_ < 0) return;
  ::close(fd_);
  fd_ = -1;
  eof_ = true;
}

std::optional<std::string> Peer::take_head() {
  const std::size_t end = in_.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string head = in_.substr(0, end + 4);
  in_.erase(0, end + 4);
  return head;
}

std::optional<MaskedFrame> Peer::take_frame() {
  std::size_t at = 0;
  std::optional<MaskedFrame> frame = take_masked_frame(in_, &at);
  if (frame) REQUIRE(frame->frame.first != 0);
  in_.erase(0, at);
  return frame;
}

}  // namespace millrace::engine::test
