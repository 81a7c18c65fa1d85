// SPDX-License-Identifier: Apache-2.0
//
// permessage-deflate (RFC 7692) through a whole loop; the peer's half is the codec room, which has been compared with
// zlib.
#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <vector>

#include "codec/deflater.hpp"
#include "codec/inflater.hpp"
#include "java_half.hpp"
#include "os/os.hpp"
#include "protocol/close_code.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

constexpr std::uint8_t kRsv1 = 0x40;

[[nodiscard]] std::uint64_t deflate_bits(unsigned window_bits, bool takeover) {
  return ring::kDeflate | (takeover ? 0 : ring::kDeflateOutgoingAlone | ring::kDeflateIncomingAlone) |
         std::uint64_t{window_bits} << ring::kDeflateOutgoingBits |
         std::uint64_t{window_bits} << ring::kDeflateIncomingBits;
}

[[nodiscard]] ring::LoopOptions deflating(ring::LoopOptions options = test_options()) {
  options.deflate_level = 1;
  options.deflate_memory_level = 8;
  options.deflate_threshold = 64;
  return options;
}

const std::uint8_t* bytes_of(const std::string& text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

/// The peer's state.
class Codec {
 public:
  explicit Codec(unsigned window_bits = 15, bool takeover = false) : takeover_(takeover) {
    REQUIRE(deflater_.open(&heap_, 6, 8, window_bits));
    REQUIRE(inflater_.open(&heap_, window_bits));
  }
  ~Codec() {
    deflater_.close();
    inflater_.close();
  }

  [[nodiscard]] std::string compress(const std::string& text) {
    if (!takeover_) deflater_.reset();
    std::string out(codec::Deflater::bound(text.size()), '\0');
    const std::int64_t length =
        deflater_.compress(bytes_of(text), text.size(), reinterpret_cast<std::uint8_t*>(out.data()), out.size());
    REQUIRE(length > 0);
    return out.substr(0, static_cast<std::size_t>(length));
  }

  /// What a frame says.
  [[nodiscard]] std::string read(const Frame& frame) {
    if ((frame.first & kRsv1) == 0) return frame.payload;
    if (!takeover_) inflater_.reset();
    std::string text;
    std::string room(100'000, '\0');
    inflater_.begin(bytes_of(frame.payload), frame.payload.size());
    for (;;) {
      std::size_t written = 0;
      const auto result = inflater_.next(reinterpret_cast<std::uint8_t*>(room.data()), room.size(), &written);
      text.append(room, 0, written);
      if (result == codec::Inflating::done) return text;
      REQUIRE(result == codec::Inflating::more);
    }
  }

 private:
  bool takeover_;
  memory::Heap heap_;
  codec::Deflater deflater_{};
  codec::Inflater inflater_{};
};

[[nodiscard]] std::string compressed_frame(std::uint8_t opcode, const std::string& payload, bool final = true) {
  return client_frame(opcode | kRsv1, payload, final);
}

/// Text that compresses well.
[[nodiscard]] std::string prose(std::size_t length, std::uint64_t seed = 1) {
  std::string text;
  while (text.size() < length) {
    text +=
        "{\"symbol\":\"S" + std::to_string(seed % 97) + "\",\"price\":" + std::to_string(seed * 7919 % 10'007) + "},";
    seed = seed * 31 + 7;
  }
  text.resize(length);
  return text;
}

/// With blocks in front of it that have no content: nothing comes of them, and they take time.
[[nodiscard]] std::string drawn_out(const std::string& compressed, std::size_t blocks = 120'000) {
  std::string out;
  for (std::size_t block = 0; block < blocks; ++block) out.append("\0\0\0\xff\xff", 5);
  return out + compressed;
}

/// A loop that agrees to compression, and one client.
struct Pair {
  explicit Pair(std::uint64_t bits = deflate_bits(15, false), ring::LoopOptions options = deflating(),
                Echo echo = Echo::borrowed)
      : java(options), client(Client::tcp(java.listen())) {
    java.deflate = bits;
    java.echo = echo;
    id = open_connection(java, client);
  }
  ~Pair() {
    client.close();
    expect_idle(java);
  }

  [[nodiscard]] Frame answer() { return next_frame(java, client); }
  /// The failure that the connection ends by.
  void expect_failure(std::uint16_t code, protocol::ProtocolError error) {
    Frame frame = answer();
    while (frame.opcode() != kCloseFrame) frame = answer();
    CHECK(frame.close_code() == code);
    const Event* const closing = java.first(ring::kClosing);
    REQUIRE(closing != nullptr);
    CHECK(closing->protocol_error() == static_cast<std::uint16_t>(error));
  }

  JavaHalf java;
  Client client;
  Id id;
};

/// Pages of the loop's region that the system has given.
[[nodiscard]] std::size_t resident_bytes(const JavaHalf& java) {
  const Mapping mapping = region(java.handle());
  std::vector<unsigned char> pages(mapping.length / os::page_size());
  REQUIRE(::mincore(mapping.start, mapping.length, pages.data()) == 0);
  return os::page_size() *
         static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(), [](auto page) { return (page & 1) != 0; }));
}

}  // namespace

