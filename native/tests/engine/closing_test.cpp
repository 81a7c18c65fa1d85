// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "java_half.hpp"
#include "os/os.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

/// What is left of the stream: frames, of which exactly one is a Close and the last, then FIN.
std::vector<Frame> read_to_end(JavaHalf& java, Client& client) {
  std::vector<Frame> frames;
  REQUIRE(pump(java, {&client}, [&] {
    while (const auto frame = client.take_frame()) frames.push_back(*frame);
    return client.ended();
  }));
  CHECK(client.eof());
  CHECK(client.available() == 0);
  std::size_t closes = 0;
  for (const Frame& frame : frames) closes += frame.opcode() == kCloseFrame ? 1 : 0;
  CHECK(closes == 1);
  REQUIRE(!frames.empty());
  CHECK(frames.back().opcode() == kCloseFrame);
  return frames;
}

const Event& await_closed(JavaHalf& java, Client& client, Id id) {
  REQUIRE(pump(java, {&client}, [&] { return java.closed(id) != nullptr; }));
  return *java.closed(id);
}

/// A peer that does not read and whose buffers are full: what is sent to it from now on waits in the core.
void fill(JavaHalf& java, Client& client, Id id) {
  client.appetite = 0;
  for (int sends = 0; sends < 200 && java.buffered(id) == 0; ++sends) {
    java.send(id, kBinary, pattern(200'000), Echo::owned);
    java.turn();
  }
  REQUIRE(java.buffered(id) > 0);
}

/// The peer says this, and is gone: its RST is in the kernel, and what it said unread.
void say_and_leave(Client& client, const std::string& bytes, bool finishes) {
  client.write(bytes);
  REQUIRE(pump({}, {&client}, [&] { return client.unwritten() == 0; }));
  if (finishes) client.finish();
  client.work();
  client.reset();
}

bool is_gone(int error_number) { return error_number == EPIPE || error_number == ECONNRESET; }

}  // namespace

TEST_CASE("the peer closes first") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  client.write(client_frame(kText, "last words") + client_close(3001, "done"));
  const auto frames = read_to_end(java, client);
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].payload == "last words");
  CHECK(frames[1].close_code() == 3001);
  const Event* closing = java.first(ring::kClosing);
  REQUIRE(closing != nullptr);
  CHECK(closing->bytes == "done");
  CHECK(closing->code() == 3001);
  CHECK(closing->protocol_error() == 0);
  client.finish();
  const Event& closed = await_closed(java, client, id);
  CHECK(closed.code() == 3001);
  CHECK(closed.record.flags == ring::kPeerBegan);
  CHECK(closed.error_number() == 0);
  expect_idle(java, {&client});
}

TEST_CASE("an empty Close frame is answered by an empty one") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  client.write(client_frame(kCloseFrame, ""));
  const auto frames = read_to_end(java, client);
  CHECK(frames.back().payload.empty());
  client.close();
  const Event& closed = await_closed(java, client, id);
  CHECK(closed.code() == 1005);
  CHECK(closed.record.flags == ring::kPeerBegan);
}

TEST_CASE("we close first: the Close goes behind earlier sends, the peer's answer is read, then its FIN") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.send(id, kText, "before");
  java.close(id, 1001, "going");
  java.send(id, kText, "after");
  const auto frames = read_to_end(java, client);
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].payload == "before");
  CHECK(frames[1].close_code() == 1001);
  CHECK(frames[1].payload.substr(2) == "going");
  // Data that was on its way does not disturb the closing handshake.
  client.write(client_frame(kBinary, pattern(300'000)) + client_frame(kText, "x", false) + client_frame(kPing, "?") +
               client_close(1001));
  client.finish();
  const Event& closed = await_closed(java, client, id);
  CHECK(closed.code() == 1001);
  CHECK(closed.record.flags == 0);
  CHECK(java.count(ring::kMessage) == 0);
  CHECK(java.count(ring::kClosing) == 0);
  expect_idle(java, {&client});
}

TEST_CASE("both close at once: one Close frame each") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  client.write(client_close(1000));
  client.work();
  java.close(id, 1001);
  const auto frames = read_to_end(java, client);
  CHECK(frames.size() == 1);
  client.finish();
  CHECK(await_closed(java, client, id).code() == 1000);
}

