// SPDX-License-Identifier: Apache-2.0
//
// A client's loop: sockets that connect, requests and responses, masked frames, and the closing handshake from its
// side.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "java_half.hpp"
#include "peer.hpp"
#include "protocol/close_code.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

const std::string kAccept =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

bool until(JavaHalf& java, Peer& peer, const std::function<bool()>& done) {
  return pump(java, {}, [&] {
    peer.work();
    return done();
  });
}

Id connect(JavaHalf& java, Peer& peer) {
  java.connect(peer.port());
  REQUIRE(until(java, peer, [&] { return java.count(ring::kConnected) > 0 && peer.is_connected(); }));
  return java.last_dialed();
}

/// A connection that is open, and its far end.
Id open_connection(JavaHalf& java, Peer& peer, const std::string& behind = {}) {
  java.request = upgrade_request();
  const Id id = connect(java, peer);
  std::optional<std::string> head;
  REQUIRE(until(java, peer, [&] { return (head = peer.take_head()).has_value(); }));
  CHECK(*head == java.request);
  peer.write(kAccept + behind);
  REQUIRE(until(java, peer, [&] { return java.count(ring::kResponse) > 0; }));
  CHECK(java.first(ring::kResponse)->bytes == kAccept);
  return id;
}

MaskedFrame next_frame(JavaHalf& java, Peer& peer) {
  std::optional<MaskedFrame> frame;
  REQUIRE(until(java, peer, [&] { return (frame = peer.take_frame()).has_value() || peer.eof(); }));
  REQUIRE(frame.has_value());
  return *frame;
}

const Event& await_closed(JavaHalf& java, Peer& peer, Id id) {
  REQUIRE(until(java, peer, [&] { return java.closed(id) != nullptr; }));
  return *java.closed(id);
}

}  // namespace

