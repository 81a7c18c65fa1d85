// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "protocol/base64.hpp"
#include "protocol/handshake.hpp"
#include "protocol/sha1.hpp"

namespace {

using namespace millrace::protocol;

std::string sha1_hex(const std::string& text) {
  std::uint8_t digest[kSha1Length];
  sha1(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), digest);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : digest) out += {kDigits[byte >> 4], kDigits[byte & 15]};
  return out;
}

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

std::string encoded(const std::string& text) {
  std::string out(base64_length(text.size()), '\0');
  base64_encode(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), out.data());
  return out;
}

/// The decoded bytes, or "refused".
std::string decoded(const std::string& text) {
  std::vector<std::uint8_t> out(text.size() / 4 * 3);
  const std::ptrdiff_t length = base64_decode(text, out.data());
  if (length < 0) return "refused";
  return {out.begin(), out.begin() + length};
}

TEST_CASE("RFC 3174 7.3: the test vectors") {
  CHECK(sha1_hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(sha1_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(sha1_hex(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  CHECK(sha1_hex(repeated("0123456701234567012345670123456701234567012345670123456701234567", 10)) ==
        "dea356a2cddd90c7a7ecedc5ebb563934f460452");
  CHECK(sha1_hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST_CASE("RFC 4648 10: the test vectors, both ways") {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    CHECK(encoded(plain) == text);
    CHECK(decoded(text) == plain);
  }
}

TEST_CASE("RFC 4648 4: every byte value at every place of a group") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (std::size_t length = 1; length <= 7; ++length) {
      for (std::size_t place = 0; place < length; ++place) {
        std::string plain(length, '\x5A');
        plain[place] = static_cast<char>(byte);
        CHECK(decoded(encoded(plain)) == plain);
      }
    }
  }
}

TEST_CASE("RFC 4648 3.5: text that is not canonical is refused") {
  for (const std::string text : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v=", "====", "Z===", "=Zg=", "Zm=v",
                                 "Zm9 ", "Zm9\n", "Zm9-", "Zm9_", "Zm9\xC3", " Zm9v"}) {
    CHECK_MESSAGE(decoded(text) == "refused", text);
  }
}

TEST_CASE("RFC 6455 1.3: the example key") {
  char accept[kAcceptLength];
  accept_key("dGhlIHNhbXBsZSBub25jZQ==", accept);
  CHECK(std::string(accept, kAcceptLength) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

}  // namespace
