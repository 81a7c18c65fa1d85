// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace millrace::engine::test {

namespace {

/// Loopback and local sockets connect at once while the backlog has room.
void connect_or_fail(int fd, const sockaddr* name, socklen_t length) {
  REQUIRE(fd >= 0);
  const int result = ::connect(fd, name, length);
  REQUIRE((result == 0 || errno == EINPROGRESS));
}

}  // namespace

Client Client::tcp(std::uint16_t port, int receive_buffer) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (receive_buffer != 0) {
    REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer) == 0);
  }
  const int on = 1;
  REQUIRE(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connect_or_fail(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  return Client(fd);
}

Client Client::local(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof name.sun_path);
  std::memcpy(name.sun_path, path.data(), path.size());
  // The length of an abstract name is its end; a path is ended by a zero.
  const std::size_t ending = path.starts_with('\0') ? 0 : 1;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + ending);
  connect_or_fail(fd, reinterpret_cast<const sockaddr*>(&name), length);
  return Client(fd);
}

Client::Client(Client&& other) noexcept { *this = std::move(other); }

Client& Client::operator=(Client&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(out_, other.out_);
  std::swap(out_at_, other.out_at_);
  std::swap(in_, other.in_);
  std::swap(in_at_, other.in_at_);
  std::swap(finishing_, other.finishing_);
  std::swap(eof_, other.eof_);
  std::swap(error_, other.error_);
  std::swap(chunk, other.chunk);
  std::swap(appetite, other.appetite);
  return *this;
}

Client::~Client() { close(); }

bool Client::work() {
  if (fd_ < 0) return false;
  bool moved = false;
  std::size_t may_send = chunk;
  while (unwritten() > 0 && may_send > 0) {
    const std::size_t length = std::min(unwritten(), may_send);
    const ssize_t sent = ::send(fd_, out_.data() + out_at_, length, MSG_NOSIGNAL);
    if (sent < 0) {
      // What the server thinks of it shows on the receiving side; the rest can never leave.
      if (errno != EAGAIN && errno != ENOTCONN) out_at_ = out_.size();
      break;
    }
    out_at_ += static_cast<std::size_t>(sent);
    may_send -= static_cast<std::size_t>(sent);
    moved = true;
  }
  if (unwritten() == 0) {
    drop_unwritten();
    if (finishing_) shut_down();
  }
  std::size_t may_receive = appetite;
  while (!ended() && may_receive > 0) {
    char bytes[65536];
    const ssize_t received = ::recv(fd_, bytes, std::min(sizeof bytes, may_receive), 0);
    if (received < 0) {
      if (errno != EAGAIN && errno != ENOTCONN) error_ = errno;
      break;
    }
    moved = true;
    if (received == 0) {
      eof_ = true;
      break;
    }
    in_.append(bytes, static_cast<std::size_t>(received));
    may_receive -= static_cast<std::size_t>(received);
  }
  return moved;
}

void Client::finish() {
  finishing_ = true;
  if (unwritten() == 0) shut_down();
}

void Client::drop_unwritten() {
  out_.clear();
  out_at_ = 0;
}

void Client::shrink() {
  REQUIRE(unwritten() + available() == 0);
  out_.shrink_to_fit();
  in_.shrink_to_fit();
}

void Client::shut_down() {
  finishing_ = false;
  // ENOTCONN: the server's RST has come and was not read yet.
  REQUIRE((::shutdown(fd_, SHUT_WR) == 0 || errno == ENOTCONN));
}

void Client::reset() {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
  close();
}

void Client::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string Client::take_all() {
  std::string out = in_.substr(in_at_);
  in_.clear();
  in_at_ = 0;
  return out;
}

std::optional<std::string> Client::take_head() {
  const std::size_t end = in_.find("\r\n\r\n", in_at_);
  if (end == std::string::npos) return std::nullopt;
  std::string head = in_.substr(in_at_, end + 4 - in_at_);
  in_at_ = end + 4;
  return head;
}

std::optional<Frame> Client::take_frame() {
  auto frame = test::take_frame(&in_, &in_at_);
  if (in_at_ == in_.size()) {
    in_.clear();
    in_at_ = 0;
  }
  return frame;
}

}  // namespace millrace::engine::test
