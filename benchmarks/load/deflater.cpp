// SPDX-License-Identifier: Apache-2.0
#include "deflater.hpp"

#include <utility>

namespace millrace::load {
namespace {

// RFC 1951 3.2.5: the lowest length or distance of each code and its extra bits.
constexpr uint16_t kLengthBase[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                    31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr uint8_t kLengthExtra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                    2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr uint16_t kDistanceBase[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                      33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                      1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
constexpr uint8_t kDistanceExtra[] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                      6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
constexpr int kLengthCodes = 29;
constexpr int kDistanceCodes = 30;
constexpr size_t kMaxMatch = 258;
constexpr size_t kMinMatch = 4;
constexpr size_t kMaxDistance = 16384;  // inside even a 15-bit window with room to spare
constexpr size_t kHashSize = 1 << 15;

class BitWriter {
 public:
  void bits(uint32_t value, int count) {
    pending_ |= static_cast<uint64_t>(value) << pending_count_;
    pending_count_ += count;
    while (pending_count_ >= 8) {
      bytes_.push_back(static_cast<uint8_t>(pending_));
      pending_ >>= 8;
      pending_count_ -= 8;
    }
  }

  // Huffman codes go out most significant bit first, everything else least significant first.
  void code(uint32_t value, int count) {
    uint32_t reversed = 0;
    for (int i = 0; i < count; i++) reversed |= ((value >> i) & 1u) << (count - 1 - i);
    bits(reversed, count);
  }

  void symbol(uint32_t symbol) {  // RFC 1951 3.2.6
    if (symbol < 144) {
      code(0x30 + symbol, 8);
    } else if (symbol < 256) {
      code(0x190 + symbol - 144, 9);
    } else if (symbol < 280) {
      code(symbol - 256, 7);
    } else {
      code(0xC0 + symbol - 280, 8);
    }
  }

  void match(size_t length, size_t distance) {
    int l = kLengthCodes - 1;
    while (kLengthBase[l] > length) l--;
    if (l == kLengthCodes - 1 && length < kMaxMatch) l--;
    int d = kDistanceCodes - 1;
    while (kDistanceBase[d] > distance) d--;
    symbol(static_cast<uint32_t>(257 + l));
    bits(static_cast<uint32_t>(length - kLengthBase[l]), kLengthExtra[l]);
    code(static_cast<uint32_t>(d), 5);
    bits(static_cast<uint32_t>(distance - kDistanceBase[d]), kDistanceExtra[d]);
  }

  void align() {
    if (pending_count_) bits(0, 8 - pending_count_);
  }

  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
  uint64_t pending_ = 0;
  int pending_count_ = 0;
};

/// The last place where three bytes with the same hash began.
class Dictionary {
 public:
  explicit Dictionary(const uint8_t* bytes) : bytes_(bytes) {}

  int64_t replace(size_t position) {
    int64_t& place = last_[hash(position)];
    int64_t previous = place;
    place = static_cast<int64_t>(position);
    return previous;
  }

 private:
  [[nodiscard]] size_t hash(size_t i) const {
    return ((bytes_[i] * 2654435761u) ^ (bytes_[i + 1] * 40503u) ^ (bytes_[i + 2] * 69069u << 3)) & (kHashSize - 1);
  }

  const uint8_t* bytes_;
  std::vector<int64_t> last_ = std::vector<int64_t>(kHashSize, -1);
};

}  // namespace

std::vector<uint8_t> deflate_message(const uint8_t* bytes, size_t length) {
  BitWriter writer;
  Dictionary dictionary(bytes);
  writer.bits(0, 1);  // not the final block
  writer.bits(1, 2);  // fixed Huffman codes
  for (size_t i = 0; i < length;) {
    size_t match = 0;
    size_t distance = 0;
    if (i + 3 <= length) {
      int64_t candidate = dictionary.replace(i);
      if (candidate >= 0 && i - static_cast<size_t>(candidate) <= kMaxDistance) {
        auto from = static_cast<size_t>(candidate);
        while (match < kMaxMatch && i + match < length && bytes[from + match] == bytes[i + match]) match++;
        distance = i - from;
      }
    }
    if (match < kMinMatch) {
      writer.symbol(bytes[i++]);
      continue;
    }
    writer.match(match, distance);
    for (size_t j = i + 1; j < i + match && j + 3 <= length; j++) dictionary.replace(j);
    i += match;
  }
  writer.symbol(256);
  writer.bits(0, 3);  // an empty stored block flushes; RFC 7692 strips its 00 00 ff ff
  writer.align();
  return writer.take();
}

}  // namespace millrace::load
