// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "transport/listener.hpp"
#include "transport/stream.hpp"

namespace millrace::transport {

namespace {

os::Address loopback() {
  os::Address address;
  address.family = os::Family::ipv4;
  address.ip[0] = 127;
  address.ip[3] = 1;
  return address;
}

os::Address local(const std::string& path) {
  os::Address address;
  address.family = os::Family::local;
  address.path_length = static_cast<std::uint8_t>(path.size());
  std::memcpy(address.path, path.data(), path.size());
  return address;
}

/// Two ends of one stream; `mine` does not block, as everything that a listener accepts.
std::pair<Stream, int> connected() {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  return {Stream(ends[0]), ends[1]};
}

iovec piece(std::string& bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

TEST_CASE("a listener on port 0 knows the port it got, and accepts nobody while nobody comes") {
  Listener listener;
  CHECK(!listener.is_open());
  REQUIRE(listener.open(loopback(), {}) == 0);
  CHECK(listener.is_open());
  CHECK(listener.port() != 0);
  os::Address peer;
  CHECK(listener.accept(&peer) == -EAGAIN);
  Listener second;
  os::Address taken = loopback();
  taken.port = listener.port();
  CHECK(second.open(taken, {}) == -EADDRINUSE);
  CHECK(!second.is_open());
  listener.close();
  listener.close();
  CHECK(second.open(taken, {}) == 0);
  second.close();
}

TEST_CASE("a local listener takes its file along") {
  char folder[] = "/tmp/millrace-transport-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/s";
  Listener listener;
  REQUIRE(listener.open(local(path), {}) == 0);
  CHECK(listener.port() == 0);
  CHECK(access(path.c_str(), F_OK) == 0);
  listener.close();
  CHECK(access(path.c_str(), F_OK) != 0);
  CHECK(listener.open(local(std::string(folder) + "/none/s"), {}) == -ENOENT);
  CHECK(!listener.is_open());
  CHECK(rmdir(folder) == 0);
}

TEST_CASE("a local listener whose path another has taken leaves that file alone") {
  char folder[] = "/tmp/millrace-transport-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/s";
  Listener first;
  Listener second;
  REQUIRE(first.open(local(path), {}) == 0);
  REQUIRE(unlink(path.c_str()) == 0);
  REQUIRE(second.open(local(path), {}) == 0);
  first.close();
  CHECK(access(path.c_str(), F_OK) == 0);
  second.close();
  CHECK(access(path.c_str(), F_OK) != 0);
  CHECK(rmdir(folder) == 0);
}

TEST_CASE("a local listener gives what it accepts the send buffer that was asked for") {
  const std::string name = std::string(1, '\0') + "millrace-transport-" + std::to_string(getpid());
  Listener listener;
  REQUIRE(listener.open(local(name), {.send_buffer = 4096}) == 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, sizeof address.sun_path);
  const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&address), length) == 0);
  os::Address peer;
  const int server = listener.accept(&peer);
  REQUIRE(server >= 0);
  int bytes = 0;
  socklen_t size = sizeof bytes;
  REQUIRE(getsockopt(server, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0);
  CHECK(bytes == 8192);
  ::close(server);
  ::close(client);
  listener.close();
}

TEST_CASE("a stream: later, bytes in pieces, the end") {
  auto [stream, other] = connected();
  std::string first(3, ' ');
  std::string second(10, ' ');
  iovec pieces[2] = {piece(first), piece(second)};
  CHECK(stream.receive(pieces, 2) == -EAGAIN);
  REQUIRE(::send(other, "abcdefgh", 8, 0) == 8);
  CHECK(stream.receive(pieces, 2) == 8);
  CHECK(first == "abc");
  CHECK(second.substr(0, 5) == "defgh");

  std::string one = "1";
  std::string two = "23";
  iovec out[2] = {piece(one), piece(two)};
  CHECK(stream.send(out, 2) == 3);
  char bytes[8];
  CHECK(::recv(other, bytes, sizeof bytes, 0) == 3);
  stream.finish_sending();
  CHECK(::recv(other, bytes, sizeof bytes, 0) == 0);
  REQUIRE(::shutdown(other, SHUT_WR) == 0);
  CHECK(stream.receive(pieces, 2) == 0);
  stream.close(false);
  CHECK(!stream.is_open());
  ::close(other);
}

TEST_CASE("a full stream takes a part, then nothing; a broken one says so without a signal") {
  auto [stream, other] = connected();
  std::string much(8 << 20, 'x');
  iovec out = piece(much);
  const std::int64_t taken = stream.send(&out, 1);
  CHECK(taken > 0);
  CHECK(taken < static_cast<std::int64_t>(much.size()));
  CHECK(stream.send(&out, 1) == -EAGAIN);
  ::close(other);
  CHECK(stream.send(&out, 1) == -EPIPE);
  stream.close(true);
}

}  // namespace millrace::transport
