// SPDX-License-Identifier: Apache-2.0
//
// GB/s of the kernels at each level that this processor has, and nanoseconds of the parsers. All cells of a table are
// measured in turn, round after round, so that a machine which slows down does so for all of them; printed is the
// median round of each.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/frame.hpp"
#include "protocol/handshake.hpp"
#include "simd/level.hpp"
#include "simd/unmask.hpp"
#include "simd/utf8.hpp"

namespace {

namespace protocol = millrace::protocol;
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

/// Nanoseconds a call, over one round. The clock is read once a batch; `call` is told its place in the batch.
template <class Call>
double time_of(std::size_t batch, Call call) {
  std::size_t calls = 0;
  call(0);
  const auto begin = Clock::now();
  auto now = begin;
  for (; now - begin < kRound; now = Clock::now()) {
    for (std::size_t i = 0; i < batch; ++i) {
      call(i);
      asm volatile("" ::: "memory");
    }
    calls += batch;
  }
  return std::chrono::duration<double, std::nano>(now - begin).count() / static_cast<double>(calls);
}

double median(std::vector<double>& of) {
  std::nth_element(of.begin(), of.begin() + kRounds / 2, of.end());
  return of[kRounds / 2];
}

double rate_of(const Row& row, std::uint8_t* bytes, std::uint8_t* other, std::size_t length) {
  if (row.level >= 0 && !millrace::simd::force(Level{static_cast<std::uint8_t>(row.level)})) std::abort();
  // Short payloads lie in turn at several places: one that was written a moment ago is read back slowly.
  const std::size_t stride = stride_of(length);
  const double time = time_of(std::max<std::size_t>(1, 8192 / length), [&](std::size_t i) {
    row.run(bytes + i % kPlaces * stride, other + i % kPlaces * stride, length);
  });
  return static_cast<double>(length) / time;
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
      std::printf("%9.1f", median(rates[row * std::size(kSizes) + size]));
    }
    std::printf("\n");
  }
}

/// A row of the table of parsers: what is given to which.
struct Parse {
  const char* name;
  void (*run)(std::string_view bytes);
  std::string_view bytes;
};

const std::uint8_t* data(std::string_view bytes) { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }

void frame_header(std::string_view bytes) {
  protocol::FrameHeader header;
  protocol::ProtocolError error;
  const auto parsed = protocol::parse_frame_header(data(bytes), bytes.size(), protocol::Role::server, &header, &error);
  if (parsed != protocol::FrameParse::complete) std::abort();
  sink = header.payload_length;
}

void handshake(std::string_view bytes) {
  protocol::HandshakeParser parser;
  protocol::RequestFacts facts;
  protocol::Refusal refusal;
  const auto parsed = parser.parse(data(bytes), static_cast<std::uint32_t>(bytes.size()), {}, &facts, &refusal);
  if (parsed != protocol::HandshakeParse::complete) std::abort();
  sink = facts.head_length;
}

void accept_key(std::string_view key) {
  char accept[protocol::kAcceptLength];
  protocol::accept_key(key, accept);
  sink = static_cast<std::uint8_t>(accept[0]);
}

using namespace std::string_view_literals;

constexpr Parse kParsers[] = {
    {"frame header, 10 B", frame_header, "\x82\x8A\x37\xFA\x21\x3D"sv},
    {"frame header, 1 KiB", frame_header, "\x82\xFE\x04\x00\x37\xFA\x21\x3D"sv},
    {"frame header, 64 KiB", frame_header, "\x82\xFF\0\0\0\0\0\x01\0\0\x37\xFA\x21\x3D"sv},
    {"handshake, RFC 6455 1.3", handshake,
     "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n"
     "Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n"},
    {"accept key", accept_key, "dGhlIHNhbXBsZSBub25jZQ=="},
};

void measure_parsers() {
  std::vector<double> times[std::size(kParsers)];
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t row = 0; row < std::size(kParsers); ++row) {
      const Parse& parse = kParsers[row];
      times[row].push_back(time_of(64, [&parse](std::size_t) { parse.run(parse.bytes); }));
    }
  }
  std::printf("\nns a call\n");
  for (std::size_t row = 0; row < std::size(kParsers); ++row) {
    std::printf("%-28s%9.1f\n", kParsers[row].name, median(times[row]));
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
          "\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80 Mot de passe oubli\xC3\xA9: \xE4\xBD\xA0\xE5\xA5\xBD, "
          "\xCE\xBA\xCF\x8C\xCF\x83\xCE\xBC\xCE\xB5 ok. ",
          14);
  measure_parsers();
}
