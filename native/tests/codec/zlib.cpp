// SPDX-License-Identifier: Apache-2.0
#include "zlib.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>

namespace millrace::codec::test {

namespace {

constexpr std::array<std::uint8_t, 4> kTail{0x00, 0x00, 0xff, 0xff};

}  // namespace

Bytes letters(std::size_t length, unsigned seed) {
  std::mt19937 random(seed);
  Bytes text(length);
  for (auto& byte : text) byte = static_cast<std::uint8_t>('a' + random() % 6);
  return text;
}

Bytes noise(std::size_t length, unsigned seed) {
  std::mt19937 random(seed);
  Bytes text(length);
  for (auto& byte : text) byte = static_cast<std::uint8_t>(random());
  return text;
}

Bytes json(std::size_t length, unsigned seed) {
  std::mt19937 random(seed);
  std::string text = "[";
  while (text.size() < length) {
    text += "{\"symbol\":\"S" + std::to_string(random() % 50) + "\",\"price\":" + std::to_string(random() % 100'000) +
            ",\"quantity\":" + std::to_string(random() % 1000) + "},";
  }
  text.resize(length);
  return bytes_of(text);
}

PlainDeflate::PlainDeflate(int window_bits, int level, int memory_level, int strategy) {
  REQUIRE(deflateInit2(&stream_, level, Z_DEFLATED, -window_bits, memory_level, strategy) == Z_OK);
}

PlainDeflate::~PlainDeflate() { deflateEnd(&stream_); }

Bytes PlainDeflate::run(const Bytes& text, int flush) {
  Bytes out(text.size() * 2 + 1000);
  stream_.next_in = text.data();
  stream_.avail_in = static_cast<uInt>(text.size());
  stream_.next_out = out.data();
  stream_.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream_, flush);
  REQUIRE(result == (flush == Z_FINISH ? Z_STREAM_END : Z_OK));
  out.erase(out.end() - stream_.avail_out, out.end());
  return out;
}

Bytes PlainDeflate::message(const Bytes& text) {
  Bytes out = run(text, Z_SYNC_FLUSH);
  REQUIRE(std::equal(kTail.begin(), kTail.end(), out.end() - 4));
  out.erase(out.end() - 4, out.end());
  return out;
}

Bytes PlainDeflate::stream(const Bytes& text) {
  Bytes out = run(text, Z_FINISH);
  deflateReset(&stream_);
  return out;
}

PlainInflate::PlainInflate(int window_bits) { REQUIRE(inflateInit2(&stream_, -window_bits) == Z_OK); }

PlainInflate::~PlainInflate() { inflateEnd(&stream_); }

Bytes PlainInflate::message(Bytes payload) {
  payload.insert(payload.end(), kTail.begin(), kTail.end());
  Bytes text;
  std::array<std::uint8_t, 1000> room;
  stream_.next_in = payload.data();
  stream_.avail_in = static_cast<uInt>(payload.size());
  for (;;) {
    stream_.next_out = room.data();
    stream_.avail_out = room.size();
    const int result = inflate(&stream_, Z_SYNC_FLUSH);
    text.insert(text.end(), room.data(), stream_.next_out);
    if (result == Z_STREAM_END) {
      inflateReset(&stream_);
      continue;
    }
    REQUIRE((result == Z_OK || result == Z_BUF_ERROR));
    if (stream_.avail_out > 0) break;
  }
  REQUIRE(stream_.avail_in == 0);
  REQUIRE(stream_.data_type == 128);
  return text;
}

}  // namespace millrace::codec::test
