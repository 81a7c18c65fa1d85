// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/stat.h>

#include <fstream>

#include "sockets.hpp"

namespace {

using namespace millrace::os;
using namespace millrace::os::test;

int try_listen(const Address& address) { return Fd(listen_on(address, {})).release(); }

bool exists(const std::string& path) {
  struct stat status;
  return lstat(path.c_str(), &status) == 0;
}

/// A socket file that a process left behind: bound, then closed without unlink.
void leave_stale_file(const std::string& path, int type = SOCK_STREAM) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  const Fd fd(::socket(AF_UNIX, type, 0));
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
}

TEST_CASE("port 0 is replaced by the port that was chosen") {
  const Fd listener = listen_or_fail(ipv4_loopback());
  const Address address = bound(listener);
  CHECK(address.family == Family::ipv4);
  CHECK(address.port != 0);
  CHECK(std::memcmp(address.ip, ipv4_loopback().ip, 16) == 0);
}

TEST_CASE("a port that is taken is -EADDRINUSE, also with SO_REUSEADDR and SO_REUSEPORT on one side only") {
  const Fd listener = listen_or_fail(ipv4_loopback());
  CHECK(try_listen(bound(listener)) == -EADDRINUSE);
  CHECK(Fd(listen_on(bound(listener), {.sharing = Sharing::further})).release() == -EADDRINUSE);
}

TEST_CASE("further listeners share the first one's port, and nobody else gets in") {
  const Fd first(listen_on(ipv4_loopback(), {.sharing = Sharing::first}));
  REQUIRE(first >= 0);
  const Fd second(listen_on(bound(first), {.sharing = Sharing::further}));
  CHECK(second >= 0);
  CHECK(try_listen(bound(first)) == -EADDRINUSE);
  CHECK(Fd(listen_on(bound(first), {.sharing = Sharing::first})).release() == -EADDRINUSE);
  // The kernel spreads connections over both.
  bool seen[2] = {};
  for (int attempt = 0; attempt < 1000 && !(seen[0] && seen[1]); ++attempt) {
    const Fd client = connect_to(bound(first));
    Address peer;
    for (int which = 0; which < 2; ++which) {
      const Fd server(accept_from(which == 0 ? first : second, &peer));
      if (server >= 0) seen[which] = true;
    }
  }
  CHECK(seen[0]);
  CHECK(seen[1]);
}

TEST_CASE("a port is free again at once although a connection lingers in TIME_WAIT") {
  Address address;
  {
    Pair pair(ipv4_loopback());
    address = bound(pair.listener);
    // The side that closes first keeps TIME_WAIT.
    pair.server = Fd();
    REQUIRE(received(pair.client, 1).empty());
  }
  CHECK(Fd(try_listen(address)) >= 0);
}

TEST_CASE("an IPv6 listener takes IPv4 peers and says so") {
  Address any;
  any.family = Family::ipv6;
  const int fd = listen_on(any, {});
  if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) {
    MESSAGE("no IPv6 here");
    return;
  }
  REQUIRE(fd >= 0);
  const Fd listener(fd);
  const Address address = bound(listener);
  CHECK(address.family == Family::ipv6);
  const Fd client = connect_to(ipv4_loopback(address.port));
  Address peer;
  const Fd server = accept_or_fail(listener, &peer);
  CHECK(peer.family == Family::ipv4);
  CHECK(peer.port == bound(client).port);
  CHECK(std::memcmp(peer.ip, ipv4_loopback().ip, 16) == 0);
}

TEST_CASE("an IPv6 address goes both ways") {
  Address loopback;
  loopback.family = Family::ipv6;
  loopback.ip[15] = 1;
  const int fd = listen_on(loopback, {});
  if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) {
    MESSAGE("no IPv6 here");
    return;
  }
  REQUIRE(fd >= 0);
  const Fd listener(fd);
  const Address address = bound(listener);
  CHECK(address.family == Family::ipv6);
  CHECK(std::memcmp(address.ip, loopback.ip, 16) == 0);
}

TEST_CASE("a stale socket file is replaced") {
  const Folder folder;
  const std::string path = folder.file("stale.sock");
  leave_stale_file(path);
  REQUIRE(exists(path));
  const Fd listener = listen_or_fail(local(path));
  CHECK(path_of(bound(listener)) == path);
  const Fd client = connect_to(local(path));
  Address peer;
  const Fd server = accept_or_fail(listener, &peer);
  CHECK(server >= 0);
}

