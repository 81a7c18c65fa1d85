// SPDX-License-Identifier: Apache-2.0
//
// Frames as a client writes and reads them, spelled out from RFC 6455 5.2 and not by the code under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace millrace::engine::test {

inline constexpr std::uint8_t kContinuation = 0;
inline constexpr std::uint8_t kText = 1;
inline constexpr std::uint8_t kBinary = 2;
inline constexpr std::uint8_t kCloseFrame = 8;
inline constexpr std::uint8_t kPing = 9;
inline constexpr std::uint8_t kPongFrame = 10;

inline constexpr std::uint32_t kKey = 0xA1B2C3D4;

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift & 0xff));
  return out;
}

inline std::string masked(std::string bytes, std::uint32_t key, std::size_t phase = 0) {
  const std::string wire = big_endian(key, 4);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] = static_cast<char>(bytes[at] ^ wire[(at + phase) & 3]);
  }
  return bytes;
}

/// The header of a masked frame, with its masking key.
inline std::string client_header(std::uint8_t opcode, std::uint64_t length, bool final = true,
                                 std::uint32_t key = kKey) {
  std::string out(1, static_cast<char>(opcode | (final ? 0x80 : 0)));
  if (length < 126) {
    out.push_back(static_cast<char>(0x80 | length));
  } else if (length < 65536) {
    out.push_back(static_cast<char>(0x80 | 126));
    out += big_endian(length, 2);
  } else {
    out.push_back(static_cast<char>(0x80 | 127));
    out += big_endian(length, 8);
  }
  return out + big_endian(key, 4);
}

inline std::string client_frame(std::uint8_t opcode, const std::string& payload, bool final = true,
                                std::uint32_t key = kKey) {
  return client_header(opcode, payload.size(), final, key) + masked(payload, key);
}

inline std::string client_close(std::uint16_t code, const std::string& reason = {}) {
  return client_frame(kCloseFrame, big_endian(code, 2) + reason);
}

struct Frame {
  std::uint8_t first = 0;  ///< FIN, reserved bits and opcode as they stood on the wire
  std::string payload;

  [[nodiscard]] std::uint8_t opcode() const { return first & 0x0f; }
  [[nodiscard]] bool alone() const { return (first & 0xf0) == 0x80; }
  [[nodiscard]] std::uint16_t close_code() const {
    if (payload.size() < 2) return 0;
    return static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 |
                                      static_cast<std::uint8_t>(payload[1]));
  }
};

/// Takes the first frame that a server sent off `stream`, or nothing while it is not whole. A masked frame or a length
/// that is not in its shortest form gives a frame whose `first` is 0.
inline std::optional<Frame> take_frame(std::string* stream, std::size_t* at) {
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>((*stream)[*at + index]); };
  const std::size_t have = stream->size() - *at;
  if (have < 2) return std::nullopt;
  std::uint64_t length = byte(1);
  std::size_t header = 2;
  bool shortest = length < 128;
  if (length == 126 || length == 127) {
    const std::size_t bytes = length == 126 ? 2 : 8;
    header += bytes;
    if (have < header) return std::nullopt;
    length = 0;
    for (std::size_t index = 0; index < bytes; ++index) length = length << 8 | byte(2 + index);
    shortest = bytes == 2 ? length >= 126 : length >= 65536;
  }
  if (!shortest) return Frame{};
  if (have - header < length) return std::nullopt;
  Frame frame{byte(0), stream->substr(*at + header, length)};
  *at += header + length;
  return frame;
}

inline std::string server_frame(std::uint8_t opcode, const std::string& payload, bool final = true) {
  std::string out(1, static_cast<char>(opcode | (final ? 0x80 : 0)));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(payload.size()));
  } else if (payload.size() < 65536) {
    out.push_back(126);
    out += big_endian(payload.size(), 2);
  } else {
    out.push_back(127);
    out += big_endian(payload.size(), 8);
  }
  return out + payload;
}

/// A client's frame, unmasked; `key` are the bytes it was masked with.
struct MaskedFrame {
  Frame frame;
  std::string key;
};

/// Takes the first frame that a client sent off `stream`, or nothing while it is not whole. One that is not masked, or
/// whose length is not in its shortest form, has a `first` of 0.
inline std::optional<MaskedFrame> take_masked_frame(const std::string& stream, std::size_t* at) {
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(stream[*at + index]); };
  const std::size_t have = stream.size() - *at;
  if (have < 2) return std::nullopt;
  if (byte(1) < 0x80) return MaskedFrame{};
  std::uint64_t length = byte(1) & 0x7f;
  const std::size_t extended = length < 126 ? 0 : length == 126 ? 2 : 8;
  const std::size_t header = 2 + extended + 4;
  if (have < header) return std::nullopt;
  if (extended > 0) length = 0;
  for (std::size_t index = 0; index < extended; ++index) length = length << 8 | byte(2 + index);
  if (length < (extended == 0 ? 0U : extended == 2 ? 126U : 65536U)) return MaskedFrame{};
  if (have - header < length) return std::nullopt;
  MaskedFrame out{{byte(0), stream.substr(*at + header, length)}, stream.substr(*at + header - 4, 4)};
  for (std::size_t index = 0; index < length; ++index) {
    out.frame.payload[index] = static_cast<char>(out.frame.payload[index] ^ out.key[index & 3]);
  }
  *at += header + length;
  return out;
}

/// Bytes that tell their place: every mistake of order or offset shows.
inline std::string pattern(std::size_t length, std::uint64_t seed = 1) {
  std::string out(length, '\0');
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (char& byte : out) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state >> 32);
  }
  return out;
}

inline std::string ascii(std::size_t length, std::uint64_t seed = 1) {
  std::string out = pattern(length, seed);
  for (char& byte : out) byte = static_cast<char>(' ' + (static_cast<std::uint8_t>(byte) % 95));
  return out;
}

}  // namespace millrace::engine::test