TEST_CASE("a second CLOSE changes nothing") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.close(id, 1000, "first");
  java.close(id, 1001, "second");
  java.turn();
  java.close(id, 1002, "third");
  const auto frames = read_to_end(java, client);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].payload.substr(2) == "first");
  client.finish();
  CHECK(await_closed(java, client, id).code() == 1006);  // the peer never sent a Close frame
}

TEST_CASE("a broken rule: echoes queued before it still arrive, then one Close with its code, then FIN") {
  struct Fault {
    std::string bytes;
    std::uint16_t code;
  };
  std::string unmasked = client_frame(kText, "x");
  unmasked[1] = 1;
  std::string reserved = client_frame(kText, "x");
  reserved[0] = static_cast<char>(0xC1);
  const Fault faults[] = {{unmasked, 1002},
                          {reserved, 1002},
                          {client_frame(3, "x"), 1002},
                          {client_frame(kContinuation, "x"), 1002},
                          {client_frame(kText, "x", false) + client_frame(kText, "y"), 1002},
                          {client_frame(kPing, "x", false), 1002},
                          {client_header(kPing, 126), 1002},
                          {client_frame(kCloseFrame, "x"), 1002},
                          {client_close(1005), 1002},
                          {client_frame(kText, "\xff"), 1007},
                          {client_close(1000, "\xff"), 1007},
                          {client_header(kBinary, 17 << 20), 1009}};
  JavaHalf java;
  java.echo = Echo::borrowed;
  const std::uint16_t port = java.listen();
  for (std::size_t index = 0; index < std::size(faults); ++index) {
    CAPTURE(index);
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    std::string stream;
    for (int number = 0; number < 5; ++number) stream += client_frame(kBinary, pattern(3'000, number));
    client.write(stream + faults[index].bytes + client_frame(kText, "never delivered"));
    const auto frames = read_to_end(java, client);
    REQUIRE(frames.size() == 6);
    for (int number = 0; number < 5; ++number) CHECK(frames[number].payload == pattern(3'000, number));
    CHECK(frames[5].close_code() == faults[index].code);
    client.close();
    const Event& closed = await_closed(java, client, id);
    CHECK(closed.code() == faults[index].code);
    CHECK(closed.protocol_error() != 0);
    CHECK((closed.record.flags & ring::kPeerBegan) == 0);
    java.events.clear();
  }
  expect_idle(java);
}

TEST_CASE("input behind a broken rule is read and thrown away, so that the Close frame survives") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  client.write(client_frame(3, "x") + pattern(2 << 20));
  const auto frames = read_to_end(java, client);
  CHECK(frames[0].close_code() == 1002);
  client.finish();
  await_closed(java, client, id);
}

TEST_CASE("a peer that never stops sending after the Close is cut off") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.close(id, 1000);
  client.write(client_close(1000) + std::string(20 << 20, 'x'));
  const Event& closed = await_closed(java, client, id);
  CHECK(closed.code() == 1000);
  CHECK(java.counter(ring::kBytesReceived) < 20 << 20);
}

TEST_CASE("the close deadline ends a connection that does not answer") {
  ring::LoopOptions options = test_options();
  options.close_timeout_ns = 30 * kMilli;
  JavaHalf java(options);
  const std::uint16_t port = java.listen();
  SUBCASE("a peer that ignores our Close") {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    java.close(id, 1000);
    const Event& closed = await_closed(java, client, id);
    CHECK((closed.record.flags & ring::kTimedOut) != 0);
  }
  SUBCASE("a peer that answers it, and keeps its socket") {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    java.close(id, 1000);
    client.write(client_close(1000));
    const Event& closed = await_closed(java, client, id);
    CHECK((closed.record.flags & ring::kTimedOut) == 0);
  }
  SUBCASE("a peer that breaks a rule behind it, and keeps its socket") {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    java.close(id, 1000);
    client.write(client_frame(3, "x"));
    const Event& closed = await_closed(java, client, id);
    CHECK((closed.record.flags & ring::kTimedOut) != 0);
  }
  SUBCASE("a peer that does not even take it") {
    Client client = Client::tcp(port, 4096);
    const Id id = open_connection(java, client);
    fill(java, client, id);
    java.close(id, 1000);
    const Event& closed = await_closed(java, client, id);
    CHECK((closed.record.flags & ring::kTimedOut) != 0);
    CHECK(java.buffered(id) == 0);
  }
  SUBCASE("Java does not answer CLOSING: the core does") {
    java.answer_closing = false;
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    client.write(client_close(3005, "bye"));
    const auto frames = read_to_end(java, client);
    CHECK(frames.back().close_code() == 3005);
    client.finish();
    const Event& closed = await_closed(java, client, id);
    CHECK((closed.record.flags & ring::kTimedOut) != 0);
    CHECK((closed.record.flags & ring::kPeerBegan) != 0);
  }
  SUBCASE("Java does not answer CLOSING after a broken rule: the core says which") {
    java.answer_closing = false;
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    client.write(std::string("\x82\x01x", 3));  // not masked
    const auto frames = read_to_end(java, client);
    CHECK(frames.back().close_code() == 1002);
    client.finish();
    CHECK((await_closed(java, client, id).record.flags & ring::kTimedOut) != 0);
  }
  SUBCASE("a refused peer that does not go") {
    Client client = Client::tcp(port);
    client.write("nonsense\r\n\r\n");
    REQUIRE(pump(java, {&client}, [&] { return client.eof(); }));
    REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kConnections) == 0; }));
  }
  expect_idle(java);
}