TEST_CASE("a socket file in use is -EADDRINUSE, and its owner goes on") {
  const Folder folder;
  const std::string path = folder.file("live.sock");
  const Fd owner = listen_or_fail(local(path));
  CHECK(try_listen(local(path)) == -EADDRINUSE);
  CHECK(exists(path));
  const Fd client = connect_to(local(path));
  Address peer;
  CHECK(accept_or_fail(owner, &peer) >= 0);
}

TEST_CASE("a socket file whose owner's backlog is full is in use") {
  const Folder folder;
  const std::string path = folder.file("full.sock");
  const Fd owner = listen_or_fail(local(path), 0);
  const Fd client = connect_to(local(path));
  CHECK(try_listen(local(path)) == -EADDRINUSE);
  CHECK(exists(path));
}

TEST_CASE("a path that exists and is no stream socket is -EADDRINUSE and stays as it is") {
  const Folder folder;
  const std::string file = folder.file("file");
  std::ofstream(file) << "precious";
  CHECK(try_listen(local(file)) == -EADDRINUSE);
  std::string content;
  std::ifstream(file) >> content;
  CHECK(content == "precious");

  const std::string directory = folder.file("directory");
  REQUIRE(mkdir(directory.c_str(), 0700) == 0);
  CHECK(try_listen(local(directory)) == -EADDRINUSE);
  CHECK(exists(directory));

  const std::string stale = folder.file("stale.sock");
  const std::string link = folder.file("link");
  leave_stale_file(stale);
  REQUIRE(symlink(stale.c_str(), link.c_str()) == 0);
  CHECK(try_listen(local(link)) == -EADDRINUSE);
  CHECK(exists(link));
  CHECK(exists(stale));

  const std::string dangling = folder.file("dangling");
  REQUIRE(symlink(folder.file("nowhere").c_str(), dangling.c_str()) == 0);
  CHECK(try_listen(local(dangling)) == -EADDRINUSE);
  CHECK(exists(dangling));

  const std::string datagram = folder.file("datagram.sock");
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  datagram.copy(name.sun_path, sizeof name.sun_path - 1);
  const Fd other(::socket(AF_UNIX, SOCK_DGRAM, 0));
  REQUIRE(::bind(other, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  CHECK(try_listen(local(datagram)) == -EADDRINUSE);
  CHECK(exists(datagram));
}

TEST_CASE("a folder that is not there is -ENOENT") {
  const Folder folder;
  CHECK(try_listen(local(folder.file("no/such.sock"))) == -ENOENT);
}

TEST_CASE("the longest path works and comes back whole") {
  const Folder folder;
  std::string path = folder.file("");
  path += std::string(kMaxLocalPath - path.size(), 'p');
  const Fd listener = listen_or_fail(local(path));
  CHECK(path_of(bound(listener)) == path);
  CHECK(exists(path));
}

TEST_CASE("abstract names have no file and are free as soon as they are closed") {
  const std::string name =
      std::string(1, '\0') + "millrace-os-test-" + std::to_string(getpid()) + std::string(1, '\0') + "x";
  {
    Pair pair(local(name));
    CHECK(path_of(bound(pair.listener)) == name);
    CHECK(try_listen(local(name)) == -EADDRINUSE);
    CHECK(sent(pair.client, "a") == 1);
    CHECK(received(pair.server, 8) == "a");
  }
  CHECK(Fd(try_listen(local(name))) >= 0);
}

TEST_CASE("an address that says nothing or two things is -EINVAL") {
  CHECK(try_listen(Address{}) == -EINVAL);
  CHECK(try_listen(local("")) == -EINVAL);
  CHECK(try_listen(local(std::string("/tmp/a\0b", 8))) == -EINVAL);
  Address overlong = local("/tmp/x");
  overlong.path_length = kMaxLocalPath + 1;
  CHECK(try_listen(overlong) == -EINVAL);
}

TEST_CASE("unlink_local removes socket files only") {
  const Folder folder;
  const std::string path = folder.file("gone.sock");
  leave_stale_file(path);
  CHECK(unlink_local(local(path)) == 0);
  CHECK_FALSE(exists(path));
  CHECK(unlink_local(local(path)) == -ENOENT);
  const std::string file = folder.file("file");
  std::ofstream(file) << "precious";
  CHECK(unlink_local(local(file)) == -ENOTSOCK);
  CHECK(exists(file));
  CHECK(unlink_local(local(std::string("\0abstract", 9))) == 0);
  CHECK(unlink_local(ipv4_loopback(1)) == 0);
}

TEST_CASE("local_address of what is no socket is an error") {
  Address address;
  CHECK(local_address(-1, &address) == -EBADF);
  CHECK(local_address(STDIN_FILENO + 1000, &address) == -EBADF);
}

}  // namespace
