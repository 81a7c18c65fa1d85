// SPDX-License-Identifier: Apache-2.0
#include "simd/unmask.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

using millrace::simd::unmask;
using millrace::simd::unmask_copy;

constexpr std::uint8_t kKey[4] = {0x37, 0xFA, 0x21, 0x3D};
constexpr std::uint8_t kGuard = 0xDB;
constexpr std::size_t kAlignments = 64;
constexpr std::size_t kGuardLength = 64;

std::uint32_t loaded(const std::uint8_t (&key)[4]) {
  std::uint32_t value;
  std::memcpy(&value, key, 4);
  return value;
}

/// RFC 6455 5.3, as it is written there.
std::vector<std::uint8_t> reference(const std::vector<std::uint8_t>& payload, unsigned phase) {
  std::vector<std::uint8_t> out = payload;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] ^= kKey[(i + phase) % 4];
  return out;
}

std::vector<std::uint8_t> payload_of(std::size_t length) {
  std::vector<std::uint8_t> out(length);
  std::uint32_t value = 0x9E3779B9u + static_cast<std::uint32_t>(length);
  for (auto& byte : out) {
    value = value * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>(value >> 24);
  }
  return out;
}

/// A buffer with guards on both sides of the place that may be written.
struct Guarded {
  Guarded(std::size_t length, std::size_t alignment)
      : bytes(2 * kGuardLength + kAlignments + length, kGuard), length(length) {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes.data() + kGuardLength);
    place = bytes.data() + kGuardLength + (kAlignments - address % kAlignments) % kAlignments + alignment;
  }
  [[nodiscard]] bool holds(const std::vector<std::uint8_t>& expected) const {
    for (const std::uint8_t* byte = bytes.data(); byte != bytes.data() + bytes.size(); ++byte) {
      const bool inside = byte >= place && byte < place + length;
      if (*byte != (inside ? expected[static_cast<std::size_t>(byte - place)] : kGuard)) return false;
    }
    return true;
  }
  std::vector<std::uint8_t> bytes;
  std::size_t length;
  std::uint8_t* place;
};

template <class Check>
std::string first_failure(Check check) {
  for (std::size_t length = 0; length <= 300; ++length) {
    const auto payload = payload_of(length);
    for (unsigned phase = 0; phase < 4; ++phase) {
      const auto expected = reference(payload, phase);
      for (std::size_t alignment = 0; alignment < kAlignments; ++alignment) {
        if (check(payload, expected, phase, alignment)) continue;
        return "length=" + std::to_string(length) + " phase=" + std::to_string(phase) +
               " alignment=" + std::to_string(alignment);
      }
    }
  }
  return "";
}

TEST_CASE("RFC 6455 5.7: the masked Hello") {
  std::uint8_t payload[] = {0x7F, 0x9F, 0x4D, 0x51, 0x58};
  unmask(payload, sizeof payload, loaded(kKey), 0);
  CHECK(std::string(payload, payload + sizeof payload) == "Hello");
}

TEST_CASE("RFC 6455 5.3: unmask equals the bytewise definition at every length, phase and alignment") {
  CHECK(first_failure([](const auto& payload, const auto& expected, unsigned phase, std::size_t alignment) {
          Guarded buffer(payload.size(), alignment);
          std::copy(payload.begin(), payload.end(), buffer.place);
          unmask(buffer.place, payload.size(), loaded(kKey), phase);
          return buffer.holds(expected);
        }) == "");
}

TEST_CASE("RFC 6455 5.3: unmask_copy equals the bytewise definition and leaves its source alone") {
  CHECK(first_failure([](const auto& payload, const auto& expected, unsigned phase, std::size_t alignment) {
          Guarded from(payload.size(), alignment);
          Guarded to(payload.size(), (alignment * 7 + phase) % kAlignments);
          std::copy(payload.begin(), payload.end(), from.place);
          unmask_copy(to.place, from.place, payload.size(), loaded(kKey), phase);
          return to.holds(expected) && from.holds(payload);
        }) == "");
}

TEST_CASE("unmask_copy moves a payload down over itself") {
  std::string failure;
  for (std::size_t length = 0; length <= 700 && failure.empty(); ++length) {
    const auto payload = payload_of(length);
    for (const std::size_t distance : {1, 2, 3, 4, 7, 8, 12, 15, 16, 17, 31, 32, 33, 60, 63, 64, 65, 128, 200}) {
      const unsigned phase = static_cast<unsigned>(length + distance) % 4;
      const auto expected = reference(payload, phase);
      Guarded buffer(length + distance, (length * 5 + distance) % kAlignments);
      std::copy(payload.begin(), payload.end(), buffer.place + distance);
      unmask_copy(buffer.place, buffer.place + distance, length, loaded(kKey), phase);
      if (!std::equal(expected.begin(), expected.end(), buffer.place)) {
        failure = "length=" + std::to_string(length) + " distance=" + std::to_string(distance);
      }
    }
  }
  CHECK(failure == "");
}

TEST_CASE("RFC 6455 5.3: long payloads of random length, phase and alignment") {
  std::mt19937 random(6455);
  std::string failure;
  for (int round = 0; round < 400 && failure.empty(); ++round) {
    const std::size_t length = random() % (round % 8 == 0 ? 300000 : 5000);
    const unsigned phase = random() % 4;
    const auto payload = payload_of(length);
    const auto expected = reference(payload, phase);
    Guarded from(length, random() % kAlignments);
    Guarded to(length, random() % kAlignments);
    std::copy(payload.begin(), payload.end(), from.place);
    unmask_copy(to.place, from.place, length, loaded(kKey), phase);
    const bool copied = to.holds(expected) && from.holds(payload);
    unmask(from.place, length, loaded(kKey), phase);
    if (!copied || !from.holds(expected)) failure = "length=" + std::to_string(length) + (copied ? "" : " copy");
  }
  CHECK(failure == "");
}

TEST_CASE("a payload unmasked in pieces equals the payload unmasked whole") {
  const auto payload = payload_of(150);
  const auto expected = reference(payload, 0);
  std::size_t failures = 0;
  for (std::size_t first = 0; first <= payload.size(); ++first) {
    for (std::size_t second = first; second <= payload.size(); second += 3) {
      auto bytes = payload;
      unmask(bytes.data(), first, loaded(kKey), 0);
      unmask(bytes.data() + first, second - first, loaded(kKey), first % 4);
      unmask(bytes.data() + second, bytes.size() - second, loaded(kKey), second % 4);
      if (bytes != expected) ++failures;
    }
  }
  CHECK(failures == 0);
}

}  // namespace
