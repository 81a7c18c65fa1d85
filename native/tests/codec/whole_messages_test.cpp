// SPDX-License-Identifier: Apache-2.0
#include "codec/whole_messages.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "zlib.hpp"

namespace millrace::codec {

namespace {

using test::Bytes;

Bytes compress(WholeMessages* codec, const Bytes& text) {
  Bytes out(text.size() * 2 + 100);
  out.resize(codec->compress(text.data(), text.size(), out.data(), out.size()));
  return out;
}

/// Inflates into exactly `room` bytes.
Inflating inflate(WholeMessages* codec, Bytes payload, Bytes* text, std::size_t room) {
  const std::size_t length = payload.size();
  payload.resize(length + WholeMessages::kBehind);
  text->assign(room, 0);
  std::size_t written = 0;
  const Inflating result = codec->inflate(payload.data(), length, text->data(), room, &written);
  REQUIRE(written <= room);
  text->resize(written);
  return result;
}

}  // namespace

TEST_CASE("WholeMessages writes what plain zlib reads, at every level") {
  for (const int level : {1, 2, 5, 9, 12}) {
    memory::Heap heap;
    WholeMessages codec(&heap, level);
    test::PlainInflate peer;
    for (const std::size_t length : {1, 2, 55, 100, 1000, 20'000, 100'000}) {
      for (const Bytes& text : {test::json(length, 1), test::noise(length, 2), Bytes(length, 'a')}) {
        peer.reset();
        CHECK(peer.message(compress(&codec, text)) == text);
      }
    }
    codec.close();
    CHECK(heap.usage().use == 0);
  }
}

TEST_CASE("WholeMessages reads what plain zlib writes, into room that is just enough, and says when it is not") {
  memory::Heap heap;
  WholeMessages codec(&heap, 1);
  Bytes text;
  for (const std::size_t length : {1, 2, 55, 100, 1000, 20'000, 100'000}) {
    for (int level = 0; level <= 9; level += 3) {
      test::PlainDeflate peer(9 + level * 2 / 3, level);
      for (const Bytes& written : {test::json(length, 1), test::noise(length, 2), Bytes(length, 'a')}) {
        peer.reset();
        const Bytes payload = peer.message(written);
        CHECK(inflate(&codec, payload, &text, length) == Inflating::done);
        CHECK(text == written);
        CHECK(inflate(&codec, payload, &text, length + 1000) == Inflating::done);
        CHECK(text == written);
        CHECK(inflate(&codec, payload, &text, length - 1) == Inflating::more);
      }
    }
  }
}

TEST_CASE("WholeMessages reads its own, the empty message, and streams one behind the other") {
  memory::Heap heap;
  WholeMessages codec(&heap, 1);
  test::PlainDeflate peer;
  Bytes text;
  CHECK(inflate(&codec, compress(&codec, test::json(5000, 1)), &text, 5000) == Inflating::done);
  CHECK(text == test::json(5000, 1));
  for (const Bytes& payload :
       {Bytes{0x00}, Bytes{0x02, 0x00}, Bytes{0x03, 0x00}, Bytes{0x03, 0x00, 0x00}, Bytes{0x01}}) {
    CHECK(inflate(&codec, payload, &text, 0) == Inflating::done);
    CHECK(text.empty());
  }
  Bytes streams = peer.stream(test::letters(500, 1));
  const Bytes second = peer.message(test::letters(300, 2));
  streams.insert(streams.end(), second.begin(), second.end());
  CHECK(inflate(&codec, streams, &text, 800) == Inflating::done);
  CHECK(Bytes(text.begin(), text.begin() + 500) == test::letters(500, 1));
  CHECK(Bytes(text.begin() + 500, text.end()) == test::letters(300, 2));
  CHECK(inflate(&codec, streams, &text, 799) == Inflating::more);
}

TEST_CASE("WholeMessages finds what is no DEFLATE data, and what ends inside a block") {
  memory::Heap heap;
  WholeMessages codec(&heap, 1);
  test::PlainDeflate peer;
  Bytes text;
  CHECK(inflate(&codec, {}, &text, 1000) == Inflating::malformed);
  CHECK(inflate(&codec, {0x07}, &text, 1000) == Inflating::malformed);
  CHECK(inflate(&codec, {0xf2, 0x00, 0x11, 0x00, 0x00}, &text, 1000) == Inflating::malformed);
  const Bytes payload = peer.message(test::json(400, 9));
  for (std::size_t length = 1; length < payload.size(); ++length) {
    const Bytes part(payload.begin(), payload.begin() + static_cast<int>(length));
    CHECK(inflate(&codec, part, &text, 1000) == Inflating::malformed);
  }
}

TEST_CASE("WholeMessages touches no memory beyond the room of a bomb") {
  test::PlainDeflate peer;
  const Bytes bomb = peer.message(Bytes(8 << 20, 0));
  memory::Heap heap;
  WholeMessages codec(&heap, 1);
  Bytes payload(bomb);
  payload.resize(bomb.size() + WholeMessages::kBehind);
  Bytes room((1 << 20) + 4096, 0xee);
  std::size_t written = 0;
  CHECK(codec.inflate(payload.data(), bomb.size(), room.data(), 1 << 20, &written) == Inflating::more);
  CHECK(std::all_of(room.begin() + (1 << 20), room.end(), [](std::uint8_t byte) { return byte == 0xee; }));
}

TEST_CASE("WholeMessages gives nothing when the room is too small for what it writes") {
  memory::Heap heap;
  WholeMessages codec(&heap, 1);
  const Bytes text = test::noise(1000, 1);
  Bytes out(2000);
  for (std::size_t room = 0; room <= 1000; ++room) CHECK(codec.compress(text.data(), 1000, out.data(), room) == 0);
}

TEST_CASE("WholeMessages: every allocation fails in turn") {
  int compressed = 0;
  int inflated = 0;
  test::PlainDeflate peer;
  const Bytes payload = peer.message(test::json(1000, 1));
  for (std::size_t limit = 0; limit < 1 << 20; limit += 4096) {
    memory::Heap heap(limit);
    WholeMessages codec(&heap, 1);
    Bytes text;
    const Inflating result = inflate(&codec, payload, &text, 1000);
    CHECK((result == Inflating::done || result == Inflating::no_memory));
    inflated += result == Inflating::done ? 1 : 0;
    compressed += compress(&codec, test::json(1000, 1)).empty() ? 0 : 1;
    codec.close();
    CHECK(heap.usage().use == 0);
  }
  CHECK(inflated > compressed);
  CHECK(compressed > 0);
  CHECK(inflated < 256);
}

}  // namespace millrace::codec
