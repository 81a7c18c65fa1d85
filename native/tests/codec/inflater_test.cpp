// SPDX-License-Identifier: Apache-2.0
#include "codec/inflater.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "zlib.hpp"

namespace millrace::codec {

namespace {

using test::Bytes;

/// An inflater on a heap of its own, and messages whole or in steps.
class Fixture {
 public:
  explicit Fixture(unsigned window_bits = 15) { REQUIRE(inflater_.open(&heap_, window_bits)); }
  ~Fixture() {
    inflater_.close();
    CHECK(heap_.usage().use == 0);
  }

  /// Inflates with `step` bytes of room each time; what came is in `text`.
  Inflating inflate(const Bytes& payload, std::size_t step = 100'000) {
    // A copy of its own length, so that reading beyond it is found.
    const Bytes copy(payload);
    text.clear();
    inflater_.begin(copy.data(), copy.size());
    for (;;) {
      Bytes room(step, 0xee);
      std::size_t written = 0;
      const Inflating result = inflater_.next(room.data(), step, &written);
      REQUIRE(written <= step);
      CHECK(std::all_of(room.begin() + static_cast<std::ptrdiff_t>(written), room.end(),
                        [](std::uint8_t byte) { return byte == 0xee; }));
      text.insert(text.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(written));
      if (result != Inflating::more) return result;
      REQUIRE(written == step);
    }
  }

  Inflater& inflater() { return inflater_; }

  Bytes text;

