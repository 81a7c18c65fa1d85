// SPDX-License-Identifier: Apache-2.0
#include "codec/short_message.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "base/bytes.hpp"

namespace millrace::codec {

namespace {

constexpr std::size_t kShortestMatch = 3;
constexpr unsigned kHashBits = 8;
constexpr std::uint16_t kNowhere = 0xffff;
static_assert(kShortMessage < 258 && kShortMessage < kNowhere, "a length has a code, a position fits");

/// Bits as they go out, the first one lowest, and how many.
struct Code {
  std::uint16_t bits;
  std::uint8_t count;
};

/// Huffman codes begin with their highest bit.
constexpr std::uint16_t reversed(unsigned code, unsigned count) {
  unsigned out = 0;
  for (unsigned bit = 0; bit < count; ++bit) out |= (code >> bit & 1) << (count - 1 - bit);
  return static_cast<std::uint16_t>(out);
}

/// RFC 1951 3.2.6
constexpr Code fixed_code(unsigned symbol) {
  if (symbol < 144) return {reversed(0x30 + symbol, 8), 8};
  if (symbol < 256) return {reversed(0x190 + symbol - 144, 9), 9};
  if (symbol < 280) return {reversed(symbol - 256, 7), 7};
  return {reversed(0xc0 + symbol - 280, 8), 8};
}

constexpr auto kLiterals = [] {
  std::array<Code, 256> codes{};
  for (unsigned byte = 0; byte < 256; ++byte) codes[byte] = fixed_code(byte);
  return codes;
}();

/// RFC 1951 3.2.5: the first length of each symbol from 257 on has the bits behind it count up from 0.
constexpr auto kLengths = [] {
  std::array<Code, 258> codes{};
  unsigned length = kShortestMatch;
  for (unsigned symbol = 257; symbol < 285; ++symbol) {
    const unsigned extra = symbol < 265 ? 0 : (symbol - 261) / 4;
    for (unsigned value = 0; value < 1U << extra && length < codes.size(); ++value, ++length) {
      const Code code = fixed_code(symbol);
      codes[length] = {static_cast<std::uint16_t>(code.bits | value << code.count),
                       static_cast<std::uint8_t>(code.count + extra)};
    }
  }
  return codes;
}();

constexpr auto kDistances = [] {
  std::array<Code, kShortMessage> codes{};
  unsigned distance = 1;
  for (unsigned symbol = 0; distance < codes.size(); ++symbol) {
    const unsigned extra = symbol < 4 ? 0 : symbol / 2 - 1;
    for (unsigned value = 0; value < 1U << extra && distance < codes.size(); ++value, ++distance) {
      codes[distance] = {static_cast<std::uint16_t>(reversed(symbol, 5) | value << 5),
                         static_cast<std::uint8_t>(5 + extra)};
    }
  }
  return codes;
}();

std::uint32_t load3(const std::uint8_t* from) noexcept {
  return from[0] | std::uint32_t{from[1]} << 8 | std::uint32_t{from[2]} << 16;
}

std::size_t hash(std::uint32_t three) noexcept { return three * 0x9E3779B1U >> (32 - kHashBits); }

class BitWriter {
 public:
  explicit BitWriter(std::uint8_t* to) noexcept : start_(to), to_(to) {}

  /// At most 32 bits between two calls of `flush`.
  void put(Code code) noexcept {
    held_ |= std::uint64_t{code.bits} << count_;
    count_ += code.count;
  }
  /// Writes whole bytes; eight are touched.
  void flush() noexcept {
    base::store(to_, held_);
    to_ += count_ / 8;
    held_ >>= count_ & ~7U;
    count_ &= 7;
  }
  [[nodiscard]] std::size_t length() const noexcept { return static_cast<std::size_t>(to_ - start_); }
  /// With zero bits up to the end of the last byte.
  [[nodiscard]] std::size_t end() noexcept {
    count_ += 7;
    flush();
    return length();
  }

 private:
  std::uint8_t* start_;
  std::uint8_t* to_;
  std::uint64_t held_ = 0;
  unsigned count_ = 0;
};

}  // namespace

std::size_t compress_short(const std::uint8_t* from, std::size_t length, std::uint8_t* to) noexcept {
  std::uint16_t places[1 << kHashBits];
  std::memset(places, 0xff, sizeof places);
  BitWriter out(to);
  out.put({0b010, 3});  // not the last block, fixed codes
  for (std::size_t at = 0; at < length;) {
    if (out.length() + 1 >= length) return 0;
    std::size_t matched = 0;
    std::size_t place = kNowhere;
    if (length - at >= kShortestMatch) {
      const std::uint32_t three = load3(from + at);
      std::uint16_t& before = places[hash(three)];
      place = before;
      before = static_cast<std::uint16_t>(at);
      if (place != kNowhere && load3(from + place) == three) {
        matched = kShortestMatch;
        while (at + matched < length && from[place + matched] == from[at + matched]) ++matched;
      }
    }
    if (matched == 0) {
      out.put(kLiterals[from[at++]]);
    } else {
      out.put(kLengths[matched]);
      out.put(kDistances[at - place]);
      for (const std::size_t end = at + matched; at < end; ++at) {
        if (at + kShortestMatch <= length) places[hash(load3(from + at))] = static_cast<std::uint16_t>(at);
      }
    }
    out.flush();
  }
  out.put(fixed_code(256));
  out.put({0, 3});  // the beginning of the empty block that the tail belongs to
  const std::size_t came = out.end();
  return came < length ? came : 0;
}

}  // namespace millrace::codec
