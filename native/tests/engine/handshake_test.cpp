// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cerrno>
#include <string>

#include "java_half.hpp"

namespace millrace::engine::test {

namespace {

bool wait_for_bytes(JavaHalf& java, Client& client, std::int64_t total) {
  return pump(java, {&client}, [&] { return java.counter(ring::kBytesReceived) >= total; });
}

}  // namespace

TEST_CASE("a request cut in two at every place is announced once, with all its bytes") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  const std::string request = upgrade_request("/rooms/1?x=y");
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    CAPTURE(cut);
    java.events.clear();
    Client client = Client::tcp(port);
    const std::int64_t before = java.counter(ring::kBytesReceived);
    client.write(request.substr(0, cut));
    REQUIRE(wait_for_bytes(java, client, before + static_cast<std::int64_t>(cut)));
    CHECK(java.count(ring::kRequest) == 0);
    client.write(request.substr(cut));
    std::optional<std::string> head;
    REQUIRE(pump(java, {&client}, [&] { return (head = client.take_head()).has_value(); }));
    REQUIRE(java.count(ring::kRequest) == 1);
    const Event* event = java.first(ring::kRequest);
    CHECK(event->bytes == request);
    CHECK(event->record.opcode == 1);
    const Event* peer = java.first(ring::kPeer);
    REQUIRE(peer != nullptr);
    CHECK(peer->id() == event->id());
    CHECK(peer->record.opcode == 4);
    CHECK((peer->record.address & 0xffffffff) == 0x0100007f);
    CHECK(peer->record.length > 0);
    client.close();
  }
  expect_idle(java);
}

TEST_CASE("a request that comes byte by byte") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  client.chunk = 1;
  open_connection(java, client);
  client.close();
  expect_idle(java);
}

TEST_CASE("frames pipelined behind the request wait for the 101 and are all delivered") {
  for (const std::size_t size : {10, 3'000, 100'000}) {
    CAPTURE(size);
    JavaHalf java;
    java.accept_upgrades = false;
    Client client = Client::tcp(java.listen());
    const std::string payload = pattern(size);
    client.write(upgrade_request() + client_frame(kBinary, "first") + client_frame(kBinary, payload));
    REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kRequest) == 1 && client.unwritten() == 0; }));
    for (int turns = 0; turns < 20; ++turns) java.turn();
    CHECK(java.count(ring::kMessage) == 0);
    java.accept(java.last_request());
    REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kMessage) == 2; }));
    CHECK(java.first(ring::kMessage)->bytes == "first");
    const bool same = java.events.back().bytes == payload;
    CHECK(same);
    client.close();
    expect_idle(java);
  }
}

TEST_CASE("pipelined bytes cut inside a frame, the rest after the 101") {
  JavaHalf java;
  java.accept_upgrades = false;
  const std::uint16_t port = java.listen();
  const std::string frames =
      client_frame(kBinary, pattern(200)) + client_frame(kPing, "q") + client_frame(kText, "end");
  for (std::size_t cut = 1; cut < frames.size(); ++cut) {
    CAPTURE(cut);
    java.events.clear();
    Client client = Client::tcp(port);
    client.write(upgrade_request() + frames.substr(0, cut));
    REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kRequest) == 1; }));
    client.write(frames.substr(cut));
    client.work();
    java.accept(java.last_request());
    REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kMessage) == 2; }));
    CHECK(java.first(ring::kMessage)->bytes == pattern(200));
    CHECK(java.events.back().bytes == "end");
    client.close();
    java.accept_upgrades = false;
  }
  expect_idle(java);
}

TEST_CASE("further header lines stand in the 101") {
  JavaHalf java;
  java.accept_upgrades = false;
  Client client = Client::tcp(java.listen());
  client.write(upgrade_request());
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kRequest) == 1; }));
  const std::string lines = "Sec-WebSocket-Protocol: v2\r\nX-Long: " + std::string(30'000, 'x') + "\r\n";
  java.accept(java.last_request(), lines);
  std::optional<std::string> head;
  REQUIRE(pump(java, {&client}, [&] { return (head = client.take_head()).has_value(); }));
  CHECK(head->ends_with("\r\n" + lines + "\r\n"));
  client.close();
  expect_idle(java);
}

