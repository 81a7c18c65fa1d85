// SPDX-License-Identifier: Apache-2.0
#include "protocol/sha1.hpp"

#include <bit>
#include <cstring>

#include "base/bytes.hpp"

namespace millrace::protocol {

namespace {

constexpr std::size_t kBlock = 64;
constexpr std::size_t kLengthField = 8;

struct Digest {
  std::uint32_t words[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
};

/// The round function f(t) plus the constant K(t) (RFC 3174 5).
std::uint32_t mix(int round, std::uint32_t b, std::uint32_t c, std::uint32_t d) noexcept {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5A827999;
  if (round < 40) return (b ^ c ^ d) + 0x6ED9EBA1;
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC;
  return (b ^ c ^ d) + 0xCA62C1D6;
}

void add_block(Digest* digest, const std::uint8_t* block) noexcept {
  std::uint32_t schedule[80];
  for (int t = 0; t < 16; ++t) schedule[t] = __builtin_bswap32(base::load<std::uint32_t>(block + 4 * t));
  for (int t = 16; t < 80; ++t) {
    schedule[t] = std::rotl(schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16], 1);
  }
  auto [a, b, c, d, e] = digest->words;
  for (int t = 0; t < 80; ++t) {
    const std::uint32_t next = std::rotl(a, 5) + mix(t, b, c, d) + e + schedule[t];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  const std::uint32_t sum[5] = {a, b, c, d, e};
  for (int i = 0; i < 5; ++i) digest->words[i] += sum[i];
}

}  // namespace

void sha1(const std::uint8_t* bytes, std::size_t length, std::uint8_t out[kSha1Length]) noexcept {
  Digest digest;
  std::size_t done = 0;
  for (; length - done >= kBlock; done += kBlock) add_block(&digest, bytes + done);

  const std::size_t rest = length - done;
  std::uint8_t tail[2 * kBlock] = {};
  if (rest > 0) std::memcpy(tail, bytes + done, rest);
  tail[rest] = 0x80;
  const std::size_t end = rest + 1 + kLengthField <= kBlock ? kBlock : 2 * kBlock;
  base::store_be64(tail + end - kLengthField, std::uint64_t{length} * 8);
  for (std::size_t i = 0; i < end; i += kBlock) add_block(&digest, tail + i);

  for (int i = 0; i < 5; ++i) base::store(out + 4 * i, __builtin_bswap32(digest.words[i]));
}

}  // namespace millrace::protocol
