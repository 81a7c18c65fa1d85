// SPDX-License-Identifier: Apache-2.0
#include "protocol/base64.hpp"

namespace millrace::protocol {

namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int value_of(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

void base64_encode(const std::uint8_t* bytes, std::size_t length, char* out) noexcept {
  for (std::size_t i = 0; i < length; i += 3, out += 4) {
    const std::size_t count = length - i < 3 ? length - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) out[k] = k <= count ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
  }
}

std::ptrdiff_t base64_decode(std::string_view text, std::uint8_t* out) noexcept {
  if (text.size() % 4 != 0) return -1;
  std::ptrdiff_t written = 0;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::size_t count = 4;
    if (i + 4 == text.size()) {
      if (text[i + 3] == '=') count = text[i + 2] == '=' ? 2 : 3;
    }
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int value = k < count ? value_of(text[i + k]) : 0;
      if (value < 0) return -1;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    if ((group & (0xFFFFFFu >> 8 * (count - 1))) != 0) return -1;
    for (std::size_t k = 0; k + 1 < count; ++k) out[written++] = static_cast<std::uint8_t>(group >> (16 - 8 * k));
  }
  return written;
}

}  // namespace millrace::protocol
