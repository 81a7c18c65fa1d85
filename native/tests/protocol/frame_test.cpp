// SPDX-License-Identifier: Apache-2.0
#include "protocol/frame.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace millrace::protocol;
using Bytes = std::vector<std::uint8_t>;

enum class Form { seven_bits, sixteen_bits, sixty_four_bits };

struct Spec {
  std::uint8_t opcode;
  std::uint8_t reserved;
  bool final;
  bool masked;
  Form form;
  std::uint64_t length;
};

constexpr std::uint8_t kKey[4] = {0x37, 0xFA, 0x21, 0x3D};

Bytes encode(const Spec& spec) {
  Bytes out;
  out.push_back(static_cast<std::uint8_t>((spec.final ? 0x80 : 0) | spec.reserved << 4 | spec.opcode));
  const int size = spec.form == Form::seven_bits ? 0 : spec.form == Form::sixteen_bits ? 2 : 8;
  const std::uint64_t seven = size == 0 ? spec.length : size == 2 ? 126 : 127;
  out.push_back(static_cast<std::uint8_t>((spec.masked ? 0x80 : 0) | seven));
  for (int i = size - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(spec.length >> (8 * i)));
  if (spec.masked) out.insert(out.end(), kKey, kKey + 4);
  return out;
}

struct Expected {
  ProtocolError error = ProtocolError::none;
  std::size_t at = 0;  ///< bytes after which the error, or the whole header, must be known
};

/// RFC 6455 5.1, 5.2 and 5.5, rule by rule in the order of the bytes.
Expected expected_of(const Spec& spec, Role role, Relaxed relaxed) {
  const bool control = spec.opcode >= 8;
  const bool shortest = !relaxed.has(Rule::shortest_length);
  const bool unknown = (spec.opcode >= 3 && spec.opcode <= 7) || spec.opcode >= 11;
  if (spec.reserved != 0 && !relaxed.has(Rule::reserved_bits)) return {ProtocolError::reserved_bits, 1};
  if (unknown && !relaxed.has(Rule::reserved_opcodes)) return {ProtocolError::reserved_opcode, 1};
  if (control && !spec.final) return {ProtocolError::fragmented_control_frame, 1};
  if (role == Role::server && !spec.masked && !relaxed.has(Rule::masked_frames))
    return {ProtocolError::unmasked_frame, 2};
  if (role == Role::client && spec.masked && !relaxed.has(Rule::masked_frames)) return {ProtocolError::masked_frame, 2};
  if (control && spec.form != Form::seven_bits) return {ProtocolError::control_frame_too_long, 2};
  if (shortest && spec.form == Form::sixteen_bits && spec.length < 126) return {ProtocolError::non_minimal_length, 4};
  if (spec.form == Form::sixty_four_bits && spec.length >> 63 != 0) return {ProtocolError::length_sign_bit, 3};
  if (shortest && spec.form == Form::sixty_four_bits && spec.length < 65536)
    return {ProtocolError::non_minimal_length, 8};
  return {ProtocolError::none, encode(spec).size()};
}

FrameParse parse(const Bytes& bytes, std::size_t length, Role role, FrameHeader* header, ProtocolError* error,
                 Relaxed relaxed = {}) {
  // Exactly these bytes: a sanitizer sees a read beyond them.
  const Bytes prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
  return parse_frame_header(prefix.data(), prefix.size(), role, header, error, relaxed);
}

bool prefix_is_right(const Spec& spec, const Bytes& bytes, std::size_t length, Role role, Relaxed relaxed = {}) {
  const Expected expected = expected_of(spec, role, relaxed);
  FrameHeader header;
  ProtocolError error = ProtocolError::none;
  const FrameParse result = parse(bytes, length, role, &header, &error, relaxed);
  if (length < expected.at) return result == FrameParse::incomplete && error == ProtocolError::none;
  if (expected.error != ProtocolError::none) return result == FrameParse::error && error == expected.error;
  std::uint32_t key = 0;
  if (spec.masked) std::memcpy(&key, kKey, 4);
  return result == FrameParse::complete && error == ProtocolError::none && header.length == expected.at &&
         header.payload_length == spec.length && header.masking_key == key && header.final == spec.final &&
         static_cast<std::uint8_t>(header.opcode) == spec.opcode;
}

constexpr std::uint64_t k31 = std::uint64_t{1} << 31;
constexpr std::uint64_t k32 = std::uint64_t{1} << 32;
constexpr std::uint64_t k63 = std::uint64_t{1} << 63;
constexpr std::uint64_t kLengths[] = {0,       1,   125,     126,     127,      65535, 65536,
                                      k31 - 1, k31, k31 + 1, k32 - 5, k32 - 1,  k32,   k32 + 5,
                                      k63 - 1, k63, k63 + 1, ~0ull,   ~0ull - 3};

std::vector<Spec> every_header() {
  std::vector<Spec> out;
  for (unsigned first = 0; first < 256; ++first) {
    for (const bool masked : {false, true}) {
      for (const std::uint64_t length : kLengths) {
        for (const Form form : {Form::seven_bits, Form::sixteen_bits, Form::sixty_four_bits}) {
          if (form == Form::seven_bits && length > 125) continue;
          if (form == Form::sixteen_bits && length > 65535) continue;
          out.push_back({.opcode = static_cast<std::uint8_t>(first & 15),
                         .reserved = static_cast<std::uint8_t>(first >> 4 & 7),
                         .final = first >> 7 != 0,
                         .masked = masked,
                         .form = form,
                         .length = length});
        }
      }
    }
  }
  return out;
}

