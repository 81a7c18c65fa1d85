// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netinet/tcp.h>

#include <fstream>
#include <string>
#include <vector>

#include "sockets.hpp"

namespace {

using namespace millrace::os;
using namespace millrace::os::test;

int option_of(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  REQUIRE(getsockopt(fd, level, option, &value, &length) == 0);
  return value;
}

std::string congestion_of(int fd) {
  char name[16] = {};
  socklen_t length = sizeof name;
  REQUIRE(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0);
  return {name, strnlen(name, length)};
}

ListenOptions with_congestion(const std::string& name) {
  ListenOptions options;
  name.copy(options.congestion, kMaxCongestionName);
  return options;
}

/// Names that any user may choose.
std::vector<std::string> allowed_congestion() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_allowed_congestion_control");
  std::vector<std::string> names;
  for (std::string name; file >> name;) names.push_back(name);
  return names;
}

/// The server's side of a connection to a listener.
Fd accepted(const Fd& listener, Fd* client) {
  *client = connect_to(bound(listener));
  Address peer;
  return accept_or_fail(listener, &peer);
}

TEST_CASE("buffers are set on the listener, doubled by the kernel, and inherited by what it accepts") {
  for (const std::uint32_t bytes : {4096U, 32768U}) {
    CAPTURE(bytes);
    const Fd listener(listen_on(ipv4_loopback(), {.receive_buffer = bytes, .send_buffer = 2 * bytes}));
    REQUIRE(listener >= 0);
    Fd client;
    const Fd server = accepted(listener, &client);
    for (const int fd : {static_cast<int>(listener), static_cast<int>(server)}) {
      CHECK(option_of(fd, SOL_SOCKET, SO_RCVBUF) == static_cast<int>(2 * bytes));
      CHECK(option_of(fd, SOL_SOCKET, SO_SNDBUF) == static_cast<int>(4 * bytes));
    }
    CHECK(option_of(server, IPPROTO_TCP, TCP_NODELAY) != 0);
  }
}

TEST_CASE("no option asked for leaves the system's sizes and congestion control") {
  const Fd plain(::socket(AF_INET, SOCK_STREAM, 0));
  const Fd listener = listen_or_fail(ipv4_loopback());
  CHECK(option_of(listener, SOL_SOCKET, SO_RCVBUF) == option_of(plain, SOL_SOCKET, SO_RCVBUF));
  CHECK(option_of(listener, SOL_SOCKET, SO_SNDBUF) == option_of(plain, SOL_SOCKET, SO_SNDBUF));
  CHECK(congestion_of(listener) == congestion_of(plain));
}

TEST_CASE("a buffer over the kernel's limit is -EMSGSIZE, not quietly smaller") {
  const std::uint32_t huge = 1U << 29;
  const Fd plain(::socket(AF_INET, SOCK_STREAM, 0));
  const int wanted = static_cast<int>(huge);
  REQUIRE(setsockopt(plain, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted) == 0);
  if (option_of(plain, SOL_SOCKET, SO_RCVBUF) >= wanted) {
    MESSAGE("this kernel allows half a gibibyte");
    return;
  }
  CHECK(Fd(listen_on(ipv4_loopback(), {.receive_buffer = huge})).release() == -EMSGSIZE);
  CHECK(Fd(listen_on(ipv4_loopback(), {.send_buffer = huge})).release() == -EMSGSIZE);
  CHECK(Fd(listen_on(ipv4_loopback(), {.send_buffer = UINT32_MAX})).release() == -EMSGSIZE);
  const Address name = local(std::string(1, '\0') + "millrace-huge-" + std::to_string(getpid()));
  CHECK(Fd(listen_on(name, {.send_buffer = huge})).release() == -EMSGSIZE);
}

TEST_CASE("every congestion control that is allowed can be chosen, and is inherited") {
  const std::vector<std::string> names = allowed_congestion();
  REQUIRE_FALSE(names.empty());
  for (const std::string& name : names) {
    CAPTURE(name);
    const Fd listener(listen_on(ipv4_loopback(), with_congestion(name)));
    REQUIRE(listener >= 0);
    Fd client;
    const Fd server = accepted(listener, &client);
    CHECK(congestion_of(listener) == name);
    CHECK(congestion_of(server) == name);
  }
}

TEST_CASE("a congestion control that does not exist is -ENOENT") {
  CHECK(Fd(listen_on(ipv4_loopback(), with_congestion("no_such_thing"))).release() == -ENOENT);
}

TEST_CASE("a local socket inherits nothing: its send buffer is set when it is accepted") {
  const Pair pair(local(std::string(1, '\0') + "millrace-options-" + std::to_string(getpid())));
  CHECK(set_send_buffer(pair.server, 4096) == 0);
  CHECK(option_of(pair.server, SOL_SOCKET, SO_SNDBUF) == 8192);
  CHECK(set_send_buffer(pair.server, UINT32_MAX) == -EMSGSIZE);
  CHECK(set_send_buffer(-1, 4096) == -EBADF);
}

TEST_CASE("the backlog bounds who waits") {
  const Fd listener(
      listen_on(local(std::string(1, '\0') + "millrace-backlog-" + std::to_string(getpid())), {.backlog = 2}));
  REQUIRE(listener >= 0);
  const Address address = bound(listener);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.path, address.path_length);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path_length);
  std::vector<Fd> clients;
  int waiting = 0;
  while (waiting < 100) {
    clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    if (::connect(clients.back(), reinterpret_cast<sockaddr*>(&name), length) != 0) break;
    ++waiting;
  }
  CHECK(errno == EAGAIN);
  CHECK(waiting == 3);  // Linux lets in one more than the backlog
}

}  // namespace