 private:
  memory::Heap heap_;
  Inflater inflater_{};
};

void append(Bytes* bytes, const Bytes& more) { bytes->insert(bytes->end(), more.begin(), more.end()); }

}  // namespace

TEST_CASE("Inflater reads the examples of RFC 7692 7.2.3") {
  Fixture fixture;
  const Bytes hello = test::bytes_of("Hello");
  const auto reads = [&](const Bytes& payload, const Bytes& text) {
    CHECK(fixture.inflate(payload) == Inflating::done);
    CHECK(fixture.text == text);
  };
  reads({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, hello);                          // 7.2.3.1
  reads({0xf2, 0x00, 0x11, 0x00, 0x00}, hello);                                      // 7.2.3.2: the window stays
  reads({0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}, hello);  // 7.2.3.3
  reads({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}, hello);                    // 7.2.3.4: BFINAL
  reads({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}, hello);  // 7.2.3.5
}

TEST_CASE("Inflater reads every form of the empty message") {
  Fixture fixture;
  for (const Bytes& payload : {Bytes{0x00}, Bytes{0x02, 0x00}, Bytes{0x03, 0x00}, Bytes{0x03, 0x00, 0x00}, Bytes{0x01},
                               Bytes{0x00, 0x00, 0x00, 0xff, 0xff, 0x00}}) {
    CHECK(fixture.inflate(payload) == Inflating::done);
    CHECK(fixture.text.empty());
  }
}

TEST_CASE("Inflater gives the same text in steps of every size") {
  const Bytes text = test::json(700, 1);
  test::PlainDeflate peer;
  const Bytes payload = peer.message(text);
  for (std::size_t step = 1; step <= text.size() + 1; ++step) {
    Fixture fixture;
    CHECK(fixture.inflate(payload, step) == Inflating::done);
    CHECK(fixture.text == text);
    CHECK(fixture.inflate({0x00}, step) == Inflating::done);
  }
}

TEST_CASE("Inflater keeps its window from message to message, at every window, level and memory level") {
  for (int window_bits = 9; window_bits <= 15; ++window_bits) {
    for (int level = 0; level <= 9; level += 3) {
      test::PlainDeflate peer(window_bits, level, 1 + (level + window_bits) % 9);
      Fixture fixture(static_cast<unsigned>(window_bits));
      for (unsigned message = 0; message < 12; ++message) {
        const Bytes text = message % 3 == 2 ? test::noise(message * 500, message) : test::json(message * 3000, 5);
        CHECK(fixture.inflate(text.empty() ? Bytes{0x00} : peer.message(text), 1 + message * 700) == Inflating::done);
        CHECK(fixture.text == text);
      }
    }
  }
}

TEST_CASE("Inflater forgets its window when it is reset") {
  Fixture fixture;
  test::PlainDeflate peer;
  (void)peer.message(test::letters(1000, 3));
  const Bytes second = peer.message(test::letters(1000, 3));
  CHECK(fixture.inflate(second) == Inflating::malformed);
  fixture.inflater().reset();
  peer.reset();
  CHECK(fixture.inflate(peer.message(test::letters(1000, 3))) == Inflating::done);
  fixture.inflater().reset();
  CHECK(fixture.inflate(second) == Inflating::malformed);
}

TEST_CASE("Inflater goes on behind a last block, wherever that stands (RFC 7692 7.2.3.4)") {
  test::PlainDeflate peer;
  const Bytes first = test::json(2000, 1);
  const Bytes second = test::letters(300, 2);
  const Bytes third = test::noise(50, 3);
  Bytes text;
  for (const Bytes& part : {first, second, third}) append(&text, part);

  Bytes streams = peer.stream(first);
  append(&streams, peer.stream(second));
  SUBCASE("in the middle") { append(&streams, peer.message(third)); }
  SUBCASE("at the end") { append(&streams, peer.stream(third)); }
  SUBCASE("at the end, and the byte that the tail stands for") {
    append(&streams, peer.stream(third));
    streams.push_back(0x00);
  }
  for (const std::size_t step : {1, 7, 2000, 2001, 100'000}) {
    Fixture fixture;
    CHECK(fixture.inflate(streams, step) == Inflating::done);
    CHECK(fixture.text == text);
  }
}

TEST_CASE("Inflater finds what is no DEFLATE data") {
  const Bytes kinds[] = {
      {},
      {0x00, 0x00, 0x00, 0x00},
      {0x07},                                // no such type of block
      {0x00, 0x05, 0x00, 0x00, 0x00, 0x61},  // a stored block whose lengths disagree
      {0xf2, 0x00, 0x11, 0x00, 0x00},        // reaches back before the beginning
      {0xff, 0xff, 0xff, 0xff},
  };
  for (const Bytes& payload : kinds) {
    Fixture fixture;
    CHECK(fixture.inflate(payload) == Inflating::malformed);
  }
}

TEST_CASE("Inflater finds a message that ends inside a block") {
  const Bytes text = test::json(400, 9);
  test::PlainDeflate peer;
  const Bytes payload = peer.message(text);
  for (std::size_t length = 1; length < payload.size(); ++length) {
    Fixture fixture;
    const Inflating result = fixture.inflate(Bytes(payload.begin(), payload.begin() + static_cast<int>(length)));
    CHECK(result == Inflating::malformed);
  }
}

TEST_CASE("Inflater says whether more comes when there is no room") {
  test::PlainDeflate peer;
  for (const std::size_t length : {1, 2, 258, 1000, 70'000}) {
    const Bytes payload = peer.message(Bytes(length, 'x'));
    peer.reset();
    for (const std::size_t room : {length - 1, length}) {
      Fixture fixture;
      Bytes to(room);
      std::size_t written = 0;
      fixture.inflater().begin(payload.data(), payload.size());
      if (room > 0) {
        CHECK(fixture.inflater().next(to.data(), room, &written) == Inflating::more);
        CHECK(written == room);
      }
      CHECK(fixture.inflater().next(nullptr, 0, &written) == (room == length ? Inflating::done : Inflating::more));
      CHECK(written == 0);
    }
  }
}

TEST_CASE("Inflater does no more than it has room for: a bomb costs what it is given") {
  test::PlainDeflate peer;
  const Bytes bomb = peer.message(Bytes(8 << 20, 0));
  REQUIRE(bomb.size() < 9000);
  Fixture fixture;
  Bytes room(1 << 20);
  std::size_t written = 0;
  fixture.inflater().begin(bomb.data(), bomb.size());
  CHECK(fixture.inflater().next(room.data(), room.size(), &written) == Inflating::more);
  CHECK(written == room.size());
  CHECK(fixture.inflater().next(nullptr, 0, &written) == Inflating::more);
}

TEST_CASE("Inflater: every allocation fails in turn") {
  test::PlainDeflate peer;
  const Bytes text = test::json(50'000, 4);
  const Bytes first = peer.message(text);
  const Bytes second = peer.message(text);
  int failed = 0;
  int done = 0;
  for (std::size_t limit = 0; limit < 64 << 10; limit += 512) {
    memory::Heap heap(limit);
    Inflater inflater{};
    if (!inflater.open(&heap, 15)) {
      CHECK(!inflater.is_open());
      CHECK(heap.usage().use == 0);
      ++failed;
      continue;
    }
    Bytes room(text.size());
    std::size_t written = 0;
    Inflating result = Inflating::done;
    for (const Bytes* payload : {&first, &second}) {
      if (result != Inflating::done) break;
      inflater.begin(payload->data(), payload->size());
      // Two steps, so that the window is needed.
      result = inflater.next(room.data(), room.size() / 2, &written);
      if (result == Inflating::more) result = inflater.next(room.data(), room.size() / 2 + 1, &written);
    }
    CHECK((result == Inflating::done || result == Inflating::no_memory));
    ++(result == Inflating::done ? done : failed);
    inflater.close();
    CHECK(heap.usage().use == 0);
  }
  CHECK(failed > 0);
  CHECK(done > 0);
}

TEST_CASE("Inflater takes the memory that it is reckoned with") {
  for (unsigned window_bits = 8; window_bits <= 15; ++window_bits) {
    memory::Heap heap;
    Inflater inflater{};
    REQUIRE(inflater.open(&heap, window_bits));
    test::PlainDeflate peer(9, 6, 8, Z_HUFFMAN_ONLY);
    const Bytes payload = peer.message(test::json(50'000, 1));
    Bytes room(50'000);
    std::size_t written = 0;
    inflater.begin(payload.data(), payload.size());
    CHECK(inflater.next(room.data(), 40'000, &written) == Inflating::more);
    CHECK(inflater.next(room.data(), 20'000, &written) == Inflating::done);
    CHECK(heap.usage().high_water <= (std::size_t{1} << window_bits) + (9 << 10));
    inflater.close();
  }
}

}  // namespace millrace::codec
