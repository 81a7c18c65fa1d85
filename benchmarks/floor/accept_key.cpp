// SPDX-License-Identifier: Apache-2.0
#include "accept_key.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

namespace millrace::floor {
namespace {

constexpr size_t kDigest = 20;
constexpr char kGuid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

void sha1_block(const uint8_t* block, uint32_t state[5]) {
  uint32_t w[80];
  for (int i = 0; i < 16; i++) {
    const uint8_t* p = block + i * 4;
    w[i] =
        static_cast<uint32_t>(p[0]) << 24 | static_cast<uint32_t>(p[1]) << 16 | static_cast<uint32_t>(p[2]) << 8 | p[3];
  }
  for (int i = 16; i < 80; i++) w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 80; i++) {
    uint32_t f, k;
    if (i < 20) {
      f = (b & c) | (~b & d);
      k = 0x5A827999;
    } else if (i < 40) {
      f = b ^ c ^ d;
      k = 0x6ED9EBA1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8F1BBCDC;
    } else {
      f = b ^ c ^ d;
      k = 0xCA62C1D6;
    }
    uint32_t t = std::rotl(a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = t;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

void sha1(const std::string& message, uint8_t digest[kDigest]) {
  uint8_t padded[128] = {0};  // a key of kMaxKey and the GUID make two blocks at most
  static_assert(kMaxKey + sizeof kGuid - 1 + 9 <= sizeof padded);
  memcpy(padded, message.data(), message.size());
  padded[message.size()] = 0x80;
  size_t blocks = (message.size() + 8) / 64 + 1;
  uint64_t bits = message.size() * 8;
  for (size_t i = 0; i < 8; i++) padded[blocks * 64 - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
  uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  for (size_t i = 0; i < blocks; i++) sha1_block(padded + i * 64, state);
  for (size_t i = 0; i < kDigest; i++) digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
}

}  // namespace

std::string accept_key(const std::string& key) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint8_t digest[kDigest + 1] = {0};
  sha1(key + kGuid, digest);
  std::string encoded;
  for (size_t i = 0; i < sizeof digest; i += 3) {
    uint32_t group = static_cast<uint32_t>(digest[i]) << 16 | static_cast<uint32_t>(digest[i + 1]) << 8 | digest[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) encoded += kAlphabet[group >> shift & 63];
  }
  encoded.back() = '=';  // 20 bytes leave one byte of padding
  return encoded;
}

}  // namespace millrace::floor
