// SPDX-License-Identifier: Apache-2.0
//
// A process that does not ignore SIGPIPE, as one that loads the core beside other native code: whatever a loop sends to
// a peer that has gone, the process lives.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "frames.hpp"
#include "java_half.hpp"

namespace millrace::engine::test {

namespace {

void stop_ignoring_sigpipe() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  REQUIRE(sigaction(SIGPIPE, &action, nullptr) == 0);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  REQUIRE(sigprocmask(SIG_UNBLOCK, &signals, nullptr) == 0);
}

}  // namespace

TEST_CASE("a write to a socket whose peer has gone kills a process that is told nothing else") {
  stop_ignoring_sigpipe();
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::_Exit(1);
    close(ends[1]);
    (void)!write(ends[0], "x", 1);
    std::_Exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGPIPE);
}

TEST_CASE("a loop that sends to a peer that has gone lives, and tells EPIPE") {
  stop_ignoring_sigpipe();
  JavaHalf java;
  const Folder folder;
  const std::string path = folder.file("socket");
  java.listen_local(path);
  const std::string big = pattern(4 << 20);
  for (const char* what : {"message", "pieces", "ping", "close", "pong", "response"}) {
    CAPTURE(what);
    java.events.clear();
    const std::string doing = what;
    java.accept_upgrades = doing != "response";
    Client client = Client::local(path);
    Id id;
    if (doing == "response") {
      client.write(upgrade_request());
      REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kRequest) == 1; }));
      id = java.last_request();
    } else {
      id = open_connection(java, client);
    }
    if (doing == "pong") {
      client.write(client_frame(kPing, "?"));
      while (client.work()) {
      }
    }
    client.close();
    if (doing == "message") java.send(id, kBinary, "x");
    if (doing == "pieces") java.send(id, kBinary, big, JavaHalf::Echo::owned);
    if (doing == "ping") java.send(id, kPing, {});
    if (doing == "close") java.close(id, 1000);
    if (doing == "response") {
      java.respond(id, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      java.forget(id);
    } else {
      REQUIRE(pump(java, {}, [&] { return java.count(ring::kClosed) == 1; }));
      // A peer that has closed with something unread has reset the connection.
      const int error = java.first(ring::kClosed)->error_number();
      CHECK((error == EPIPE || error == ECONNRESET || doing == "pong"));
    }
    expect_idle(java);
  }
}

}  // namespace millrace::engine::test