TEST_CASE("a close that a flush executes has its whole deadline, however long Java took before") {
  ring::LoopOptions options = test_options();
  options.close_timeout_ns = 500 * kMilli;
  JavaHalf java(options);
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  const std::int64_t handler_ends = os::clock_ns() + options.close_timeout_ns + 50 * kMilli;
  while (os::clock_ns() < handler_ends) {
  }
  java.close(id, 1000);
  java.flush();
  java.turn();
  CHECK(java.closed(id) == nullptr);
  client.write(client_close(1000));
  client.finish();
  CHECK((await_closed(java, client, id).record.flags & ring::kTimedOut) == 0);
  expect_idle(java);
}

TEST_CASE("abort resets the socket and drops what is queued") {
  JavaHalf java;
  Client client = Client::tcp(java.listen(), 4096);
  const Id id = open_connection(java, client);
  fill(java, client, id);
  java.abort(id);
  java.send(id, kText, "too late");
  const Event& closed = await_closed(java, client, id);
  CHECK(closed.code() == 1006);
  client.appetite = SIZE_MAX;
  REQUIRE(pump(java, {&client}, [&] { return client.ended(); }));
  CHECK(client.error() == ECONNRESET);
  expect_idle(java);
}

TEST_CASE("a peer that half-closes gets all it is owed") {
  JavaHalf java;
  Client client = Client::tcp(java.listen(), 4096);
  const Id id = open_connection(java, client);
  client.appetite = 0;
  std::size_t owed = 0;
  for (; owed < 200 && java.buffered(id) == 0; ++owed) {
    java.send(id, kBinary, pattern(100'000, owed), Echo::owned);
    java.turn();
  }
  REQUIRE(java.buffered(id) > 0);
  client.finish();
  for (int turns = 0; turns < 20; ++turns) java.turn();
  client.appetite = SIZE_MAX;
  std::size_t came = 0;
  REQUIRE(pump(java, {&client}, [&] {
    while (const auto frame = client.take_frame()) {
      const bool same = frame->payload == pattern(100'000, came);
      REQUIRE(same);
      ++came;
    }
    return client.ended();
  }));
  CHECK(client.eof());
  CHECK(came == owed);
  CHECK(await_closed(java, client, id).code() == 1006);
  expect_idle(java);
}

TEST_CASE("a FIN is told where Java has more than is queued, and ends nothing before it has sent that") {
  for (const int queued : {0, 1}) {
    CAPTURE(queued);
    JavaHalf java;
    java.answer_finished = false;
    Client client = Client::tcp(java.listen());
    const Id id = open_connection(java, client);
    java.put(java.connection_command(ring::kHold, id));
    if (queued != 0) java.send(id, kBinary, pattern(100, 0), Echo::owned);
    client.finish();
    REQUIRE(pump(java, {&client}, [&] { return java.first(ring::kFinished) != nullptr; }));
    for (int turns = 0; turns < 20; ++turns) java.turn();
    CHECK(java.closed(id) == nullptr);
    // What gathers messages does so no more, and there is nothing to tell of a second time.
    ring::Record batch = java.connection_command(ring::kBatch, id);
    batch.length = 100;
    batch.address = 1 << 20;
    batch.auxiliary = 10 * kSecond;
    java.put(batch);
    java.put(java.connection_command(ring::kHold, id));
    for (int sent = 0; sent < 3; ++sent) java.send(id, kBinary, pattern(50'000, 1), Echo::owned);
    java.put(java.connection_command(ring::kFinish, id));
    int came = 0;
    REQUIRE(pump(java, {&client}, [&] {
      while (client.take_frame()) ++came;
      return client.ended();
    }));
    CHECK(client.eof());
    CHECK(came == queued + 3);
    CHECK(await_closed(java, client, id).code() == 1006);
    expect_idle(java);
  }
}

TEST_CASE("a FIN that came before Java had more than is queued is told as soon as it has") {
  JavaHalf java;
  java.answer_finished = false;
  Client client = Client::tcp(java.listen(), 4096);
  const Id id = open_connection(java, client);
  client.appetite = 0;
  int owed = 0;
  for (; owed < 200 && java.buffered(id) == 0; ++owed) {
    java.send(id, kBinary, pattern(100'000, 0), Echo::owned);
    java.turn();
  }
  REQUIRE(java.buffered(id) > 0);
  client.finish();
  for (int turns = 0; turns < 20; ++turns) java.turn();
  CHECK(java.first(ring::kFinished) == nullptr);
  java.put(java.connection_command(ring::kHold, id));
  REQUIRE(pump(java, {&client}, [&] { return java.first(ring::kFinished) != nullptr; }));
  client.appetite = SIZE_MAX;
  int came = 0;
  REQUIRE(pump(java, {&client}, [&] {
    while (client.take_frame()) ++came;
    return came == owed;
  }));
  CHECK(java.closed(id) == nullptr);
  java.send(id, kBinary, pattern(100'000, 0), Echo::owned);
  java.put(java.connection_command(ring::kFinish, id));
  REQUIRE(pump(java, {&client}, [&] {
    while (client.take_frame()) ++came;
    return client.ended();
  }));
  CHECK(came == owed + 1);
  CHECK(await_closed(java, client, id).code() == 1006);
  expect_idle(java);
}

TEST_CASE("who holds a connection and has nothing more, or does not answer its FIN, does not keep it") {
  for (const bool answers : {true, false}) {
    CAPTURE(answers);
    ring::LoopOptions options = test_options();
    options.close_timeout_ns = kSecond / 10;
    JavaHalf java(options);
    java.answer_finished = answers;
    Client client = Client::tcp(java.listen());
    const Id id = open_connection(java, client);
    java.put(java.connection_command(ring::kHold, id));
    client.finish();
    REQUIRE(pump(java, {&client}, [&] { return java.first(ring::kFinished) != nullptr; }));
    const Event& closed = await_closed(java, client, id);
    CHECK(closed.code() == 1006);
    CHECK(((closed.record.flags & ring::kTimedOut) != 0) == !answers);
    expect_idle(java);
  }
}

TEST_CASE("messages and FIN at once: the messages are delivered and answered") {
  JavaHalf java;
  java.echo = Echo::borrowed;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  client.write(client_frame(kText, "one") + client_frame(kText, "two"));
  client.work();
  client.finish();
  std::vector<std::string> came;
  REQUIRE(pump(java, {&client}, [&] {
    while (const auto frame = client.take_frame()) came.push_back(frame->payload);
    return client.ended();
  }));
  CHECK(came == std::vector<std::string>{"one", "two"});
  CHECK(await_closed(java, client, id).code() == 1006);
}

TEST_CASE("RST in every phase") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  const auto gone = [&](Id id) {
    REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
    expect_idle(java);
    java.events.clear();
  };
  SUBCASE("before the request") {
    Client client = Client::tcp(port);
    REQUIRE(pump(java, {}, [&] { return java.counter(ring::kConnections) == 1; }));
    client.reset();
    expect_idle(java);
    CHECK(java.events.empty());
  }
  SUBCASE("inside the request") {
    Client client = Client::tcp(port);
    client.write("GET / HT");
    REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kBlocksInUse) == 1; }));
    client.reset();
    expect_idle(java);
  }
  SUBCASE("open and idle") {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    client.reset();
    gone(id);
  }
  SUBCASE("inside a message") {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    client.write(client_header(kBinary, 100'000) + pattern(50'000));
    REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kBlocksInUse) == 1; }));
    client.reset();
    gone(id);
  }
  SUBCASE("inside a control frame") {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    client.write(client_header(kPing, 100) + pattern(50));
    REQUIRE(pump(java, {&client}, [&] { return java.counter(ring::kBlocksInUse) == 1; }));
    client.reset();
    gone(id);
  }
  SUBCASE("with bytes queued for it") {
    Client client = Client::tcp(port, 4096);
    const Id id = open_connection(java, client);
    fill(java, client, id);
    client.reset();
    gone(id);
  }
  SUBCASE("paused, with bytes queued") {
    Client client = Client::tcp(port, 4096);
    const Id id = open_connection(java, client);
    java.pause(id);
    fill(java, client, id);
    client.reset();
    for (int turns = 0; turns < 5; ++turns) java.turn();
    CHECK(java.closed(id) == nullptr);  // its Close may lie unread
    java.resume(id);
    gone(id);
  }
  SUBCASE("while Java answers its Close") {
    java.answer_closing = false;
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    client.write(client_close(1000));
    REQUIRE(pump(java, {&client}, [&] { return java.count(ring::kClosing) == 1; }));
    client.reset();
    for (int turns = 0; turns < 5; ++turns) java.turn();
    java.close(id, 1000);
    gone(id);
  }
  SUBCASE("draining") {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    java.close(id, 1000);
    REQUIRE(pump(java, {&client}, [&] { return client.eof(); }));
    client.reset();
    gone(id);
  }
}

