// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "java_half.hpp"

namespace millrace::engine::test {

namespace {

/// The first PEER event's record.
ring::Record peer_of(JavaHalf& java, Client& client) {
  (void)open_connection(java, client);
  const Event* event = java.first(ring::kPeer);
  REQUIRE(event != nullptr);
  return event->record;
}

void check_own_credentials(const ring::Record& peer) {
  CHECK(peer.opcode == 1);
  CHECK(peer.flags == 0);
  CHECK(static_cast<std::uint32_t>(peer.address) == getuid());
  CHECK(static_cast<std::uint32_t>(peer.address >> 32) == getgid());
  CHECK(peer.auxiliary == static_cast<std::uint64_t>(getpid()));
}

/// Connections whose requests wait in the listener's queue.
std::vector<Client> queued(std::uint16_t port, int count) {
  std::vector<Client> clients;
  for (int index = 0; index < count; ++index) {
    clients.push_back(Client::tcp(port));
    clients.back().write(upgrade_request());
    (void)clients.back().work();
  }
  return clients;
}

}  // namespace

TEST_CASE("the peer of a local socket is told with its process, user and group") {
  const Folder folder;
  JavaHalf java;
  java.listen_local(folder.file("s"));
  Client client = Client::local(folder.file("s"));
  check_own_credentials(peer_of(java, client));
}

TEST_CASE("the peer of an abstract name is told so too, and the name is no file") {
  const std::string name = std::string(1, '\0') + "millrace-engine-" + std::to_string(getpid());
  JavaHalf java;
  java.listen_local(name);
  Client client = Client::local(name);
  check_own_credentials(peer_of(java, client));
}

TEST_CASE("the peer of a TCP socket is its address and port") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  Client client = Client::tcp(port);
  const ring::Record peer = peer_of(java, client);
  CHECK(peer.opcode == 4);
  CHECK(static_cast<std::uint32_t>(peer.address) == 0x0100007F);
  CHECK(peer.length != 0);
}

TEST_CASE("the mode of a LISTEN body is that of the file") {
  const Folder folder;
  const std::string path = folder.file("s");
  ring::ListenBody body{};
  body.family = 1;
  body.backlog = 16;
  body.mode = 0660;
  body.path_length = static_cast<std::uint32_t>(path.size());
  JavaHalf java;
  java.listen(body, path);
  struct stat status;
  REQUIRE(lstat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0660);
}

TEST_CASE("messages pass through buffers of 4 KiB") {
  ring::ListenBody body = loopback_body();
  body.receive_buffer = body.send_buffer = 4096;
  JavaHalf java;
  java.echo = JavaHalf::Echo::borrowed;
  Client client = Client::tcp(java.listen(body));
  (void)open_connection(java, client);
  client.write(client_frame(kBinary, pattern(300'000)));
  const Frame frame = next_frame(java, client);
  const bool same = frame.payload == pattern(300'000);
  CHECK(same);
  CHECK(java.counter(ring::kPartialSends) > 0);
}

TEST_CASE("UNLISTEN accepts its queue empty: who was let in is served, nobody is reset") {
  constexpr int kWaiting = 100;  // more than one turn accepts
  JavaHalf java;
  const std::uint16_t port = java.listen();
  std::vector<Client> clients = queued(port, kWaiting);
  java.unlisten();
  CHECK(pump(java, {}, [&] { return java.count(ring::kRequest) == kWaiting; }));
  CHECK(java.counter(ring::kAccepted) == kWaiting);
  for (Client& client : clients) {
    CHECK(pump(java, {&client}, [&] { return client.take_head().has_value(); }));
    CHECK(client.error() == 0);
  }
}

TEST_CASE("what a shared listener accepts stays with its loop; an unshared one hands on") {
  for (const bool shared : {true, false}) {
    CAPTURE(shared);
    const std::int64_t group = create_group();
    {
      JavaHalf first(test_options(), group);
      JavaHalf second(test_options(), group);
      ring::ListenBody body = loopback_body();
      body.sharing = shared ? 1 : 0;
      const std::uint16_t port = first.listen(body);
      std::vector<Client> clients = queued(port, 10);
      CHECK(pump({&first, &second}, {},
                 [&] { return first.count(ring::kRequest) + second.count(ring::kRequest) == clients.size(); }));
      CHECK(first.count(ring::kRequest) == (shared ? 10 : 5));
    }
    CHECK(destroy_group(group) == 0);
  }
}

TEST_CASE("loops share a port, and each serves what the kernel gives it") {
  const std::int64_t group = create_group();
  {
    JavaHalf first(test_options(), group);
    JavaHalf second(test_options(), group);
    ring::ListenBody body = loopback_body();
    body.sharing = 1;
    body.port = first.listen(body);
    body.sharing = 2;
    CHECK(second.listen(body) == body.port);
    std::vector<Client> clients = queued(body.port, 64);
    CHECK(pump({&first, &second}, {},
               [&] { return first.count(ring::kRequest) + second.count(ring::kRequest) == clients.size(); }));
    CHECK(first.count(ring::kRequest) > 0);
    CHECK(second.count(ring::kRequest) > 0);
  }
  CHECK(destroy_group(group) == 0);
}

}  // namespace millrace::engine::test
