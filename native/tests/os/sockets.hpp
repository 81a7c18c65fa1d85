// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

#include "os/os.hpp"

namespace millrace::os::test {

/// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  operator int() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

inline Address ipv4_loopback(std::uint16_t port = 0) {
  Address address;
  address.family = Family::ipv4;
  address.port = port;
  address.ip[0] = 127;
  address.ip[3] = 1;
  return address;
}

inline Address local(const std::string& path) {
  REQUIRE(path.size() <= kMaxLocalPath);
  Address address;
  address.family = Family::local;
  address.path_length = static_cast<std::uint8_t>(path.size());
  std::memcpy(address.path, path.data(), path.size());
  return address;
}

inline std::string path_of(const Address& address) { return {address.path, address.path_length}; }

/// A fresh folder that goes with everything in it.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/millrace-os-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder();
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline Fd listen_or_fail(const Address& address, int backlog = 16) {
  const int fd = listen_on(address, {.backlog = backlog});
  REQUIRE(fd >= 0);
  return Fd(fd);
}

inline Address bound(int fd) {
  Address address;
  REQUIRE(local_address(fd, &address) == 0);
  return address;
}

/// Waits up to ten seconds for the kernel to report `events`; a test that fails here would hang otherwise.
inline bool await(int fd, short events) {
  pollfd entry{.fd = fd, .events = events, .revents = 0};
  return ::poll(&entry, 1, 10'000) == 1;
}

/// A blocking client, by plain system calls: the other side must not depend on what is tested.
inline Fd connect_to(const Address& address) {
  if (address.family == Family::local) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address.path, address.path_length);
    const bool abstract = address.path[0] == '\0';
    const auto length = offsetof(sockaddr_un, sun_path) + address.path_length + (abstract ? 0 : 1);
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&name), static_cast<socklen_t>(length)) == 0);
    return fd;
  }
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(address.port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  return fd;
}

inline Fd accept_or_fail(int listener, Address* peer) {
  REQUIRE(await(listener, POLLIN));
  const int fd = accept_from(listener, peer);
  REQUIRE(fd >= 0);
  return Fd(fd);
}

/// A connected pair: `client` is blocking and plain, `server` came from accept_from.
struct Pair {
  explicit Pair(const Address& address) : listener(listen_or_fail(address)) {
    client = connect_to(bound(listener));
    server = accept_or_fail(listener, &peer);
  }
  Fd listener;
  Fd client;
  Fd server;
  Address peer;
};

inline std::string received(int fd, std::size_t capacity) {
  REQUIRE(await(fd, POLLIN));
  std::string out(capacity, '\0');
  const iovec piece{.iov_base = out.data(), .iov_len = out.size()};
  const auto length = receive(fd, &piece, 1);
  REQUIRE(length >= 0);
  out.resize(static_cast<std::size_t>(length));
  return out;
}

inline std::int64_t sent(int fd, std::string text) {
  const iovec piece{.iov_base = text.data(), .iov_len = text.size()};
  return send(fd, &piece, 1);
}

inline bool closes_on_exec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }
inline bool is_non_blocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

}  // namespace millrace::os::test
