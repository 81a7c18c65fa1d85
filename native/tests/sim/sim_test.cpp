// SPDX-License-Identifier: Apache-2.0
#include "sim.hpp"

#include <doctest/doctest.h>
#include <errno.h>
#include <sys/uio.h>

#include <string>

namespace millrace::sim {

namespace {

constexpr std::int64_t kMilli = 1'000'000;

/// A listener, a poller, and one accepted connection.
struct Pair {
  explicit Pair(const Options& options = {}) {
    start(options);
    os::Address address;
    address.family = os::Family::ipv4;
    listener = os::listen_on(address, {});
    REQUIRE(listener >= 0);
    REQUIRE(os::local_address(listener, &address) == 0);
    poller = os::poller_create();
    REQUIRE(poller >= 0);
    peer = connect(address);
    REQUIRE(peer != kNoPeer);
    os::Address from;
    fd = os::accept_from(listener, &from);
    REQUIRE(fd >= 0);
    CHECK(from.port == peer);
    REQUIRE(os::poller_add(poller, fd, 7, true, false) == 0);
  }
  ~Pair() {
    if (fd >= 0) os::close_socket(fd);
    os::close_socket(listener);
    os::poller_close(poller);
    CHECK(open_descriptors() == 0);
  }
  os::Ready wait(std::int64_t timeout_ns = 0) {
    os::Ready ready[4] = {};
    count = os::poller_wait(poller, ready, 4, timeout_ns);
    return ready[0];
  }
  std::int64_t receive(std::size_t most = 100) {
    iovec piece{bytes, most};
    return os::receive(fd, &piece, 1);
  }
  std::int64_t send(std::string text) {
    iovec piece{text.data(), text.size()};
    return os::send(fd, &piece, 1);
  }

