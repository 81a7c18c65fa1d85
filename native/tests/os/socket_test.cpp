// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <algorithm>
#include <vector>

#include "sockets.hpp"

namespace {

using namespace millrace::os;
using namespace millrace::os::test;

template <class Test>
void on_each_transport(Test test) {
  SUBCASE("TCP") { test(ipv4_loopback()); }
  SUBCASE("local") {
    const Folder folder;
    test(local(folder.file("pair.sock")));
  }
}

/// Sends until the socket is full; returns the bytes taken.
std::size_t fill(int fd) {
  std::string block(65536, 'f');
  const iovec piece{.iov_base = block.data(), .iov_len = block.size()};
  std::size_t total = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto result = send(fd, &piece, 1);
    if (result == -EAGAIN) return total;
    REQUIRE(result > 0);
    total += static_cast<std::size_t>(result);
  }
  FAIL("the socket never filled");
  return total;
}

TEST_CASE("bytes go both ways, then the end of the stream") {
  on_each_transport([](const Address& address) {
    Pair pair(address);
    CHECK(sent(pair.server, "to the client") == 13);
    CHECK(received(pair.client, 100) == "to the client");
    CHECK(sent(pair.client, "to the server") == 13);
    CHECK(received(pair.server, 100) == "to the server");
    CHECK(shutdown_send(pair.server) == 0);
    CHECK(received(pair.client, 100) == "");
    // Half-closed: the other direction still works.
    CHECK(sent(pair.client, "late") == 4);
    CHECK(received(pair.server, 100) == "late");
    CHECK(close_socket(pair.client.release()) == 0);
    CHECK(received(pair.server, 100) == "");
  });
}

TEST_CASE("pieces are gathered and scattered in order") {
  on_each_transport([](const Address& address) {
    Pair pair(address);
    std::string texts[] = {"one", "", "two", "three"};
    std::vector<iovec> pieces;
    for (auto& text : texts) pieces.push_back({.iov_base = text.data(), .iov_len = text.size()});
    CHECK(send(pair.server, pieces.data(), static_cast<int>(pieces.size())) == 11);

    REQUIRE(await(pair.client, POLLIN));
    char first[4];
    char second[100];
    const iovec places[] = {{.iov_base = first, .iov_len = sizeof first},
                            {.iov_base = second, .iov_len = sizeof second}};
    REQUIRE(receive(pair.client, places, 2) == 11);
    CHECK(std::string(first, 4) == "onet");
    CHECK(std::string(second, 7) == "wothree");
  });
}

TEST_CASE("kMaxPieces pieces leave in one call, one more is an error") {
  Pair pair(ipv4_loopback());
  char byte = 'p';
  const std::vector<iovec> pieces(kMaxPieces + 1, {.iov_base = &byte, .iov_len = 1});
  CHECK(send(pair.server, pieces.data(), kMaxPieces) == kMaxPieces);
  CHECK(send(pair.server, pieces.data(), kMaxPieces + 1) == -EMSGSIZE);
}

TEST_CASE("nothing to receive, nobody to accept and a full socket are -EAGAIN") {
  on_each_transport([](const Address& address) {
    Pair pair(address);
    char byte;
    const iovec place{.iov_base = &byte, .iov_len = 1};
    CHECK(receive(pair.server, &place, 1) == -EAGAIN);
    Address peer;
    CHECK(accept_from(pair.listener, &peer) == -EAGAIN);

    const std::size_t total = fill(pair.server);
    std::string block(65536, 'f');
    const iovec two[] = {{.iov_base = block.data(), .iov_len = 1}, {.iov_base = block.data(), .iov_len = block.size()}};
    CHECK(send(pair.server, two, 2) == -EAGAIN);
    std::size_t arrived = 0;
    while (arrived < total) arrived += received(pair.client, 65536).size();
    CHECK(arrived == total);
    CHECK(sent(pair.server, "x") == 1);
  });
}

