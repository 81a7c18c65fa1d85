// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "oracle/oracle.hpp"

namespace millrace::tests {

namespace {

constexpr std::uint32_t kInteresting[] = {0,      1,      2,          3,          4,          8,          12,
                                          0x7f,   0x80,   0xff,       0x100,      0x7ffe,     0x7fff,     0x8000,
                                          0xfffe, 0xffff, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

/// Changes the number of type T at a multiple of its size: by a little, or to one that is often a limit.
template <class T>
void change_number(Buffer& buffer, Random& random) {
  if (buffer.size() < sizeof(T)) return;
  const std::size_t at = random.below(buffer.size() / sizeof(T)) * sizeof(T);
  T value;
  std::memcpy(&value, &buffer[at], sizeof value);
  switch (random.below(4)) {
    case 0:
      value = static_cast<T>(kInteresting[random.below(std::size(kInteresting))]);
      break;
    case 1:
      value = static_cast<T>(random.below(buffer.size() + 8));
      break;
    default:
      value = static_cast<T>(value + random.below(17) - 8);
  }
  std::memcpy(&buffer[at], &value, sizeof value);
}

void splice(Buffer& buffer, const Buffer& from, Random& random) {
  const std::size_t unit = std::size_t{1} << random.below(4);
  const std::size_t length = std::min({buffer.size(), from.size(), unit * (1 + random.below(12))});
  const auto place = [&random, unit, length](const Buffer& in) {
    const std::size_t at = random.below(in.size() - length + 1);
    return at - at % unit;
  };
  const std::size_t source = place(from);
  std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(source), length,
              buffer.begin() + static_cast<std::ptrdiff_t>(place(buffer)));
}

void mutate_once(Buffer& buffer, const Oracle& oracle, Random& random) {
  if (buffer.empty()) return;
  switch (random.below(8)) {
    case 0:
      buffer[random.below(buffer.size())] ^= static_cast<std::uint8_t>(1u << random.below(8));
      break;
    case 1:
      buffer[random.below(buffer.size())] = static_cast<std::uint8_t>(random.next());
      break;
    case 2:
    case 3:
      change_number<std::uint16_t>(buffer, random);
      break;
    case 4:
    case 5:
      change_number<std::uint32_t>(buffer, random);
      break;
    case 6:
      splice(buffer, oracle.good[random.below(oracle.good.size())], random);
      break;
    default:
      if (random.below(4) != 0) {
        splice(buffer, Buffer(buffer), random);
      } else {
        buffer.resize(random.below(2) != 0 ? random.below(buffer.size()) : buffer.size() + random.below(9));
      }
  }
}

}  // namespace

std::uint64_t Random::next() noexcept {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

Buffer mutate(const Oracle& oracle, Random& random) {
  Buffer buffer = oracle.good[random.below(oracle.good.size())];
  constexpr std::uint8_t kMistakes[16] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 8};
  for (std::uint8_t i = kMistakes[random.below(16)]; i != 0; --i) mutate_once(buffer, oracle, random);
  return buffer;
}

}  // namespace millrace::tests