TEST_CASE("a paused connection whose peer is gone does not spin, and tells it when reading resumes") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  for (const bool reset : {false, true}) {
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    java.pause(id);
    java.turn();
    client.write(client_frame(kText, "unread"));
    client.work();
    if (reset) {
      client.reset();
    } else {
      client.close();
    }
    expect_no_spin(java);
    CHECK(java.closed(id) == nullptr);
    java.resume(id);
    REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
    if (!reset) CHECK(java.count(ring::kMessage) == 1);
    java.events.clear();
    expect_idle(java);
  }
}

TEST_CASE("a send fails while the peer's Close lies unread: what came before it is delivered, then the Close is told") {
  for (const bool finishes : {false, true}) {
    for (const bool queued : {false, true}) {
      CAPTURE(finishes);
      CAPTURE(queued);
      JavaHalf java;
      Client client = Client::tcp(java.listen(), 4096);
      const Id id = open_connection(java, client);
      if (queued) fill(java, client, id);
      say_and_leave(client,
                    client_frame(kText, "before") + client_frame(kBinary, pattern(20'000)) + client_frame(kPing, "?") +
                        client_close(1009, "too long"),
                    finishes);
      std::uint64_t token = 0;
      for (const Echo how : {Echo::staged, Echo::owned, Echo::shared}) {
        java.send(id, kBinary, pattern(100'000), how, ++token);
      }
      java.flush();
      const std::int64_t sends = java.counter(ring::kSends);
      REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr && java.count(ring::kSent) == 3; }));
      CHECK(java.counter(ring::kSends) <= sends + 1);
      for (const Event& event : java.events) {
        if (event.record.type == ring::kSent) CHECK((event.record.flags & ring::kFailed) != 0);
      }
      CHECK(java.count(ring::kDrained) == 0);
      CHECK(java.count(ring::kMessage) == 2);
      const Event* closing = java.first(ring::kClosing);
      REQUIRE(closing != nullptr);
      CHECK(closing->code() == 1009);
      CHECK(closing->bytes == "too long");
      const Event& closed = *java.closed(id);
      CHECK(closed.code() == 1009);
      CHECK(closed.record.flags == ring::kPeerBegan);
      expect_idle(java);
    }
  }
}

TEST_CASE("a send fails and no Close lies unread: the connection ends by the number of that send") {
  for (const std::string& unread : {std::string(), client_frame(kText, "before"), client_header(kBinary, 1000) + "x"}) {
    for (const bool finishes : {false, true}) {
      CAPTURE(unread.size());
      CAPTURE(finishes);
      JavaHalf java;
      Client client = Client::tcp(java.listen());
      const Id id = open_connection(java, client);
      say_and_leave(client, unread, finishes);
      java.send(id, kText, "hello", Echo::owned, 1);
      java.flush();
      CHECK(java.closed(id) == nullptr);
      // Whoever looks is told that no more is taken, and what is sent all the same is given up.
      java.send(id, kText, "hello", Echo::owned, 2);
      java.turn();
      REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
      CHECK(java.closed(id)->code() == 1006);
      CHECK(is_gone(java.closed(id)->error_number()));
      CHECK(java.closed(id)->record.flags == 0);
      CHECK(java.count(ring::kClosing) == 0);
      CHECK(java.count(ring::kMessage) == (unread.size() == client_frame(kText, "before").size() ? 1 : 0));
      expect_idle(java);
    }
  }
}

TEST_CASE("a send fails while reads are paused: the Close is told when they resume, or the close deadline ends it") {
  for (const bool resumes : {false, true}) {
    CAPTURE(resumes);
    ring::LoopOptions options = test_options();
    if (!resumes) options.close_timeout_ns = 300 * kMilli;
    JavaHalf java(options);
    Client client = Client::tcp(java.listen());
    const Id id = open_connection(java, client);
    java.pause(id);
    java.turn();
    say_and_leave(client, client_frame(kText, "before") + client_close(1009), false);
    java.send(id, kText, "hello", Echo::staged, 1);
    REQUIRE(pump(java, {}, [&] { return java.count(ring::kSent) == 1; }));
    if (resumes) {
      expect_no_spin(java);
      CHECK(java.closed(id) == nullptr);
      java.resume(id);
    }
    REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
    CHECK(java.count(ring::kMessage) == (resumes ? 1 : 0));
    CHECK(java.closed(id)->code() == (resumes ? 1009 : 1006));
    CHECK(is_gone(java.closed(id)->error_number()));
    CHECK((java.closed(id)->record.flags & ring::kTimedOut) == 0);
    expect_idle(java);
  }
}

TEST_CASE("a send fails behind our own Close: the peer's that lies unread is still found") {
  JavaHalf java;
  Client client = Client::tcp(java.listen(), 4096);
  const Id id = open_connection(java, client);
  fill(java, client, id);
  java.close(id, 1001);
  java.turn();
  say_and_leave(client, client_frame(kText, "not wanted") + client_close(1009), true);
  REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
  CHECK(java.closed(id)->code() == 1009);
  CHECK(is_gone(java.closed(id)->error_number()));
  CHECK(java.count(ring::kMessage) == 0);
  expect_idle(java);
}

TEST_CASE("sends fail on many connections in one turn, and every Close is told") {
  constexpr std::size_t kPeers = 64;
  JavaHalf java;
  const std::uint16_t port = java.listen();
  std::vector<Id> ids;
  std::vector<Client> clients;
  for (std::size_t index = 0; index < kPeers; ++index) {
    clients.push_back(Client::tcp(port));
    ids.push_back(open_connection(java, clients.back()));
  }
  for (Client& client : clients) {
    std::string bytes;
    for (int number = 0; number < 100; ++number) bytes += client_frame(kText, "before");
    say_and_leave(client, bytes + client_close(1009), false);
  }
  for (const Id id : ids) java.send(id, kText, "hello", Echo::staged);
  REQUIRE(pump(java, {}, [&] { return java.count(ring::kClosed) == kPeers; }));
  CHECK(java.count(ring::kMessage) == 100 * kPeers);
  for (const Id id : ids) CHECK(java.closed(id)->code() == 1009);
  expect_idle(java);
}

TEST_CASE("we close while frames of the peer wait unparsed: its Close behind them is still found") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  java.keep_events = false;
  std::string flood;
  for (int number = 0; number < 6'000; ++number) flood += client_frame(kBinary, "12");
  flood += client_close(3003, "end");
  client.write(flood);
  // All of it is there before the core looks, and comes in one piece.
  REQUIRE(pump({}, {&client}, [&] { return client.unwritten() == 0; }));
  const std::int64_t before = java.counter(ring::kBytesReceived);
  REQUIRE(pump(java, {}, [&] { return java.counter(ring::kEventRingFull) > 0; }));
  REQUIRE(java.counter(ring::kBytesReceived) - before == static_cast<std::int64_t>(flood.size()));
  java.keep_events = true;
  java.close(id, 1001);
  client.finish();
  const Event& closed = await_closed(java, client, id);
  CHECK(closed.code() == 3003);
  expect_idle(java, {&client});
}

TEST_CASE("a Close code that may not stand on the wire is refused") {
  JavaHalf java;
  const std::uint16_t port = java.listen();
  for (const std::uint16_t code : {1, 999, 1004, 1005, 1006, 1015, 2999, 5000}) {
    CAPTURE(code);
    Client client = Client::tcp(port);
    const Id id = open_connection(java, client);
    java.close(id, code);
    REQUIRE(pump(java, {&client}, [&] { return client.ended(); }));
    REQUIRE(client.available() == 0);
    CHECK(await_closed(java, client, id).code() == 1011);
    java.events.clear();
  }
  CHECK(java.counter(ring::kCommandsRejected) == 8);
}

TEST_CASE("what a closed connection is sent is dropped and given up") {
  JavaHalf java;
  Client client = Client::tcp(java.listen());
  const Id id = open_connection(java, client);
  client.reset();
  REQUIRE(pump(java, {}, [&] { return java.closed(id) != nullptr; }));
  for (int number = 0; number < 10; ++number) java.send(id, kText, "gone", Echo::owned, 100);
  java.send(id, kText, "gone", Echo::staged);
  java.turn();
  expect_idle(java);
  CHECK(java.counter(ring::kStaleCommands) == 11);
  CHECK(java.count(ring::kSent) == 10);
  CHECK((java.first(ring::kSent)->record.flags & ring::kFailed) != 0);
}

}  // namespace millrace::engine::test