TEST_CASE("sending to a peer that is gone is -EPIPE or -ECONNRESET, never a signal") {
  on_each_transport([](const Address& address) {
    Pair pair(address);
    pair.client = Fd();
    std::int64_t result = 0;
    // TCP learns it from the answer to the first byte.
    for (int i = 0; i < 3 && result >= 0; ++i) {
      result = sent(pair.server, "x");
      if (result >= 0) REQUIRE(await(pair.server, POLLERR));
    }
    CHECK((result == -EPIPE || result == -ECONNRESET));
    CHECK(sent(pair.server, "x") == -EPIPE);
    std::string text = "y";
    const iovec two[] = {{.iov_base = text.data(), .iov_len = 1}, {.iov_base = text.data(), .iov_len = 1}};
    CHECK(send(pair.server, two, 2) == -EPIPE);
  });
}

TEST_CASE("close_socket with reset aborts a TCP connection and drops what was not sent") {
  Pair pair(ipv4_loopback());
  CHECK(close_socket(pair.server.release(), true) == 0);
  REQUIRE(await(pair.client, POLLIN));
  char byte;
  CHECK(::recv(pair.client, &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
}

TEST_CASE("a peer's reset is seen by receive, and once by socket_error") {
  const auto reset_by_peer = [](Pair& pair) {
    const linger abort{.l_onoff = 1, .l_linger = 0};
    REQUIRE(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &abort, sizeof abort) == 0);
    pair.client = Fd();
    REQUIRE(await(pair.server, POLLIN));
  };
  Pair received_it(ipv4_loopback());
  reset_by_peer(received_it);
  char byte;
  const iovec place{.iov_base = &byte, .iov_len = 1};
  CHECK(receive(received_it.server, &place, 1) == -ECONNRESET);

  Pair asked(ipv4_loopback());
  CHECK(socket_error(asked.server) == 0);
  reset_by_peer(asked);
  CHECK(socket_error(asked.server) == ECONNRESET);
  CHECK(socket_error(asked.server) == 0);
}

TEST_CASE("an accepted connection knows its peer and has the options it needs") {
  Pair tcp(ipv4_loopback());
  CHECK(tcp.peer.family == Family::ipv4);
  CHECK(tcp.peer.port == bound(tcp.client).port);
  int value = 0;
  socklen_t length = sizeof value;
  REQUIRE(getsockopt(tcp.server, IPPROTO_TCP, TCP_NODELAY, &value, &length) == 0);
  CHECK(value != 0);

  const Folder folder;
  Pair unnamed(local(folder.file("peer.sock")));
  CHECK(unnamed.peer.family == Family::local);
  CHECK(unnamed.peer.path_length == 0);
}

TEST_CASE("every socket closes on exec and does not block") {
  on_each_transport([](const Address& address) {
    Pair pair(address);
    for (const int fd : {int{pair.listener}, int{pair.server}}) {
      CHECK(closes_on_exec(fd));
      CHECK(is_non_blocking(fd));
    }
  });
}

TEST_CASE("no descriptor left is -EMFILE, and the connection waits until there is one") {
  const Fd listener = listen_or_fail(ipv4_loopback());
  const Fd client = connect_to(bound(listener));
  REQUIRE(await(listener, POLLIN));
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  // The lowest free descriptor is the first one that the limit forbids.
  const int lowest_free = ::dup(listener);
  REQUIRE(lowest_free >= 0);
  ::close(lowest_free);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(lowest_free);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
  Address peer;
  const int refused = accept_from(listener, &peer);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(refused == -EMFILE);
  CHECK(accept_or_fail(listener, &peer) >= 0);
}

TEST_CASE("a bad descriptor is -EBADF everywhere") {
  char byte;
  const iovec place{.iov_base = &byte, .iov_len = 1};
  Address peer;
  CHECK(accept_from(-1, &peer) == -EBADF);
  CHECK(receive(-1, &place, 1) == -EBADF);
  CHECK(send(-1, &place, 1) == -EBADF);
  CHECK(shutdown_send(-1) == -EBADF);
  CHECK(close_socket(-1) == -EBADF);
  CHECK(close_socket(-1, true) == -EBADF);
  CHECK(socket_error(-1) == -EBADF);
}

}  // namespace
