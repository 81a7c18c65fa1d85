// SPDX-License-Identifier: Apache-2.0
//
// GB/s of the kernels at each level that this processor has. All cells of a kernel are measured in turn, round after
// round, so that a machine which slows down does so for all of them; printed is the median round of each.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "simd/level.hpp"
#include "simd/unmask.hpp"
#include "simd/utf8.hpp"

namespace {

using millrace::simd::Level;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kSizes[] = {10, 64, 125, 1024, 16384, 65536, 1 << 20};
constexpr int kRounds = 101;
// Shorter than a slice of the scheduler, so that on a busy machine most rounds run undisturbed.
constexpr std::chrono::microseconds kRound{100};
constexpr std::size_t kPage = 4096;
const char* const kNames[] = {"scalar", "sse2", "ssse3", "avx2", "avx512", "neon"};

/// Keeps the compiler from leaving out what is measured.
volatile std::uint64_t sink;

/// A row of the table: what is done to `length` bytes at `bytes`.
struct Row {
  std::string name;
  int level;  ///< to force, or -1
  void (*run)(std::uint8_t* bytes, std::uint8_t* other, std::size_t length);
};

void unmask(std::uint8_t* bytes, std::uint8_t*, std::size_t length) {
  millrace::simd::unmask(bytes, length, 0x3D21FA37, 0);
}

void unmask_copy(std::uint8_t* bytes, std::uint8_t* other, std::size_t length) {
  millrace::simd::unmask_copy(other, bytes, length, 0x3D21FA37, 0);
}

/// RFC 6455 5.3 as it is written, one byte a step: the compiler is kept from joining them.
void unmask_bytewise(std::uint8_t* bytes, std::uint8_t*, std::size_t length) {
  constexpr std::uint8_t kKey[] = {0x37, 0xFA, 0x21, 0x3D};
  for (std::size_t i = 0; i < length; ++i) {
    bytes[i] ^= kKey[i % 4];
    asm volatile("" : "+r"(i));
  }
}

void copy(std::uint8_t* bytes, std::uint8_t* other, std::size_t length) { std::memcpy(other, bytes, length); }

void validate(std::uint8_t* bytes, std::uint8_t*, std::size_t length) {
  millrace::simd::Utf8Validator validator;
  if (!validator.append(bytes, length)) std::abort();
  sink = validator.complete();
}

std::vector<Row> rows_of(const char* kernel) {
  std::vector<Row> rows;
  const bool text = std::strncmp(kernel, "utf8", 4) == 0;
  const bool copies = std::strncmp(kernel, "unmask_copy", 11) == 0;
  if (copies) rows.push_back({"memcpy", -1, copy});
  if (!text && !copies) rows.push_back({"bytewise", -1, unmask_bytewise});
  for (unsigned level = 0; level < millrace::simd::kLevels; ++level) {
    if (!millrace::simd::is_supported(Level{static_cast<std::uint8_t>(level)})) continue;
    rows.push_back({kNames[level], static_cast<int>(level), text ? validate : copies ? unmask_copy : unmask});
  }
  return rows;
}

/// Text that fills `length` bytes with whole code points.
std::vector<std::uint8_t> text_of(const char* pattern, std::size_t length) {
  std::vector<std::uint8_t> out;
  const std::size_t period = std::strlen(pattern);
  while (out.size() < length) out.push_back(static_cast<std::uint8_t>(pattern[out.size() % period]));
  for (std::size_t i = length; i-- > 0 && out[i] >= 0x80;) out[i] = '.';
  return out;
}

constexpr std::size_t kPlaces = 16;

std::size_t stride_of(std::size_t length) { return length <= 1024 ? (length + 127) / 64 * 64 : 0; }

void fill(std::uint8_t* bytes, const std::vector<std::uint8_t>& text) {
  const std::size_t places = text.size() <= 1024 ? kPlaces : 1;
  for (std::size_t i = 0; i < places; ++i) std::copy(text.begin(), text.end(), bytes + i * stride_of(text.size()));
}

double rate_of(const Row& row, std::uint8_t* bytes, std::uint8_t* other, std::size_t length) {
  if (row.level >= 0 && !millrace::simd::force(Level{static_cast<std::uint8_t>(row.level)})) std::abort();
  const std::size_t batch = std::max<std::size_t>(1, 8192 / length);
  // Short payloads lie in turn at several places: one that was written a moment ago is read back slowly.
  const std::size_t stride = stride_of(length);
  std::size_t calls = 0;
  row.run(bytes, other, length);
  const auto begin = Clock::now();
  auto now = begin;
  for (; now - begin < kRound; now = Clock::now()) {
    for (std::size_t i = 0; i < batch; ++i) {
      row.run(bytes + i % kPlaces * stride, other + i % kPlaces * stride, length);
      asm volatile("" ::: "memory");
    }
    calls += batch;
  }
  return static_cast<double>(calls * length) / std::chrono::duration<double, std::nano>(now - begin).count();
}

/// `place`: bytes behind the start of a page, as a payload lies behind its header.
void measure(const char* kernel, const char* pattern, std::size_t place) {
  const auto rows = rows_of(kernel);
  std::vector<std::vector<double>> rates(rows.size() * std::size(kSizes));
  std::vector<std::uint8_t> memory((1 << 20) + 3 * kPage);
  std::vector<std::uint8_t> other((1 << 20) + 3 * kPage);
  const auto at = [place](std::vector<std::uint8_t>& in) {
    return in.data() + (kPage - reinterpret_cast<std::uintptr_t>(in.data()) % kPage) + place;
  };
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t size = 0; size < std::size(kSizes); ++size) {
      const auto text = text_of(pattern, kSizes[size]);
      for (std::size_t row = 0; row < rows.size(); ++row) {
        fill(at(memory), text);
        rates[row * std::size(kSizes) + size].push_back(rate_of(rows[row], at(memory), at(other), kSizes[size]));
      }
    }
  }
  std::printf("\n%-28s", kernel);
  for (const std::size_t size : kSizes) std::printf("%9zu", size);
  std::printf("\n");
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::printf("%-28s", rows[row].name.c_str());
    for (std::size_t size = 0; size < std::size(kSizes); ++size) {
      auto& of = rates[row * std::size(kSizes) + size];
      std::nth_element(of.begin(), of.begin() + kRounds / 2, of.end());
      std::printf("%9.1f", of[kRounds / 2]);
    }
    std::printf("\n");
  }
}

}  // namespace

int main() {
  std::printf("GB/s by bytes in a call, median of %d rounds\n", kRounds);
  measure("unmask, aligned", "a", 0);
  measure("unmask, 14 bytes off", "a", 14);
  measure("unmask_copy, 14 bytes off", "a", 14);
  measure("utf8, ASCII", "The quick brown fox jumps over the lazy dog. ", 14);
  measure("utf8, mixed",
          "Mot de passe oubli\xC3\xA9: \xE4\xBD\xA0\xE5\xA5\xBD, \xCE\xBA\xCF\x8C\xCF\x83\xCE\xBC\xCE\xB5 "
          "\xF0\x9F\x98\x80 ok. ",
          14);
}