TEST_CASE("a plain GET is answered by RESPOND, FIN follows, and CLOSED is not written") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  for (const bool owned : {false, true}) {
    Client client = Client::tcp(port);
    client.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /pipelined HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kRequest) == 1; }));
    CHECK(java.first(ring::kRequest)->record.opcode == 2);
    const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + ascii(100'000);
    if (owned) {
      ring::Record command = java.connection_command(ring::kRespond, java.last_request());
      command.flags = ring::kOwned;
      command.address = java.block_with(response);
      command.length = static_cast<std::uint32_t>(response.size());
      java.put(command);
    } else {
      java.respond(java.last_request(), response);
    }
    java.forget(java.last_request());
    REQUIRE(pump(java, {&client}, [&] { return client.ended(); }));
    CHECK(client.eof());
    const bool same = client.take_all() == response;
    CHECK(same);
    client.close();
    REQUIRE(pump(java, {}, [&] { return java.counter(ring::kConnections) == 0; }));
    CHECK(java.count(ring::kClosed) == 0);
    CHECK(java.counter(ring::kBlocksInUse) == 0);
    java.events.clear();
  }
}

TEST_CASE("a malformed request is refused, its peer reads the whole answer") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  const auto refused = [&](const std::string& request, const std::string& status) {
    Client client = Client::tcp(port);
    client.write(request);
    REQUIRE(pump(java, {&client}, [&] { return client.ended(); }));
    CHECK(client.eof());
    CHECK(client.take_all().starts_with("HTTP/1.1 " + status));
    client.close();
    REQUIRE(pump(java, {}, [&] { return java.counter(ring::kConnections) == 0; }));
  };
  refused("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", "4");
  refused("GET / HTTP/1.1\r\n\r\n", "400");
  std::string version = upgrade_request();
  version.replace(version.find("Version: 13"), 11, "Version: 12");
  refused(version, "426");
  // More than the limits, and much more behind it that is still on its way when the answer goes out.
  refused("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", "414");
  refused("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(500'000, 'b') + "\r\n\r\n", "431");
  CHECK(java.events.empty());
  CHECK(java.counter(ring::kHandshakesRefused) == 5);
  CHECK(java.counter(ring::kBlocksInUse) == 0);
}

TEST_CASE("a head over the limit that comes byte by byte is refused at the limit") {
  ring::LoopOptions options = test_options();
  options.max_header_bytes = 300;
  options.max_request_line = 200;
  JavaHalf java(options);
  Client client = Client::tcp(java.listen());
  client.write("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1000, 'b'));
  client.chunk = 1;
  REQUIRE(pump(java, {&client}, [&] { return client.available() > 0; }));
  CHECK(client.take_all().starts_with("HTTP/1.1 431"));
  client.close();
  expect_idle(java);
}

TEST_CASE("whoever does not finish the handshake in time is closed") {
  ring::LoopOptions options = test_options();
  options.handshake_timeout_ns = 30 * kMilli;
  JavaHalf java(options);
  java.accept_upgrades = false;
  const std::uint16_t port = java.listen();
  Client silent = Client::tcp(port);
  Client begun = Client::tcp(port);
  begun.write("GET / HTTP/1.1\r\nHo");
  REQUIRE(pump(java, {&silent, &begun}, [&] { return silent.ended() && begun.ended(); }));
  CHECK(java.events.empty());

  // How long the decision takes is not for the core to say.
  Client asked = Client::tcp(port);
  asked.write(upgrade_request());
  REQUIRE(pump(java, {&asked}, [&] { return java.count(ring::kRequest) == 1; }));
  java.set_timer(1, 1, 100 * kMilli);
  REQUIRE(pump(java, {&asked}, [&] { return java.count(ring::kTimer) == 1; }));
  CHECK(java.count(ring::kClosed) == 0);
  java.accept(java.last_request());
  REQUIRE(pump(java, {&asked}, [&] { return asked.take_head().has_value(); }));
  asked.close();
  expect_idle(java);
}

TEST_CASE("a peer that leaves while its request is decided") {
  JavaHalf java;
  java.accept_upgrades = false;
  const std::uint16_t port = java.listen();
  for (const bool reset : {false, true}) {
    java.events.clear();
    Client client = Client::tcp(port);
    client.write(upgrade_request() + client_frame(kText, "behind"));
    REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kRequest) == 1; }));
    if (reset) {
      client.reset();
      // Nobody waits for the answer any more: that is told at once.
      REQUIRE(pump(java, {}, [&] { return java.count(ring::kClosed) == 1; }));
      CHECK(java.first(ring::kClosed)->error_number() == ECONNRESET);
    } else {
      // Half closed, for all that can be seen: it may wait.
      client.close();
    }
    // The hangup may not make the loop spin while Java thinks.
    expect_no_spin(java);
    // What a late answer owned goes back.
    ring::Record command = java.connection_command(ring::kRespond, java.last_request());
    command.flags = ring::kOwned;
    command.address = java.block_with("late");
    command.length = 4;
    java.put(command);
    java.forget(java.last_request());
    expect_idle(java);
    CHECK(java.counter(ring::kStaleCommands) == (reset ? 1 : 0));
  }
}

