// SPDX-License-Identifier: Apache-2.0
#include "codec/short_message.hpp"

#include <doctest/doctest.h>

#include <random>

#include "zlib.hpp"

namespace millrace::codec {

namespace {

using test::Bytes;

Bytes compress(const Bytes& text) {
  Bytes out(text.size() + kShortSlack);
  out.resize(compress_short(text.data(), text.size(), out.data()));
  return out;
}

}  // namespace

TEST_CASE("a short message is read by plain zlib, whatever its length and its letters") {
  std::mt19937 random(1);
  test::PlainInflate peer(8);
  int shorter = 0;
  for (std::size_t length = 1; length <= kShortMessage; ++length) {
    for (const unsigned letters : {1U, 2U, 5U, 40U, 256U}) {
      Bytes text(length);
      for (auto& byte : text) byte = static_cast<std::uint8_t>(random() % letters + (letters < 256 ? 'a' : 0));
      const Bytes payload = compress(text);
      if (payload.empty()) continue;
      ++shorter;
      CHECK(payload.size() < length);
      peer.reset();
      CHECK(peer.message(payload) == text);
    }
  }
  CHECK(shorter > 400);
}

TEST_CASE("a short message is not much longer than zlib makes it") {
  test::PlainDeflate zlib(15, 1);
  std::size_t ours = 0;
  std::size_t theirs = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    const Bytes text = test::json(kShortMessage, seed);
    ours += compress(text).size();
    zlib.reset();
    theirs += zlib.message(text).size();
  }
  CHECK(ours > 0);
  CHECK(ours * 10 < theirs * 11);
}

TEST_CASE("a short message that would not become shorter is none") {
  CHECK(compress({}).empty());
  CHECK(compress({'a'}).empty());
  for (unsigned seed = 0; seed < 50; ++seed) CHECK(compress(test::noise(1 + 3 * seed, seed)).empty());
}

}  // namespace millrace::codec