TEST_CASE("DIALED, CONNECTED, RESPONSE, and messages both ways, between two loops") {
  JavaHalf server;
  server.echo = Echo::borrowed;
  JavaHalf client(client_options());
  client.request = upgrade_request();
  client.connect(server.listen(), 77);
  REQUIRE(pump({&client, &server}, {}, [&] { return client.count(ring::kResponse) > 0; }));
  const Id id = client.last_dialed();
  CHECK(client.first(ring::kDialed)->record.auxiliary == 77);
  CHECK(client.first(ring::kResponse)->record.auxiliary == 101);
  for (const std::size_t size : {0, 1, 3, 125, 126, 2048, 2049, 65535, 65536, 200'000, 3'000'001}) {
    for (const Echo how : {Echo::staged, Echo::owned, Echo::shared}) {
      CAPTURE(size);
      client.events.clear();
      server.events.clear();
      client.send(id, kBinary, pattern(size, size), how, 5);
      REQUIRE(pump({&client, &server}, {}, [&] { return client.count(ring::kMessage) > 0; }));
      const bool arrived = server.first(ring::kMessage)->bytes == pattern(size, size);
      CHECK(arrived);
      const bool same = client.first(ring::kMessage)->bytes == pattern(size, size);
      CHECK(same);
      CHECK(client.count(ring::kSent) == 1);
    }
  }
  client.close(id, 1000, "done");
  REQUIRE(pump({&client, &server}, {}, [&] { return client.open_count() + server.open_count() == 0; }));
  CHECK(client.closed(id)->code() == 1000);
  CHECK(client.closed(id)->error_number() == 0);
  expect_idle(client);
  expect_idle(server);
}

TEST_CASE("a message that goes out again is masked in a copy, whatever else looks at it") {
  for (const Echo how : {Echo::borrowed, Echo::retained, Echo::owned, Echo::shared}) {
    CAPTURE(static_cast<int>(how));
    JavaHalf server;
    JavaHalf client(client_options());
    client.echo = how;
    // It is read once more when the echo was commanded, and its block is kept beyond that.
    std::vector<std::pair<std::uint64_t, std::string>> kept;
    client.on_event = [&](const Event& event) {
      if (event.record.type != ring::kMessage || (event.record.flags & ring::kInBlock) == 0) return;
      REQUIRE(retain(static_cast<std::int64_t>(event.record.address)) == 0);
      kept.emplace_back(event.record.address, event.bytes);
    };
    client.request = upgrade_request();
    client.connect(server.listen());
    REQUIRE(pump({&client, &server}, {}, [&] { return client.count(ring::kResponse) > 0; }));
    const Id id = server.last_request();
    for (const std::size_t size : {0, 5, 125, 126, 2047, 2049, 32'768, 32'769, 70'000, 300'000, 700'000}) {
      CAPTURE(size);
      server.events.clear();
      server.send(id, kText, ascii(size, size), Echo::owned);
      REQUIRE(pump({&client, &server}, {}, [&] { return server.count(ring::kMessage) > 0; }));
      const bool same = server.first(ring::kMessage)->bytes == ascii(size, size);
      CHECK(same);
    }
    CHECK(kept.size() > 1);
    for (const auto& [address, bytes] : kept) {
      const bool untouched =
          std::equal(bytes.begin(), bytes.end(), reinterpret_cast<char*>(client.region()) + ring::offset_of(address));
      CHECK(untouched);
      client.release(address);
    }
    client.close(client.last_dialed(), 1000);
    REQUIRE(pump({&client, &server}, {}, [&] { return client.open_count() + server.open_count() == 0; }));
    expect_idle(client);
  }
}

TEST_CASE("RFC 6455 5.1: every frame of a client is masked, control frames and empty ones too") {
  JavaHalf java(client_options());
  Peer peer;
  const Id id = open_connection(java, peer);
  java.send(id, kText, "");
  CHECK(next_frame(java, peer).frame.payload.empty());
  peer.write(server_frame(kPing, "there?"));
  const MaskedFrame pong = next_frame(java, peer);
  CHECK(pong.frame.opcode() == kPongFrame);
  CHECK(pong.frame.payload == "there?");
  ring::Record ping = java.connection_command(ring::kSend, id);
  ping.opcode = kPing;
  ping.flags = ring::kStaged;
  java.put(ping);
  const MaskedFrame sent = next_frame(java, peer);
  CHECK(sent.frame.opcode() == kPing);
  peer.write(server_frame(kPongFrame, sent.frame.payload));
  CHECK(until(java, peer, [&] { return java.round_trip(id) > 0; }));
  java.close(id, 1001, "going");
  const MaskedFrame close = next_frame(java, peer);
  CHECK(close.frame.close_code() == 1001);
  CHECK(close.frame.payload.substr(2) == "going");
}

TEST_CASE("RFC 6455 5.3: a fresh key for every frame, from more than one filling of the pool") {
  JavaHalf java(client_options());
  Peer peer;
  const Id id = open_connection(java, peer);
  std::set<std::string> keys;
  for (int round = 0; round < 60; ++round) {
    for (int frame = 0; frame < 50; ++frame) java.send(id, kBinary, "");
    for (int frame = 0; frame < 50; ++frame) keys.insert(next_frame(java, peer).key);
  }
  CHECK(keys.size() > 2990);  // of 3,000, where chance makes a thousandth of a pair
}

TEST_CASE("RFC 6455 5.1: a masked frame is an error for a client, unless that rule is relaxed") {
  const std::string stream = client_frame(kText, "one") + server_frame(kText, "two") +
                             client_frame(kBinary, pattern(300), false) + server_frame(kContinuation, pattern(70'000));
  {
    JavaHalf java(client_options());
    Peer peer;
    const Id id = open_connection(java, peer, stream);
    CHECK(next_frame(java, peer).frame.close_code() == 1002);
    // A server that breaks rules is not waited for: FIN comes behind the Close.
    REQUIRE(until(java, peer, [&] { return peer.eof(); }));
    peer.close();
    const Event& closed = await_closed(java, peer, id);
    CHECK(closed.code() == 1002);
    CHECK(closed.protocol_error() == static_cast<int>(protocol::ProtocolError::masked_frame));
    CHECK(java.count(ring::kMessage) == 0);
  }
  ring::LoopOptions options = client_options();
  options.relaxed = 1;
  JavaHalf java(options);
  Peer peer;
  open_connection(java, peer, stream);
  REQUIRE(until(java, peer, [&] { return java.count(ring::kMessage) == 3; }));
  std::vector<std::string> messages;
  for (const Event& event : java.events) {
    if (event.record.type == ring::kMessage) messages.push_back(event.bytes);
  }
  CHECK(messages == std::vector<std::string>{"one", "two", pattern(300) + pattern(70'000)});
}

TEST_CASE("frames behind the response, and in any pieces, come once the connection is open") {
  std::string stream = kAccept;
  std::vector<std::string> expected;
  for (const std::size_t size : {0, 3, 125, 126, 500}) {
    expected.push_back(ascii(size, size));
    stream += server_frame(kText, expected.back().substr(0, size / 2), false) + server_frame(kPing, "p") +
              server_frame(kContinuation, expected.back().substr(size / 2));
  }
  for (const std::size_t step : {1UL, 7UL, 130UL, stream.size()}) {
    CAPTURE(step);
    JavaHalf java(client_options());
    Peer peer;
    java.request = upgrade_request();
    const Id id = connect(java, peer);
    for (std::size_t at = 0; at < stream.size(); at += step) {
      peer.write(stream.substr(at, step));
      peer.work();
      java.turn(0);
    }
    REQUIRE(until(java, peer, [&] { return java.count(ring::kMessage) == expected.size(); }));
    std::vector<std::string> messages;
    for (const Event& event : java.events) {
      if (event.record.type == ring::kMessage) messages.push_back(event.bytes);
    }
    CHECK(messages == expected);
    java.abort(id);
    await_closed(java, peer, id);
    expect_idle(java);
  }
}

TEST_CASE("a response that breaks HTTP, or its limit, ends the attempt with error 20") {
  ring::LoopOptions options = client_options();
  options.max_header_bytes = 200;
  for (const std::string& response :
       {std::string("HTTP/2 101\r\n\r\n"), std::string("HTTP/1.1 101 x\r\nA: b\r\n folded\r\n\r\n"),
        "HTTP/1.1 101 x\r\nA: " + std::string(200, 'b') + "\r\n\r\n"}) {
    CAPTURE(response);
    JavaHalf java(options);
    Peer peer;
    const Id id = connect(java, peer);
    java.ask(id, upgrade_request());
    peer.write(response);
    const Event& closed = await_closed(java, peer, id);
    CHECK(closed.protocol_error() == 20);
    CHECK(java.count(ring::kResponse) == 0);
    expect_idle(java);
  }
}

TEST_CASE("another request may follow a response, but not one that brought more than its head") {
  JavaHalf java(client_options());
  Peer peer;
  const Id id = connect(java, peer);
  java.ask(id, "CONNECT host:80 HTTP/1.1\r\nHost: host:80\r\n\r\n");
  peer.write("HTTP/1.0 200 Connection established\r\n\r\n");
  REQUIRE(until(java, peer, [&] { return java.count(ring::kResponse) == 1; }));
  CHECK(java.first(ring::kResponse)->record.auxiliary == 200);
  java.ask(id, upgrade_request());
  peer.write("HTTP/1.1 100 \r\n\r\nHTTP/1.1 302 x\r\n\r\n" + kAccept);
  REQUIRE(until(java, peer, [&] { return java.count(ring::kResponse) == 2; }));
  CHECK(java.events.back().bytes == "HTTP/1.1 302 x\r\n\r\n");
  CHECK(peer.unread() == "CONNECT host:80 HTTP/1.1\r\nHost: host:80\r\n\r\n" + upgrade_request());
  java.ask(id, upgrade_request());
  CHECK(await_closed(java, peer, id).protocol_error() == 20);
}

TEST_CASE("commands out of turn end that connection") {
  for (const std::uint8_t type : {ring::kOpen, ring::kSend, ring::kClose, ring::kAcceptUpgrade, ring::kRespond}) {
    CAPTURE(int{type});
    JavaHalf java(client_options());
    Peer peer;
    const Id id = connect(java, peer);
    ring::Record command = java.connection_command(type, id);
    command.opcode = kText;
    command.flags = ring::kStaged;
    command.address = java.stage("x");
    command.length = 1;
    java.put(command);
    CHECK(await_closed(java, peer, id).error_number() == EINVAL);
  }
  JavaHalf java(client_options());
  java.put([] {
    ring::Record listen{};
    listen.type = ring::kListen;
    return listen;
  }());
  java.turn();
  CHECK(java.first(ring::kListening)->record.flags == ring::kFailed);
  JavaHalf server;
  server.connect(1, 4);
  server.turn();
  CHECK(server.first(ring::kDialed)->record.flags == ring::kFailed);
  CHECK(server.first(ring::kDialed)->record.address == EINVAL);
  CHECK(server.first(ring::kDialed)->record.auxiliary == 4);
}

TEST_CASE("what cannot be connected to is told by DIALED or CLOSED") {
  JavaHalf java(client_options());
  std::uint16_t port = 0;
  {
    const Peer gone;
    port = gone.port();
  }
  java.connect(port, 9);
  REQUIRE(pump(java, {}, [&] { return java.count(ring::kClosed) == 1 || java.count(ring::kDialed) == 1; }));
  if (const Event& dialed = *java.first(ring::kDialed); dialed.record.flags == 0) {
    REQUIRE(pump(java, {}, [&] { return java.count(ring::kClosed) == 1; }));
    CHECK(java.first(ring::kClosed)->error_number() == ECONNREFUSED);
  }
  java.events.clear();
  ring::ConnectBody body{};
  body.to.family = 1;
  body.timeout_ns = kSecond;
  const Folder folder;
  const std::string path = folder.file("nobody");
  body.to.path_length = static_cast<std::uint32_t>(path.size());
  java.connect(body, path, 10);
  java.turn();
  CHECK(java.first(ring::kDialed)->record.flags == ring::kFailed);
  CHECK(java.first(ring::kDialed)->record.address == ENOENT);
  CHECK(java.first(ring::kDialed)->record.auxiliary == 10);
  java.events.clear();
  // A body that is cut short, or says nonsense.
  body.to.path_length = 1000;
  java.connect(body, path, 11);
  body.to.path_length = 0;
  body.timeout_ns = 0;
  java.connect(body, path, 12);
  java.turn();
  CHECK(java.count(ring::kDialed) == 2);
  expect_idle(java);
}

TEST_CASE("more sockets than the loop has slots for are refused, the others served") {
  ring::LoopOptions options = client_options();
  options.max_connections = 4;
  JavaHalf server;
  JavaHalf java(options);
  const std::uint16_t port = server.listen();
  for (std::uint64_t token = 1; token <= 6; ++token) java.connect(port, token);
  REQUIRE(pump({&java, &server}, {}, [&] { return java.count(ring::kConnected) == 4; }));
  CHECK(java.count(ring::kDialed) == 6);
  std::size_t refused = 0;
  for (const Event& event : java.events) {
    if (event.record.type == ring::kDialed && event.record.flags != 0) ++refused;
  }
  CHECK(refused == 2);
  CHECK(java.counter(ring::kConnections) == 4);
}

TEST_CASE("connecting has the time that CONNECT gave it, a response that of the handshake") {
  ring::LoopOptions options = client_options();
  options.handshake_timeout_ns = 30 * kMilli;
  JavaHalf java(options);
  // A queue that is full: the kernel answers no SYN.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof name;
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&name), length) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&name), &length) == 0);
  for (std::uint64_t token = 1; token <= 8; ++token) java.connect(ntohs(name.sin_port), token, 20 * kMilli);
  REQUIRE(pump(java, {}, [&] { return java.count(ring::kClosed) + java.count(ring::kConnected) == 8; }));
  REQUIRE(java.count(ring::kClosed) > 0);
  CHECK((java.first(ring::kClosed)->record.flags & ring::kTimedOut) != 0);
  CHECK(java.first(ring::kClosed)->error_number() == 0);
  ::close(listener);

  JavaHalf asking(options);
  Peer peer;
  const Id id = connect(asking, peer);
  asking.ask(id, upgrade_request());
  peer.write("HTTP/1.1 101 x\r\n");
  const Event& closed = await_closed(asking, peer, id);
  CHECK((closed.record.flags & ring::kTimedOut) != 0);
  CHECK(closed.protocol_error() == 0);
}

TEST_CASE("RFC 6455 7.1.1: behind both Close frames a client waits for the server's FIN") {
  for (const bool client_begins : {true, false}) {
    CAPTURE(client_begins);
    JavaHalf java(client_options());
    Peer peer;
    const Id id = open_connection(java, peer);
    if (client_begins) java.close(id, 1000);
    if (!client_begins) peer.write(server_frame(kCloseFrame, big_endian(1000, 2)));
    CHECK(next_frame(java, peer).frame.close_code() == 1000);
    if (client_begins) {
      // What is still on its way is read, and is nobody's.
      peer.write(server_frame(kText, "late") + server_frame(kCloseFrame, big_endian(1000, 2)));
    }
    for (int turns = 0; turns < 5; ++turns) {
      peer.work();
      java.turn(2 * kMilli);
    }
    CHECK_FALSE(peer.eof());
    CHECK(java.closed(id) == nullptr);
    peer.close();
    const Event& closed = await_closed(java, peer, id);
    CHECK(closed.code() == 1000);
    CHECK(closed.error_number() == 0);
    CHECK((closed.record.flags & ring::kTimedOut) == 0);
    CHECK(((closed.record.flags & ring::kPeerBegan) != 0) == !client_begins);
    CHECK(java.count(ring::kMessage) == 0);
    expect_idle(java);
  }
}

TEST_CASE("a server that answers no Close, or does not close, is waited for so long") {
  for (const bool answers : {true, false}) {
    CAPTURE(answers);
    ring::LoopOptions options = client_options();
    options.close_timeout_ns = 40 * kMilli;
    JavaHalf java(options);
    Peer peer;
    const Id id = open_connection(java, peer);
    java.close(id, 1000);
    (void)next_frame(java, peer);
    if (answers) peer.write(server_frame(kCloseFrame, big_endian(1000, 2)));
    const Event& closed = await_closed(java, peer, id);
    CHECK(((closed.record.flags & ring::kTimedOut) != 0) == !answers);
    CHECK(closed.code() == (answers ? 1000 : 1006));
    expect_idle(java);
  }
}

TEST_CASE("a server that goes away is told in every phase") {
  for (const bool resets : {true, false}) {
    for (int phase = 0; phase < 3; ++phase) {
      CAPTURE(resets);
      CAPTURE(phase);
      JavaHalf java(client_options());
      Peer peer;
      Id id;
      if (phase == 2) {
        id = open_connection(java, peer);
      } else {
        id = connect(java, peer);
        if (phase == 1) java.ask(id, upgrade_request());
      }
      java.turn();
      resets ? peer.reset() : peer.close();
      // A FIN alone shows when something is read.
      if (phase == 0 && !resets) java.ask(id, upgrade_request());
      const Event& closed = await_closed(java, peer, id);
      CHECK(closed.code() == 1006);
      if (resets) CHECK((closed.error_number() == ECONNRESET || closed.error_number() == EPIPE));
      expect_idle(java);
      expect_no_spin(java);
    }
  }
}

TEST_CASE(
    "a server refuses a long message and resets: its Close is told, though the rest of the message cannot be sent") {
  JavaHalf java(client_options());
  Peer peer(1 << 16);
  const Id id = open_connection(java, peer);
  peer.reads = false;
  java.send(id, kBinary, pattern(16 << 20), Echo::owned, 7);
  java.turn();
  REQUIRE(java.buffered(id) > 0);
  peer.write(server_frame(kText, "before") + server_frame(kCloseFrame, big_endian(1009, 2) + "too long"));
  peer.work();
  peer.finish();
  peer.reset();
  const Event& closed = await_closed(java, peer, id);
  CHECK(closed.code() == 1009);
  CHECK(closed.record.flags == ring::kPeerBegan);
  CHECK(java.count(ring::kMessage) == 1);
  REQUIRE(java.first(ring::kClosing) != nullptr);
  CHECK(java.first(ring::kClosing)->bytes == "too long");
  REQUIRE(until(java, peer, [&] { return java.count(ring::kSent) == 1; }));
  CHECK((java.first(ring::kSent)->record.flags & ring::kFailed) != 0);
  expect_idle(java);
}

TEST_CASE("a slow server: what it does not take waits masked, and leaves in order") {
  JavaHalf java(client_options());
  Peer peer(1 << 16);
  const Id id = open_connection(java, peer);
  peer.reads = false;
  std::vector<std::string> sent;
  for (int message = 0; message < 80; ++message) {
    sent.push_back(pattern(100'000 + static_cast<std::size_t>(message), static_cast<std::uint64_t>(message)));
    java.send(id, kBinary, sent.back(), message % 2 == 0 ? Echo::owned : Echo::staged);
    sent.push_back("small");
    java.send(id, kBinary, sent.back(), message % 2 == 0 ? Echo::shared : Echo::staged);
    java.turn();
  }
  CHECK(java.buffered(id) > 0);
  peer.reads = true;
  for (const std::string& payload : sent) {
    const bool same = next_frame(java, peer).frame.payload == payload;
    CHECK(same);
  }
  CHECK(java.buffered(id) == 0);
  java.abort(id);
  await_closed(java, peer, id);
  expect_idle(java);
}

TEST_CASE("a client's connections that are idle do not spin") {
  JavaHalf java(client_options());
  Peer peer;
  const Id id = connect(java, peer);
  expect_no_spin(java);
  java.ask(id, upgrade_request());
  peer.work();
  expect_no_spin(java);
  peer.write(kAccept);
  REQUIRE(until(java, peer, [&] { return java.count(ring::kResponse) == 1; }));
  expect_no_spin(java);
  java.open(id);
  expect_no_spin(java);
}

}  // namespace millrace::engine::test
