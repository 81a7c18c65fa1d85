// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <set>
#include <vector>

#include "sockets.hpp"

namespace {

using namespace millrace::os;
using namespace millrace::os::test;

int number(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  REQUIRE(getsockopt(fd, level, option, &value, &length) == 0);
  return value;
}

void check_connects(const Address& address) {
  const Fd listener = listen_or_fail(address);
  const Fd client(connect_start(bound(listener), {}));
  REQUIRE(client >= 0);
  CHECK((fcntl(client, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((fcntl(client, F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(await(client, POLLOUT));
  CHECK(socket_error(client) == 0);
  Address peer;
  const Fd server = accept_or_fail(listener, &peer);
  const std::string text = "to the server";
  const iovec piece{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  CHECK(send(client, &piece, 1) == 13);
  CHECK(received(server, 100) == text);
}

TEST_CASE("every kind of address can be connected to") {
  SUBCASE("IPv4") { check_connects(ipv4_loopback()); }
  SUBCASE("IPv6") {
    Address address;
    address.family = Family::ipv6;
    address.ip[15] = 1;
    check_connects(address);
  }
  SUBCASE("path") {
    const Folder folder;
    check_connects(local(folder.file("connect.sock")));
  }
  SUBCASE("abstract") { check_connects(local(std::string("\0millrace-connect-", 18) + std::to_string(getpid()))); }
}

TEST_CASE("a TCP port without a listener is told by SO_ERROR, a path at once") {
  Address closed;
  {
    const Fd listener = listen_or_fail(ipv4_loopback());
    closed = bound(listener);
  }
  const Fd client(connect_start(closed, {}));
  if (client >= 0) {
    REQUIRE(await(client, POLLOUT));
    CHECK(socket_error(client) == ECONNREFUSED);
  } else {
    CHECK(static_cast<int>(client) == -ECONNREFUSED);
  }
  const Folder folder;
  CHECK(connect_start(local(folder.file("nobody.sock")), {}) == -ENOENT);
  const std::string left = folder.file("left.sock");
  (void)listen_or_fail(local(left));
  CHECK(connect_start(local(left), {}) == -ECONNREFUSED);
}

TEST_CASE("a local listener whose queue is full says later") {
  const Folder folder;
  const Address address = local(folder.file("full.sock"));
  const Fd listener = listen_or_fail(address, 1);
  std::vector<Fd> waiting;
  int result = 0;
  for (int i = 0; i < 8 && result >= 0; ++i) {
    result = connect_start(address, {});
    if (result >= 0) waiting.emplace_back(result);
  }
  CHECK(result == -EAGAIN);
}

TEST_CASE("options are set before the handshake, and those that cannot be had are told") {
  const Fd listener = listen_or_fail(ipv4_loopback());
  ConnectOptions options;
  options.receive_buffer = 20'000;
  options.send_buffer = 30'000;
  const Fd client(connect_start(bound(listener), options));
  REQUIRE(client >= 0);
  CHECK(number(client, SOL_SOCKET, SO_RCVBUF) == 40'000);
  CHECK(number(client, SOL_SOCKET, SO_SNDBUF) == 60'000);
  CHECK(number(client, IPPROTO_TCP, TCP_NODELAY) == 1);

  options.send_buffer = INT32_MAX / 2;
  CHECK(connect_start(bound(listener), options) == -EMSGSIZE);
  options = {};
  std::strcpy(options.congestion, "no-such-one");
  CHECK(connect_start(bound(listener), options) == -ENOENT);
}

TEST_CASE("addresses that are none") {
  CHECK(connect_start({}, {}) == -EINVAL);
  CHECK(connect_start(local(""), {}) == -EINVAL);
  CHECK(connect_start(local(std::string("/tmp/a\0b", 8)), {}) == -EINVAL);
}

TEST_CASE("random bytes fill all of the buffer, and are not the same again") {
  std::set<std::string> seen;
  for (const std::size_t length : {16, 300, 4096}) {
    std::string bytes(length + 1, '\0');
    REQUIRE(random_bytes(bytes.data(), length) == 0);
    CHECK(bytes.back() == '\0');
    CHECK(std::count(bytes.begin(), bytes.end() - 1, '\0') < static_cast<std::ptrdiff_t>(length / 8 + 8));
    seen.insert(bytes.substr(0, 16));
  }
  CHECK(seen.size() == 3);
}

}  // namespace
