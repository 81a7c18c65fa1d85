// SPDX-License-Identifier: Apache-2.0
#include "codec/deflater.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include "codec/inflater.hpp"
#include "zlib.hpp"

namespace millrace::codec {

namespace {

using test::Bytes;

Bytes compress(Deflater* deflater, const Bytes& text) {
  const Bytes copy(text);
  Bytes out(Deflater::bound(text.size()));
  const std::int64_t length = deflater->compress(copy.data(), copy.size(), out.data(), out.size());
  REQUIRE(length > 0);
  out.resize(static_cast<std::size_t>(length));
  return out;
}

}  // namespace

TEST_CASE("Deflater writes what zlib writes, without the tail") {
  memory::Heap heap;
  for (int level = 1; level <= 9; ++level) {
    Deflater deflater{};
    REQUIRE(deflater.open(&heap, level, 8, 15));
    test::PlainDeflate peer(15, level);
    for (unsigned message = 1; message < 6; ++message) {
      const Bytes text = test::json(message * 1500, message);
      CHECK(compress(&deflater, text) == peer.message(text));
    }
    deflater.close();
  }
  CHECK(heap.usage().use == 0);
}

TEST_CASE("Deflater keeps to its window: a peer with no larger one reads it, at every memory level") {
  for (unsigned window_bits = 8; window_bits <= 15; ++window_bits) {
    for (int memory_level = 1; memory_level <= 9; ++memory_level) {
      memory::Heap heap;
      Deflater deflater{};
      REQUIRE(deflater.open(&heap, 1 + static_cast<int>(window_bits) % 9, memory_level, window_bits));
      test::PlainInflate peer(static_cast<int>(window_bits));
      for (unsigned message = 1; message < 8; ++message) {
        const Bytes text =
            message % 3 == 0 ? test::noise(message * 211, message) : test::json(message * message * 97, message / 2);
        CHECK(peer.message(compress(&deflater, text)) == text);
      }
      const std::size_t reckoned = (std::size_t{1} << (window_bits + 2)) + (std::size_t{1} << (memory_level + 9));
      CHECK(heap.usage().high_water <= reckoned + (12 << 10));
      deflater.close();
      CHECK(heap.usage().use == 0);
    }
  }
}

TEST_CASE("Deflater with a window of 256 bytes never reaches back further, over the bounds of messages either") {
  memory::Heap heap;
  Deflater deflater{};
  REQUIRE(deflater.open(&heap, 9, 8, 8));
  test::PlainInflate peer(8);
  // The same 200 bytes again and again, at every distance from where the window was emptied last.
  for (std::size_t length = 1; length < 600; ++length) {
    Bytes text = test::noise(200, 7);
    text.resize(length, 'x');
    CHECK(peer.message(compress(&deflater, text)) == text);
  }
  deflater.close();
}

TEST_CASE("Deflater uses the window of the messages before, until it is reset") {
  memory::Heap heap;
  Deflater deflater{};
  REQUIRE(deflater.open(&heap, 6, 8, 15));
  const Bytes text = test::noise(2000, 1);
  const Bytes first = compress(&deflater, text);
  CHECK(compress(&deflater, text).size() < 100);
  deflater.reset();
  CHECK(compress(&deflater, text) == first);
  deflater.close();
}

TEST_CASE("Deflater writes the empty message as one zero byte, and goes on") {
  memory::Heap heap;
  Deflater deflater{};
  REQUIRE(deflater.open(&heap, 6, 8, 15));
  test::PlainInflate peer;
  for (int round = 0; round < 3; ++round) {
    CHECK(compress(&deflater, {}) == Bytes{0x00});
    CHECK(peer.message({0x00}).empty());
    const Bytes text = test::json(333, 2);
    CHECK(peer.message(compress(&deflater, text)) == text);
  }
  deflater.close();
}

TEST_CASE("Deflater stays within its bound, whatever the text") {
  const Bytes text = test::noise(70'000, 1);
  for (const unsigned window_bits : {8U, 9U, 15U}) {
    for (const int memory_level : {1, 2, 8, 9}) {
      for (const int level : {1, 9}) {
        memory::Heap heap;
        Deflater deflater{};
        REQUIRE(deflater.open(&heap, level, memory_level, window_bits));
        for (const std::size_t length : {1, 100, 255, 256, 257, 5000, 65'535, 65'536, 70'000}) {
          (void)compress(&deflater, Bytes(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length)));
        }
        deflater.close();
      }
    }
  }
}

TEST_CASE("Deflater says when the room is too small, and works again after a reset") {
  memory::Heap heap;
  Deflater deflater{};
  REQUIRE(deflater.open(&heap, 6, 8, 15));
  const Bytes text = test::json(3000, 5);
  const Bytes whole = compress(&deflater, text);
  for (std::size_t room = 0; room < whole.size(); room += room < 40 ? 1 : 37) {
    deflater.reset();
    Bytes out(room);
    CHECK(deflater.compress(text.data(), text.size(), out.data(), room) == -ENOSPC);
  }
  deflater.reset();
  CHECK(compress(&deflater, text) == whole);
  deflater.close();
}

TEST_CASE("Deflater: every allocation fails in turn") {
  int opened = 0;
  for (std::size_t limit = 0; limit < 320 << 10; limit += 1024) {
    memory::Heap heap(limit);
    Deflater deflater{};
    if (deflater.open(&heap, 6, 8, 15)) {
      ++opened;
      (void)compress(&deflater, test::json(1000, 1));
      deflater.close();
    }
    CHECK(!deflater.is_open());
    CHECK(heap.usage().use == 0);
  }
  CHECK(opened > 0);
  CHECK(opened < 100);
}

}  // namespace millrace::codec