  int listener = -1;
  int poller = -1;
  int fd = -1;
  int count = 0;
  Peer peer = kNoPeer;
  char bytes[100];
};

}  // namespace

TEST_CASE("bytes go both ways in chunks, and full buffers say later") {
  Pair pair;
  set_buffers(pair.peer, {10, 6, 3, 4});
  CHECK(write(pair.peer, "0123456789abc") == 10);
  CHECK(pair.wait().readable);
  CHECK(pair.receive() == 3);
  CHECK(std::string(pair.bytes, 3) == "012");
  CHECK(pair.receive(2) == 2);
  CHECK(unreceived(pair.peer) == 5);
  CHECK(pair.send("ABCDEFGH") == 4);
  CHECK(pair.send("EFGH") == 2);
  CHECK(pair.send("GH") == -EAGAIN);
  CHECK(read(pair.peer, 5) == "ABCDE");
  CHECK(read(pair.peer) == "F");
}

TEST_CASE("a wait moves the clock when nothing is ready, and only then") {
  Pair pair;
  const std::int64_t before = os::clock_ns();
  (void)pair.wait(5 * kMilli);
  CHECK(pair.count == 0);
  CHECK(os::clock_ns() - before == 5 * kMilli);
  write(pair.peer, "x");
  const os::Ready ready = pair.wait(5 * kMilli);
  CHECK(pair.count == 1);
  CHECK(ready.data == 7);
  CHECK(os::clock_ns() - before == 5 * kMilli);
}

TEST_CASE("readiness is level-triggered, and asks what was asked for") {
  Pair pair;
  write(pair.peer, "x");
  CHECK(pair.wait().readable);
  CHECK(pair.wait().readable);
  REQUIRE(os::poller_modify(pair.poller, pair.fd, 8, false, true) == 0);
  const os::Ready ready = pair.wait();
  CHECK(ready.data == 8);
  CHECK_FALSE(ready.readable);
  CHECK(ready.writable);
}

TEST_CASE("FIN is the end behind the bytes; with our own it is HUP, which cannot be masked") {
  Pair pair;
  write(pair.peer, "last");
  finish(pair.peer);
  CHECK(pair.receive() == 4);
  CHECK(pair.receive() == 0);
  REQUIRE(os::poller_modify(pair.poller, pair.fd, 7, false, false) == 0);
  (void)pair.wait();
  CHECK(pair.count == 0);
  CHECK(pair.send("still") == 5);
  CHECK(os::shutdown_send(pair.fd) == 0);
  CHECK(pair.wait().hangup);
  CHECK(read(pair.peer) == "still");
  CHECK(at_end(pair.peer));
}

TEST_CASE("RST: what came before it is received, then the error once, then the end") {
  Pair pair;
  write(pair.peer, "before");
  reset(pair.peer);
  CHECK(pair.wait().hangup);
  CHECK(pair.receive() == 6);
  CHECK(pair.receive() == -ECONNRESET);
  CHECK(pair.receive() == 0);
  CHECK(pair.send("x") == -EPIPE);
}

TEST_CASE("sending to a peer that has closed succeeds once") {
  Pair pair;
  close(pair.peer);
  CHECK(pair.send("x") == 1);
  CHECK(pair.send("y") == -EPIPE);
}

TEST_CASE("closing with unread input resets") {
  Pair pair;
  write(pair.peer, "unread");
  os::close_socket(pair.fd);
  pair.fd = -1;
  CHECK(was_reset(pair.peer));
  CHECK_FALSE(is_open(pair.peer));
}

TEST_CASE("descriptors are the lowest free ones, and run out") {
  Options options;
  options.descriptors = 4;
  Pair pair(options);
  const int wake = os::wake_create();
  CHECK(wake == pair.fd + 1);
  CHECK(os::wake_create() == -EMFILE);
  os::wake_close(wake);
  CHECK(os::poller_create() == wake);
  os::poller_close(wake);
}

TEST_CASE("a fault comes at its call, once; EINTR never leaves a function") {
  Pair pair;
  write(pair.peer, "abc");
  fail(Call::receive, 2, ECONNRESET);
  fail(Call::receive, 3, EINTR);
  CHECK(pair.receive(1) == 1);
  CHECK(pair.receive(1) == -ECONNRESET);
  CHECK(pair.receive(1) == 1);
  CHECK(failures() == 2);
  fail(Call::send, 1, usual_error(Call::send, 2));
  CHECK(pair.send("x") == -usual_error(Call::send, 2));
  CHECK(last_failure() == Call::send);
}

TEST_CASE("a socket of the core connects to a server that answers at once, later, or not") {
  start();
  const int poller = os::poller_create();
  os::Address address;
  address.family = os::Family::ipv4;
  address.port = 80;
  const auto begin = [&](Answers answers) {
    serve(address, answers);
    const int fd = os::connect_start(address, {});
    REQUIRE(fd >= 0);
    REQUIRE(os::poller_add(poller, fd, 7, false, true) == 0);
    return fd;
  };
  os::Ready ready[4] = {};

  const int at_once = begin(Answers::at_once);
  const Peer peer = accept();
  CHECK(os::poller_wait(poller, ready, 4, 0) == 1);
  CHECK(ready[0].writable);
  CHECK_FALSE(ready[0].hangup);
  CHECK(os::socket_error(at_once) == 0);
  CHECK(write(peer, "hello") == 5);
  char bytes[10];
  const iovec piece{bytes, sizeof bytes};
  CHECK(os::receive(at_once, &piece, 1) == 5);
  os::close_socket(at_once);

  const int refused = begin(Answers::refused);
  CHECK(accept() == kNoPeer);
  CHECK(os::poller_wait(poller, ready, 4, 0) == 1);
  CHECK(ready[0].hangup);
  CHECK(os::socket_error(refused) == ECONNREFUSED);
  os::close_socket(refused);

  for (const int error : {0, EHOSTUNREACH}) {
    const int later = begin(Answers::later);
    const Peer slow = accept();
    CHECK(os::poller_wait(poller, ready, 4, 0) == 0);
    CHECK(write(slow, "too early") == 0);
    answer(slow, error);
    CHECK(os::poller_wait(poller, ready, 4, 0) == 1);
    CHECK(os::socket_error(later) == error);
    os::close_socket(later);
  }
  os::Address nobody = address;
  nobody.family = os::Family::local;
  nobody.path_length = 2;
  CHECK(os::connect_start(nobody, {}) == -ECONNREFUSED);
  CHECK(os::connect_start({}, {}) == -EINVAL);
  os::poller_close(poller);
  CHECK(open_descriptors() == 0);
}

}  // namespace millrace::sim