TEST_CASE("a 101 is no answer to a plain GET") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kRequest) == 1; }));
  java.accept(java.last_request());
  REQUIRE(pump(java, {&client}, [&] { return client.ended(); }));
  CHECK(client.available() == 0);
  CHECK(java.counter(ring::kCommandsRejected) == 1);
  expect_idle(java);
}

namespace {

const std::string kProxyLine = "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n";

ring::LoopOptions behind_proxies() {
  ring::LoopOptions options = test_options();
  options.proxy_protocol = 1;
  return options;
}

}  // namespace

TEST_CASE("a PROXY header cut at every place is told between the request and its peer") {
  JavaHalf java(behind_proxies());
  const std::uint16_t port = java.listen();
  const std::string all = kProxyLine + upgrade_request();
  for (std::size_t cut = 1; cut < kProxyLine.size() + 3; ++cut) {
    CAPTURE(cut);
    java.events.clear();
    Client client = Client::tcp(port);
    const std::int64_t before = java.counter(ring::kBytesReceived);
    client.write(all.substr(0, cut));
    REQUIRE(wait_for_bytes(java, client, before + static_cast<std::int64_t>(cut)));
    client.write(all.substr(cut));
    REQUIRE(pump(java, {&client}, [&] { return client.take_head().has_value(); }));
    // What the last round leaves behind is told first.
    while (java.events.front().record.type == ring::kClosed) java.events.erase(java.events.begin());
    REQUIRE(java.events.size() == 3);
    CHECK(java.events[0].record.type == ring::kRequest);
    CHECK(java.events[0].bytes == upgrade_request());
    const ring::Record& proxied = java.events[1].record;
    CHECK(proxied.type == ring::kProxied);
    CHECK((java.events[1].id() == java.events[0].id()));
    CHECK(proxied.opcode == 4);
    CHECK(proxied.address == 0x010200c0);
    CHECK(proxied.auxiliary == 0);
    CHECK(proxied.length == 4711);
    CHECK(java.events[2].record.type == ring::kPeer);
    CHECK((java.events[2].record.address & 0xffffffff) == 0x0100007f);
    client.close();
  }
  expect_idle(java);
}

TEST_CASE("a PROXY header alone, and then the end, is nothing to tell") {
  JavaHalf java(behind_proxies());
  const std::uint16_t port = java.listen();
  for (const std::size_t length : {std::size_t{3}, std::size_t{20}, kProxyLine.size()}) {
    Client client = Client::tcp(port);
    client.write(kProxyLine.substr(0, length));
    client.work();
    client.close();
    REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kConnections) == 0; }));
  }
  CHECK(java.count(ring::kRequest) == 0);
  expect_idle(java);
}

TEST_CASE("a malformed PROXY header ends the connection without an answer") {
  JavaHalf java(behind_proxies());
  const std::uint16_t port = java.listen();
  for (const std::size_t cut : {std::size_t{0}, std::size_t{4}, std::size_t{12}}) {
    const std::string header = "PROXY TCP4 192.0.2.1\r\n" + upgrade_request();
    Client client = Client::tcp(port);
    client.write(header.substr(0, cut));
    client.work();
    java.turn();
    client.write(header.substr(cut));
    REQUIRE(pump(java, {&client}, [&] { return client.ended(); }));
    CHECK(client.available() == 0);
  }
  CHECK(java.counter(ring::kHandshakesRefused) == 3);
  CHECK(java.count(ring::kRequest) == 0);
  expect_idle(java);
}

TEST_CASE("without a PROXY header nothing is told of one, and without the option none is taken") {
  JavaHalf java(behind_proxies());
  Client client = Client::tcp(java.listen());
  client.chunk = 1;
  open_connection(java, client);
  CHECK(java.count(ring::kProxied) == 0);
  client.close();
  expect_idle(java);

  JavaHalf plain;
  Client other = Client::tcp(plain.listen());
  other.write(kProxyLine + upgrade_request());
  std::optional<std::string> head;
  REQUIRE(pump(plain, {&other}, [&] { return (head = other.take_head()).has_value(); }));
  CHECK(head->starts_with("HTTP/1.1 400 "));
  other.close();
  expect_idle(plain);
}

}  // namespace millrace::engine::test