TEST_CASE("a compressed message is echoed compressed, wherever it is sent from") {
  for (const Echo how : {Echo::borrowed, Echo::staged, Echo::owned, Echo::shared, Echo::retained}) {
    for (const bool takeover : {false, true}) {
      Pair pair(deflate_bits(15, takeover), deflating(), how);
      Codec peer(15, takeover);
      for (const std::size_t length : {1, 63, 64, 200, 5000, 16'384, 16'385, 70'000, 300'000, 3'000'000}) {
        const std::string text = prose(length, length);
        pair.client.write(compressed_frame(kText, peer.compress(text)));
        const Frame frame = pair.answer();
        CHECK(frame.opcode() == kText);
        CHECK((frame.first & kRsv1) == (length < 64 ? 0 : kRsv1));
        const bool same = peer.read(frame) == text;
        CHECK_MESSAGE(same, "length ", length);
      }
    }
  }
}

TEST_CASE("compression keeps to the windows that were agreed on") {
  for (unsigned window_bits = 8; window_bits <= 15; ++window_bits) {
    for (const bool takeover : {false, true}) {
      Pair pair(deflate_bits(window_bits, takeover));
      Codec peer(window_bits, takeover);
      for (std::uint64_t message = 1; message < 12; ++message) {
        const std::string text = prose(message * message * 300, message / 3);
        pair.client.write(compressed_frame(kBinary, peer.compress(text)));
        const Frame frame = pair.answer();
        CHECK((frame.first & kRsv1) != 0);
        const bool same = peer.read(frame) == text;
        CHECK(same);
      }
    }
  }
}

TEST_CASE("windows of each direction live on by themselves") {
  const std::string text = pattern(3000);
  const auto answer_of = [&](std::uint64_t bits) {
    Pair pair(bits);
    Codec alone;
    Codec window(15, true);
    Codec* const sender = (bits & ring::kDeflateIncomingAlone) != 0 ? &alone : &window;
    std::size_t last = 0;
    for (int message = 0; message < 2; ++message) {
      pair.client.write(compressed_frame(kBinary, sender->compress(text)));
      const Frame frame = pair.answer();
      CHECK(window.read(frame) == text);
      last = frame.payload.size();
    }
    return last;
  };
  const std::uint64_t both = deflate_bits(15, true);
  CHECK(answer_of(both) < 200);
  CHECK(answer_of(both | ring::kDeflateIncomingAlone) < 200);
  CHECK(answer_of(both | ring::kDeflateOutgoingAlone) >= text.size());
}