std::string describe(const Spec& spec, std::size_t prefix, Role role) {
  return "opcode=" + std::to_string(spec.opcode) + " reserved=" + std::to_string(spec.reserved) +
         " final=" + std::to_string(spec.final) + " masked=" + std::to_string(spec.masked) +
         " form=" + std::to_string(static_cast<int>(spec.form)) + " length=" + std::to_string(spec.length) +
         " prefix=" + std::to_string(prefix) + (role == Role::server ? " server" : " client");
}

TEST_CASE("RFC 6455 5.2: every first byte, mask bit, length and form, at every split point, for both roles") {
  std::string failure;
  for (const auto& spec : every_header()) {
    Bytes bytes = encode(spec);
    const std::size_t header_length = bytes.size();
    // What follows belongs to the payload and must change nothing.
    bytes.insert(bytes.end(), {0xFF, 0x00, 0xFF, 0x00, 0xFF});
    for (const Role role : {Role::server, Role::client}) {
      for (std::size_t length = 0; length <= bytes.size(); ++length) {
        if (length > header_length && length < bytes.size()) continue;
        if (!prefix_is_right(spec, bytes, length, role)) failure = describe(spec, length, role);
      }
    }
  }
  CHECK(failure == "");
}

TEST_CASE("the same with each rule of a header not enforced, alone and all together") {
  std::string failure;
  for (std::uint32_t bits : {1U, 2U, 4U, 8U, 15U, kAllRules}) {
    for (const auto& spec : every_header()) {
      Bytes bytes = encode(spec);
      bytes.insert(bytes.end(), {0xFF, 0x00, 0xFF, 0x00});
      for (const Role role : {Role::server, Role::client}) {
        for (std::size_t length = 0; length <= bytes.size(); ++length) {
          if (!prefix_is_right(spec, bytes, length, role, Relaxed(bits))) {
            failure = describe(spec, length, role) + " relaxed=" + std::to_string(bits);
          }
        }
      }
    }
  }
  CHECK(failure == "");
}

TEST_CASE("RFC 6455 5.7: the examples") {
  const auto check = [](Bytes bytes, Role role, Opcode opcode, bool final, std::uint64_t payload, std::size_t length) {
    FrameHeader header;
    ProtocolError error = ProtocolError::none;
    REQUIRE(parse(bytes, bytes.size(), role, &header, &error) == FrameParse::complete);
    CHECK(header.opcode == opcode);
    CHECK(header.final == final);
    CHECK(header.payload_length == payload);
    CHECK(header.length == length);
  };
  check({0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}, Role::client, Opcode::text, true, 5, 2);
  check({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}, Role::server, Opcode::text, true, 5, 6);
  check({0x01, 0x03, 0x48, 0x65, 0x6c}, Role::client, Opcode::text, false, 3, 2);
  check({0x80, 0x02, 0x6c, 0x6f}, Role::client, Opcode::continuation, true, 2, 2);
  check({0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f}, Role::client, Opcode::ping, true, 5, 2);
  check({0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}, Role::server, Opcode::pong, true, 5, 6);
  check({0x82, 0x7E, 0x01, 0x00}, Role::client, Opcode::binary, true, 256, 4);
  check({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}, Role::client, Opcode::binary, true, 65536, 10);
}

TEST_CASE("a written header is minimal, reads back as it was, and stays within its bytes") {
  constexpr std::uint8_t kGuard = 0xDB;
  for (const Opcode opcode :
       {Opcode::continuation, Opcode::text, Opcode::binary, Opcode::close, Opcode::ping, Opcode::pong}) {
    for (const std::uint64_t length : kLengths) {
      if (length >= k63 || (is_control(opcode) && length > kMaxControlPayload)) continue;
      Bytes room(kMaxFrameHeader + 4, kGuard);
      std::uint8_t* end = room.data() + kMaxFrameHeader;
      const std::size_t written = write_frame_header_before(end, opcode, length);
      REQUIRE(written == (length < 126 ? 2 : length < 65536 ? 4 : 10));

      FrameHeader header;
      ProtocolError error = ProtocolError::none;
      REQUIRE(parse_frame_header(end - written, written, Role::client, &header, &error) == FrameParse::complete);
      CHECK(header.length == written);
      CHECK(header.opcode == opcode);
      CHECK(header.final);
      CHECK(header.payload_length == length);
      CHECK(header.masking_key == 0);
      std::size_t touched = 0;
      for (const std::uint8_t* byte = room.data(); byte != room.data() + room.size(); ++byte) {
        if ((byte < end - written || byte >= end) && *byte != kGuard) ++touched;
      }
      CHECK(touched == 0);
    }
  }
}

TEST_CASE("a written header of a client is the same with the mask bit and the key") {
  constexpr std::uint32_t kWrittenKey = 0x3D21FA37;  // kKey as a little-endian number
  for (const std::uint64_t length : kLengths) {
    if (length >= k63) continue;
    Bytes plain(kMaxFrameHeader, 0xDB);
    Bytes masked(kMaxFrameHeader + 1, 0xDB);
    const std::size_t bare = write_frame_header_before(plain.data() + plain.size(), Opcode::text, length);
    std::uint8_t* const end = masked.data() + kMaxFrameHeader;
    const std::size_t written = write_masked_header_before(end, Opcode::text, length, kWrittenKey);
    REQUIRE(written == bare + kMaskBytes);
    Bytes expected(plain.end() - static_cast<std::ptrdiff_t>(bare), plain.end());
    expected[1] |= 0x80;
    expected.insert(expected.end(), kKey, kKey + 4);
    CHECK(Bytes(end - written, end) == expected);
    CHECK(*end == 0xDB);
    CHECK(std::all_of(masked.data(), end - written, [](std::uint8_t byte) { return byte == 0xDB; }));
  }
}

}  // namespace
