// SPDX-License-Identifier: Apache-2.0
#include "payload.hpp"

#include <cstdio>

#include "fatal.hpp"

namespace millrace::load {
namespace {

std::string json_text(size_t length, Random& random) {
  std::string text = "[";
  char entry[160];
  while (text.size() < length + 1) {
    uint64_t r = random.next();
    snprintf(entry, sizeof entry,
             "{\"id\":%u,\"sym\":\"%c%c%c\",\"px\":%u.%02u,\"qty\":%u,\"side\":\"%s\",\"ts\":%llu},",
             static_cast<unsigned>(r & 0xffff), 'A' + static_cast<int>(r % 26), 'A' + static_cast<int>((r >> 8) % 26),
             'A' + static_cast<int>((r >> 16) % 26), static_cast<unsigned>((r >> 20) % 1000),
             static_cast<unsigned>((r >> 30) % 100), static_cast<unsigned>((r >> 40) % 5000),
             (r >> 60) & 1 ? "buy" : "sell", 1700000000000ULL + (r >> 44));
    text += entry;
  }
  text.resize(length);
  return text;
}

// Cyrillic, Chinese and ASCII mixed, then ASCII up to the exact length so that no character is cut.
std::string mixed_text(size_t length, Random& random) {
  static const std::string words[] = {"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 ", "\xe4\xbd\xa0\xe5\xa5\xbd",
                                      "\xe6\xb5\x8b\xe8\xaf\x95", "ok "};
  std::string text;
  for (;;) {
    const std::string& word = words[random.next() >> 62];
    if (text.size() + word.size() > length) break;
    text += word;
  }
  text.resize(length, '.');
  return text;
}

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

std::vector<uint8_t> make_payload(const std::string& kind, size_t length, Random& random) {
  if (kind == "json") return bytes_of(json_text(length, random));
  if (kind == "utf8") return bytes_of(mixed_text(length, random));
  if (kind == "zero") return std::vector<uint8_t>(length, '0');
  if (kind != "random") fatal("--payload is random, json, utf8 or zero: %s", kind.c_str());
  std::vector<uint8_t> payload(length);
  for (auto& byte : payload) byte = static_cast<uint8_t>(random.next() >> 24);
  return payload;
}

}  // namespace millrace::load