TEST_CASE("what does not become shorter, is short, or is not to be compressed is sent as it is") {
  Pair pair(deflate_bits(15, false), deflating(), Echo::none);
  Codec peer;
  pair.java.send(pair.id, kBinary, pattern(5000));
  CHECK(pair.answer().first == (0x80 | kBinary));
  pair.java.send(pair.id, kBinary, pattern(200'000), Echo::owned);
  CHECK(pair.answer().first == (0x80 | kBinary));
  pair.java.send(pair.id, kText, prose(63));
  CHECK(pair.answer().first == (0x80 | kText));
  pair.java.send(pair.id, kText, "");
  CHECK(pair.answer().first == (0x80 | kText));
  pair.java.send(pair.id, kText, prose(640));
  CHECK(pair.answer().first == (0x80 | kRsv1 | kText));

  ring::Record command = pair.java.connection_command(ring::kSend, pair.id);
  command.opcode = kText;
  command.flags = ring::kStaged | ring::kUncompressed;
  command.address = pair.java.stage(prose(640));
  command.length = 640;
  pair.java.put(command);
  const Frame frame = pair.answer();
  CHECK(frame.first == (0x80 | kText));
  CHECK(frame.payload == prose(640));
}

TEST_CASE("with a window that lives on, messages sent as they are do not disturb it") {
  Pair pair(deflate_bits(15, true), deflating(), Echo::none);
  Codec peer(15, true);
  for (int round = 0; round < 4; ++round) {
    for (const std::string& text : {prose(500), prose(10), pattern(700), std::string()}) {
      pair.java.send(pair.id, kBinary, text);
      CHECK(peer.read(pair.answer()) == text);
    }
  }
}

TEST_CASE("a stream of compressed messages may be cut anywhere") {
  for (const bool takeover : {false, true}) {
    Codec peer(15, takeover);
    const std::string long_text = prose(700, 5);
    const std::string packed = peer.compress(long_text);
    const std::string hello = peer.compress("Hello, Hello, Hello");
    std::string stream = compressed_frame(kText, packed.substr(0, 3), false);
    stream += client_frame(kPing, "p1");
    stream += client_frame(kContinuation, "", false);
    stream += client_frame(kContinuation, packed.substr(3), true);
    stream += client_frame(kText, "plain");
    stream += compressed_frame(kText, hello);
    stream += compressed_frame(kBinary, std::string(1, '\0'));
    stream += client_close(1000);
    const std::vector<std::string> expected = {long_text, "plain", "Hello, Hello, Hello", ""};

    const auto run = [&](std::size_t first, std::size_t chunk) {
      Pair pair(deflate_bits(15, takeover), deflating(), Echo::none);
      std::vector<std::string> texts;
      pair.java.on_event = [&](const Event& event) {
        if (event.record.type == ring::kMessage) texts.push_back(event.bytes);
      };
      pair.client.write(stream.substr(0, first));
      REQUIRE(pump(pair.java, {&pair.client}, [&] { return pair.client.unwritten() == 0; }));
      settle(pair.java);
      pair.client.chunk = chunk;
      pair.client.write(stream.substr(first));
      REQUIRE(pump(pair.java, {&pair.client}, [&] { return pair.client.ended(); }));
      REQUIRE(texts.size() == expected.size());
      for (std::size_t index = 0; index < texts.size(); ++index) CHECK(texts[index] == expected[index]);
    };
    for (std::size_t cut = 0; cut < stream.size(); cut += 3) run(cut, SIZE_MAX);
    run(0, 1);
  }
}

TEST_CASE("the reserved bit means a compressed message only where it may stand (RFC 7692 6)") {
  const std::string hello = Codec().compress("Hello");
  const auto fails = [&](std::uint64_t bits, const std::string& bytes) {
    Pair pair(bits);
    pair.client.write(bytes);
    pair.expect_failure(1002, protocol::ProtocolError::reserved_bits);
  };
  const std::uint64_t agreed = deflate_bits(15, false);
  fails(0, compressed_frame(kText, hello));
  fails(agreed, compressed_frame(kPing, "x"));
  fails(agreed, compressed_frame(kCloseFrame, big_endian(1000, 2)));
  fails(agreed, client_frame(kText, "a", false) + compressed_frame(kContinuation, hello));
  fails(agreed, compressed_frame(kText, hello.substr(0, 2), false) + compressed_frame(kContinuation, hello.substr(2)));
  fails(agreed, client_frame(kText | 0x20, "a"));
  fails(agreed, compressed_frame(kText | 0x10, hello));
}

TEST_CASE("data that does not inflate fails the connection with 1007, whole or in pieces") {
  for (const bool takeover : {false, true}) {
    for (const std::size_t length : {400UL, 40'000UL}) {
      std::string broken = Codec().compress(prose(length));
      broken[broken.size() / 2] = static_cast<char>(broken[broken.size() / 2] ^ 0x55);
      const std::string cut = Codec().compress(prose(length)).substr(0, 60);
      for (const std::string& payload : {std::string("\x07\xff"), broken + "\xff\xff", cut}) {
        Pair whole(deflate_bits(15, takeover));
        whole.client.write(compressed_frame(kBinary, payload));
        whole.expect_failure(1007, protocol::ProtocolError::malformed_deflate);
        Pair pieces(deflate_bits(15, takeover));
        pieces.client.write(compressed_frame(kBinary, payload.substr(0, 1), false));
        pieces.client.write(client_frame(kContinuation, payload.substr(1)));
        pieces.expect_failure(1007, protocol::ProtocolError::malformed_deflate);
      }
    }
  }
}

TEST_CASE("compressed text is UTF-8, or fails the connection with 1007") {
  for (const std::size_t length : {10UL, 40'000UL}) {
    Pair pair;
    Codec peer;
    pair.client.write(compressed_frame(kBinary, peer.compress(prose(length) + "\xff")));
    CHECK(peer.read(pair.answer()) == prose(length) + "\xff");
    pair.client.write(compressed_frame(kText, peer.compress(prose(length) + "\xC3\xA4")));
    CHECK(peer.read(pair.answer()) == prose(length) + "\xC3\xA4");
    pair.client.write(compressed_frame(kText, peer.compress(prose(length) + "\xC3")));
    pair.expect_failure(1007, protocol::ProtocolError::invalid_utf8);
  }
}

TEST_CASE("the limit holds for the inflated message, to the byte") {
  for (const bool takeover : {false, true}) {
    for (const std::int64_t limit : {100, 1000, 16'384, 20'000, 1 << 20}) {
      ring::LoopOptions options = deflating();
      options.max_message_bytes = limit;
      Pair pair(deflate_bits(15, takeover), options);
      Codec peer(15, takeover);
      const std::string most = prose(static_cast<std::size_t>(limit));
      pair.client.write(compressed_frame(kText, peer.compress(most)));
      CHECK(peer.read(pair.answer()) == most);
      pair.client.write(compressed_frame(kText, peer.compress(most + "x")));
      pair.expect_failure(1009, protocol::ProtocolError::message_too_big);
    }
  }
}

TEST_CASE("a bomb of 64 MiB is refused before more memory than a message's is touched") {
  const std::string bomb = Codec().compress(std::string(64 << 20, '\0'));
  for (const bool takeover : {false, true}) {
    ring::LoopOptions options = deflating();
    options.max_message_bytes = 1 << 20;
    Pair pair(deflate_bits(15, takeover), options);
    Codec peer(15, takeover);
    // What every connection touches: the arena, and the block that the compressed message is assembled in.
    pair.client.write(client_frame(kBinary, pattern(bomb.size())));
    CHECK(peer.read(pair.answer()).size() == bomb.size());
    settle(pair.java);
    const std::size_t before = resident_bytes(pair.java);
    pair.client.write(compressed_frame(kBinary, bomb));
    pair.expect_failure(1009, protocol::ProtocolError::message_too_big);
    CHECK(resident_bytes(pair.java) - before < (1 << 20) + (64 << 10));
  }
}

TEST_CASE("many small messages that become large come in order, a part of them in each turn") {
  Pair pair(deflate_bits(15, false), deflating(), Echo::none);
  Codec peer;
  std::string stream;
  constexpr int kMessages = 400;
  for (int message = 0; message < kMessages; ++message) {
    stream += compressed_frame(kBinary, peer.compress(std::string(20'000, static_cast<char>(message % 251))));
  }
  int came = 0;
  std::size_t most = 0;
  std::size_t turn = 0;
  pair.java.keep_events = false;
  pair.java.on_event = [&](const Event& event) {
    if (event.record.type != ring::kMessage) return;
    CHECK(event.bytes == std::string(20'000, static_cast<char>(came % 251)));
    ++came;
    turn += event.bytes.size();
  };
  pair.client.write(stream);
  const bool all = pump(pair.java, {&pair.client}, [&] {
    most = std::max(most, turn);
    turn = 0;
    return came == kMessages;
  });
  CHECK(all);
  CHECK(most <= ring::kArenaLength + 20'000);
}

TEST_CASE("a long message takes a slice in each turn, and others are served between") {
  for (const bool takeover : {false, true}) {
    Pair pair(deflate_bits(15, takeover), deflating(), Echo::none);
    Client other = Client::tcp(pair.java.listen(1));
    pair.java.deflate = 0;
    const Id other_id = open_connection(pair.java, other);
    Codec peer(15, takeover);
    std::vector<std::string> texts;
    std::size_t answered = 0;
    pair.java.keep_events = false;
    pair.java.on_event = [&](const Event& event) {
      if (event.record.type != ring::kMessage) return;
      if (event.id() == other_id) {
        pair.java.send(other_id, kText, event.bytes);
      } else {
        texts.push_back(event.bytes);
      }
    };
    const std::string text = prose(3000);
    std::string stream = compressed_frame(kText, drawn_out(peer.compress(text)));
    stream += compressed_frame(kText, peer.compress(text + "behind"));
    stream += client_frame(kPing, "p");
    stream += compressed_frame(kBinary, drawn_out(peer.compress("last")));
    pair.client.write(stream);
    const std::int64_t before = pair.java.counter(ring::kInflatedSlices);
    bool asked = false;
    CHECK(pump(pair.java, {&pair.client, &other}, [&] {
      if (const auto frame = other.take_frame(); frame.has_value()) {
        if (pair.java.counter(ring::kInflatedSlices) > before) ++answered;
        asked = false;
      }
      if (!asked) other.write(client_frame(kText, "other"));
      asked = true;
      return texts.size() == 3;
    }));
    CHECK(texts == std::vector<std::string>{text, text + "behind", "last"});
    CHECK(pair.java.counter(ring::kInflatedSlices) - before >= 2 * 36);
    CHECK(answered >= 4);
    other.close();
  }
}

TEST_CASE("long messages of several take turns, and keep to limit, UTF-8 and DEFLATE") {
  for (const bool takeover : {false, true}) {
    ring::LoopOptions options = deflating();
    options.max_message_bytes = 1 << 20;
    Pair pair(deflate_bits(15, takeover), options);
    Client second = Client::tcp(pair.java.listen(1));
    (void)open_connection(pair.java, second);
    Codec peer(15, takeover);
    Codec another(15, takeover);
    const std::string half = pattern(500'000) + std::string((1 << 20) - 500'000, 'z');
    for (int round = 0; round < 3; ++round) {
      pair.client.write(compressed_frame(kBinary, peer.compress(half)));
      second.write(compressed_frame(kBinary, drawn_out(another.compress(half), 80'000)));
      CHECK(peer.read(pair.answer()) == half);
      CHECK(another.read(next_frame(pair.java, second)) == half);
    }
    second.close();
    const auto fails = [&](const std::string& payload, std::uint8_t opcode, std::uint16_t code,
                           protocol::ProtocolError error) {
      Pair failing(deflate_bits(15, takeover), options);
      failing.client.write(compressed_frame(opcode, payload));
      failing.expect_failure(code, error);
    };
    fails(drawn_out(Codec().compress(std::string((1 << 20) + 1, 'z'))), kBinary, 1009,
          protocol::ProtocolError::message_too_big);
    fails(drawn_out(Codec().compress("a") + "\x07\xff"), kBinary, 1007, protocol::ProtocolError::malformed_deflate);
    fails(drawn_out(Codec().compress("a\xC3")), kText, 1007, protocol::ProtocolError::invalid_utf8);
  }
}

TEST_CASE("a loop does not sleep on a long message, however it came") {
  for (const bool takeover : {false, true}) {
    for (const bool behind : {false, true}) {
      Pair pair(deflate_bits(15, takeover), deflating(), Echo::none);
      Codec peer(15, takeover);
      std::size_t came = 0;
      pair.java.on_event = [&](const Event& event) { came += event.record.type == ring::kMessage ? 1 : 0; };
      constexpr std::size_t kMessages = 6;
      for (std::size_t message = 0; message < kMessages; ++message) {
        std::string stream = compressed_frame(kBinary, peer.compress(pattern(100'000, message)));
        if (behind) stream += client_frame(kPing, "p");
        pair.client.write(stream);
      }
      while (pair.client.unwritten() > 0) (void)pair.client.work();
      const std::int64_t before_ns = pair.java.counter(ring::kWaitedNs);
      for (int turns = 0; came < kMessages && turns < 10'000; ++turns) (void)pair.java.turn(20 * kSecond);
      CHECK(came == kMessages);
      // All of it lies in the kernel: a wait ends at once, and not by a timer.
      CHECK(pair.java.counter(ring::kWaitedNs) - before_ns < kSecond / 4);
    }
  }
}

TEST_CASE("who ends, pauses or closes in the middle of a long message holds up nobody, and leaves nothing") {
  enum class Cut : std::uint8_t { abort, close, reset, finish, pause };
  for (const Cut cut : {Cut::abort, Cut::close, Cut::reset, Cut::finish, Cut::pause}) {
    for (const bool takeover : {false, true}) {
      CAPTURE(static_cast<int>(cut));
      Pair pair(deflate_bits(15, takeover), deflating(), Echo::none);
      Client second = Client::tcp(pair.java.listen(1));
      (void)open_connection(pair.java, second);
      Codec peer(15, takeover);
      Codec another(15, takeover);
      std::string last;
      bool is_told = false;
      pair.java.on_event = [&](const Event& event) {
        if (event.record.type != ring::kMessage) return;
        last = event.bytes;
        is_told = is_told || event.id() == pair.id;
      };
      pair.client.write(compressed_frame(kText, drawn_out(peer.compress("first"))) + client_frame(kText, "behind"));
      const std::int64_t before = pair.java.counter(ring::kInflatedSlices);
      REQUIRE(pump(pair.java, {&pair.client}, [&] { return pair.java.counter(ring::kInflatedSlices) > before + 3; }));
      CHECK(!is_told);
      switch (cut) {
        case Cut::abort:
          pair.java.abort(pair.id);
          break;
        case Cut::close:
          pair.java.close(pair.id, 1000);
          break;
        case Cut::reset:
          pair.client.reset();
          break;
        case Cut::finish:
          pair.client.finish();
          break;
        case Cut::pause:
          pair.java.pause(pair.id);
          break;
      }
      second.write(compressed_frame(kText, drawn_out(another.compress("second"))));
      CHECK(pump(pair.java, {&pair.client, &second}, [&] { return last == "second"; }));
      if (cut == Cut::pause) {
        CHECK(is_told);
        pair.java.resume(pair.id);
        CHECK(pump(pair.java, {&pair.client}, [&] { return last == "behind"; }));
      }
      second.close();
    }
  }
}

TEST_CASE("messages whose text finds no room in the arena come whole") {
  Pair pair(deflate_bits(15, false), deflating(), Echo::none);
  const std::uint16_t port = pair.java.listen(1);
  Client others[] = {Client::tcp(port), Client::tcp(port)};
  for (Client& other : others) (void)open_connection(pair.java, other);
  Codec peer;
  std::string filling;
  while (filling.size() < ring::kQuantum - 5000) filling += client_frame(kBinary, std::string(4000, 'f'));
  std::string stream;
  std::string expected;
  for (int message = 0; message < 24; ++message) {
    stream += client_frame(kBinary, std::string(4000, 'p'));
    expected += std::string(4000, 'p') + ",";
  }
  for (int message = 0; message < 3000; ++message) {
    const std::string text(static_cast<std::size_t>(message % 3), static_cast<char>('a' + message % 26));
    stream += compressed_frame(kBinary, peer.compress(text));
    expected += text + ",";
  }
  std::string came;
  bool was_full = false;
  pair.java.keep_events = false;
  pair.java.on_event = [&](const Event& event) {
    if (event.record.type != ring::kMessage || event.record.slot != pair.id.slot) return;
    came += event.bytes + ",";
    was_full = was_full || (event.bytes.size() < 3 && (event.record.flags & ring::kInBlock) != 0);
  };
  for (int rounds = 0; rounds < 20 && !was_full; ++rounds) {
    came.clear();
    // Who is ready first is received first, and all of it in one turn.
    settle(pair.java);
    for (Client& other : others) other.write(filling);
    pair.client.write(stream);
    for (int writes = 0; writes < 100; ++writes) {
      for (Client* const client : {&others[0], &others[1], &pair.client}) (void)client->work();
    }
    CHECK(pump(pair.java, {&pair.client, &others[0], &others[1]}, [&] { return came.size() >= expected.size(); }));
    const auto differ = std::mismatch(came.begin(), came.end(), expected.begin(), expected.end());
    CHECK(differ.first - came.begin() == static_cast<std::ptrdiff_t>(expected.size()));
  }
  CHECK(was_full);
  for (Client& other : others) other.close();
}

TEST_CASE("a peer that does not read gets everything in the end, and each sendAsync its answer") {
  for (const bool takeover : {false, true}) {
    Pair pair(deflate_bits(15, takeover), deflating(), Echo::none);
    Codec peer(15, takeover);
    pair.client.appetite = 0;
    std::vector<std::string> texts;
    for (std::uint64_t message = 1; message <= 60; ++message) {
      texts.push_back(prose(message * 20'000, message));
      pair.java.send(pair.id, kText, texts.back(), message % 2 == 0 ? Echo::owned : Echo::staged, message);
      pair.java.turn();
    }
    std::uint64_t sent = 0;
    pair.java.on_event = [&](const Event& event) {
      if (event.record.type != ring::kSent) return;
      CHECK(event.record.auxiliary > sent);
      CHECK(event.record.flags == 0);
      sent = event.record.auxiliary;
    };
    for (const Event& event : pair.java.events) {
      if (event.record.type == ring::kSent) sent = event.record.auxiliary;
    }
    pair.client.appetite = SIZE_MAX;
    for (const std::string& text : texts) {
      const bool same = peer.read(pair.answer()) == text;
      CHECK(same);
    }
    REQUIRE(pump(pair.java, {&pair.client}, [&] { return sent == 60; }));
  }
}

TEST_CASE("a compressed message that waits pins little more than its length") {
  Pair pair(deflate_bits(15, false), deflating(), Echo::none);
  pair.client.appetite = 0;
  const std::string text = prose(500'000);
  for (int message = 0; message < 500 && pair.java.buffered(pair.id) < 1 << 20; ++message) {
    pair.java.send(pair.id, kText, text, Echo::owned);
    pair.java.turn();
  }
  const std::int64_t buffered = pair.java.buffered(pair.id);
  REQUIRE(buffered >= 1 << 20);
  // A block is at most twice as long as what lies in it; part of the first one has left.
  CHECK(pair.java.counter(ring::kBlockBytesInUse) <= 2 * buffered + (1 << 19));
  pair.client.appetite = SIZE_MAX;
}

TEST_CASE("compression's memory is counted, and given back with the connection") {
  Pair shared;
  Codec peer;
  shared.client.write(compressed_frame(kText, peer.compress(prose(1000))));
  CHECK(peer.read(shared.answer()) == prose(1000));
  settle(shared.java);
  const std::int64_t loop = shared.java.counter(ring::kCompressionUse);
  CHECK(loop > 0);
  CHECK(loop < 1 << 20);

  shared.java.deflate = deflate_bits(12, true);
  Client other = Client::tcp(shared.java.listen(1));
  (void)open_connection(shared.java, other);
  settle(shared.java);
  CHECK(shared.java.counter(ring::kCompressionUse) == loop);
  Codec window(12, true);
  other.write(compressed_frame(kText, window.compress(prose(40'000))));
  CHECK(window.read(next_frame(shared.java, other)) == prose(40'000));
  settle(shared.java);
  const std::int64_t more = shared.java.counter(ring::kCompressionUse) - loop;
  CHECK(more > (1 << 14) + (1 << 17));
  CHECK(more < (1 << 14) + (1 << 17) + (1 << 12) + (24 << 10));
  other.close();
  REQUIRE(pump(shared.java, {}, [&] { return shared.java.counter(ring::kCompressionUse) == loop; }));
  CHECK(shared.java.counter(ring::kCompressionHighWater) >= loop + more);
}

TEST_CASE("nothing can be agreed on that does not exist") {
  const auto rejects = [](std::uint64_t bits, const ring::LoopOptions& options) {
    JavaHalf java(options);
    java.deflate = bits;
    Client client = Client::tcp(java.listen());
    client.write(upgrade_request());
    CHECK(pump(java, {&client}, [&] { return client.ended(); }));
    CHECK(java.counter(ring::kCommandsRejected) == 1);
  };
  rejects(deflate_bits(15, false), test_options());  // compression is off
  rejects(deflate_bits(7, false), deflating());
  rejects(deflate_bits(15, false) & ~ring::kDeflate, deflating());
  rejects(deflate_bits(15, false) | 1 << 20, deflating());
}

TEST_CASE("a client compresses before it masks, and a server's compressed messages reach it") {
  for (const bool takeover : {false, true}) {
    JavaHalf server(deflating());
    server.deflate = deflate_bits(15, takeover);
    server.echo = Echo::borrowed;
    const std::uint16_t port = server.listen();
    JavaHalf client(deflating(client_options()));
    client.deflate = deflate_bits(15, takeover);
    client.request = upgrade_request();
    std::vector<std::string> texts;
    client.on_event = [&](const Event& event) {
      if (event.record.type == ring::kMessage) texts.push_back(event.bytes);
    };
    client.connect(port);
    REQUIRE(pump({&server, &client}, {}, [&] { return client.first(ring::kResponse) != nullptr; }));
    client.turn();
    std::vector<std::string> sent;
    for (const std::size_t length : {1, 64, 1000, 60'000, 70'000, 400'000}) {
      for (const Echo how : {Echo::staged, Echo::owned, Echo::shared}) {
        sent.push_back(prose(length, length));
        client.send(client.last_dialed(), kText, sent.back(), how);
        REQUIRE(pump({&server, &client}, {}, [&] { return texts.size() == sent.size(); }));
        const bool same = texts.back() == sent.back();
        CHECK(same);
      }
    }
    CHECK(client.counter(ring::kBytesSent) < 700'000);
    CHECK(server.counter(ring::kBytesSent) < 700'000);
    client.close(client.last_dialed(), 1000);
    REQUIRE(pump({&server, &client}, {}, [&] { return client.first(ring::kClosed) != nullptr; }));
    expect_idle(server);
    expect_idle(client);
  }
}

}  // namespace millrace::engine::test
