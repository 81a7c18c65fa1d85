// SPDX-License-Identifier: Apache-2.0
#include "protocol/frame.hpp"

#include <cstring>

#include "base/bytes.hpp"
#include "simd/utf8.hpp"

namespace millrace::protocol {

namespace {

constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kReservedBits = 0x70;
constexpr std::uint8_t kOpcodeBits = 0x0F;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kLengthBits = 0x7F;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::size_t kMaxReason = kMaxControlPayload - 2;

/// Whether a frame begins a data message.
bool begins_message(Opcode opcode) noexcept { return opcode == Opcode::text || opcode == Opcode::binary; }

ProtocolError judge_first(std::uint8_t byte, Relaxed relaxed, std::uint8_t agreed) noexcept {
  const Opcode opcode{static_cast<std::uint8_t>(byte & kOpcodeBits)};
  if (begins_message(opcode)) byte &= static_cast<std::uint8_t>(~agreed);
  if ((byte & kReservedBits) != 0 && !relaxed.has(Rule::reserved_bits)) return ProtocolError::reserved_bits;
  if (!is_known(opcode) && !relaxed.has(Rule::reserved_opcodes)) return ProtocolError::reserved_opcode;
  if (is_control(opcode) && (byte & kFinal) == 0) return ProtocolError::fragmented_control_frame;
  return ProtocolError::none;
}

ProtocolError judge_second(std::uint8_t byte, Opcode opcode, Role role, Relaxed relaxed) noexcept {
  const bool masked = (byte & kMasked) != 0;
  if (role == Role::server && !masked && !relaxed.has(Rule::masked_frames)) return ProtocolError::unmasked_frame;
  if (role == Role::client && masked && !relaxed.has(Rule::masked_frames)) return ProtocolError::masked_frame;
  if (is_control(opcode) && (byte & kLengthBits) > kMaxControlPayload) return ProtocolError::control_frame_too_long;
  return ProtocolError::none;
}

/// Judges the first `count` bytes of a 64-bit length: the sign needs one of them, the shortest form six.
ProtocolError judge_length64(const std::uint8_t* bytes, std::size_t count, Relaxed relaxed) noexcept {
  if (count >= 1 && (bytes[0] & 0x80) != 0) return ProtocolError::length_sign_bit;
  constexpr std::uint8_t kZeros[6] = {};
  if (relaxed.has(Rule::shortest_length)) return ProtocolError::none;
  if (count >= 6 && std::memcmp(bytes, kZeros, 6) == 0) return ProtocolError::non_minimal_length;
  return ProtocolError::none;
}

/// The first byte of a data frame, without reserved bits.
bool is_data(std::uint8_t first) noexcept {
  constexpr std::uint8_t kBeyondData = kReservedBits | 0x0C;
  return (first & kBeyondData) == 0 && (first & 3) != 3;
}

/// A server's data frame of at most 125 bytes.
bool is_usual_of_server(const std::uint8_t* bytes, std::size_t length) noexcept {
  return is_data(bytes[0]) && length >= 2 && bytes[1] < kLength16;
}

/// A client's data frame of at most 125 bytes, as nearly all are: there is nothing to judge.
bool is_usual(const std::uint8_t* bytes, std::size_t length) noexcept {
  return is_data(bytes[0]) && length >= 6 && bytes[1] >= kMasked && bytes[1] < (kMasked | kLength16);
}

FrameParse refuse(ProtocolError reason, ProtocolError* error) noexcept {
  *error = reason;
  return FrameParse::error;
}

bool is_utf8(const std::uint8_t* bytes, std::size_t length) noexcept {
  simd::Utf8Validator validator;
  return validator.append(bytes, length) && validator.complete();
}

}  // namespace

FrameParse parse_frame_header(const std::uint8_t* bytes, std::size_t length, Role role, FrameHeader* header,
                              ProtocolError* error, Relaxed relaxed, std::uint8_t agreed) noexcept {
  if (length < 1) return FrameParse::incomplete;
  if (role == Role::server && is_usual(bytes, length)) {
    *header = FrameHeader{.payload_length = static_cast<std::uint64_t>(bytes[1] & kLengthBits),
                          .masking_key = base::load<std::uint32_t>(bytes + 2),
                          .length = 6,
                          .opcode = Opcode{static_cast<std::uint8_t>(bytes[0] & kOpcodeBits)},
                          .final = (bytes[0] & kFinal) != 0};
    return FrameParse::complete;
  }
  if (role == Role::client && is_usual_of_server(bytes, length)) {
    *header = FrameHeader{.payload_length = bytes[1],
                          .length = 2,
                          .opcode = Opcode{static_cast<std::uint8_t>(bytes[0] & kOpcodeBits)},
                          .final = (bytes[0] & kFinal) != 0};
    return FrameParse::complete;
  }
  ProtocolError fault = judge_first(bytes[0], relaxed, agreed);
  if (fault != ProtocolError::none) return refuse(fault, error);
  if (length < 2) return FrameParse::incomplete;
  const Opcode opcode{static_cast<std::uint8_t>(bytes[0] & kOpcodeBits)};
  fault = judge_second(bytes[1], opcode, role, relaxed);
  if (fault != ProtocolError::none) return refuse(fault, error);

  std::uint64_t payload_length = bytes[1] & kLengthBits;
  std::size_t end = 2;
  if (payload_length == kLength16) {
    end = 4;
    if (length < end) return FrameParse::incomplete;
    payload_length = base::load_be16(bytes + 2);
    if (payload_length < kLength16 && !relaxed.has(Rule::shortest_length)) {
      return refuse(ProtocolError::non_minimal_length, error);
    }
  } else if (payload_length == kLength64) {
    end = 10;
    fault = judge_length64(bytes + 2, (length < end ? length : end) - 2, relaxed);
    if (fault != ProtocolError::none) return refuse(fault, error);
    if (length < end) return FrameParse::incomplete;
    payload_length = base::load_be64(bytes + 2);
  }

  std::uint32_t masking_key = 0;
  if ((bytes[1] & kMasked) != 0) {
    if (length < end + 4) return FrameParse::incomplete;
    masking_key = base::load<std::uint32_t>(bytes + end);
    end += 4;
  }
  *header = FrameHeader{.payload_length = payload_length,
                        .masking_key = masking_key,
                        .length = static_cast<std::uint8_t>(end),
                        .opcode = opcode,
                        .final = (bytes[0] & kFinal) != 0,
                        .compressed = begins_message(opcode) && (bytes[0] & agreed) != 0};
  return FrameParse::complete;
}

std::size_t write_frame_header_before(std::uint8_t* end, Opcode opcode, std::uint64_t payload_length) noexcept {
  const auto first = static_cast<std::uint8_t>(kFinal | static_cast<std::uint8_t>(opcode));
  if (payload_length < kLength16) {
    end[-2] = first;
    end[-1] = static_cast<std::uint8_t>(payload_length);
    return 2;
  }
  if (payload_length <= 0xFFFF) {
    end[-4] = first;
    end[-3] = kLength16;
    base::store_be16(end - 2, static_cast<std::uint16_t>(payload_length));
    return 4;
  }
  end[-10] = first;
  end[-9] = kLength64;
  base::store_be64(end - 8, payload_length);
  return 10;
}

std::size_t write_masked_header_before(std::uint8_t* end, Opcode opcode, std::uint64_t payload_length,
                                       std::uint32_t key) noexcept {
  const std::size_t header = write_frame_header_before(end - sizeof key, opcode, payload_length);
  // The highest bit of the second byte: the length's form says how far below the key that lies.
  end[-static_cast<std::ptrdiff_t>(header + sizeof key) + 1] |= kMasked;
  base::store(end - sizeof key, key);
  return header + sizeof key;
}

ProtocolError parse_close_body(const std::uint8_t* payload, std::size_t length, CloseBody* body,
                               Relaxed relaxed) noexcept {
  if (length == 0 || (length == 1 && relaxed.has(Rule::close_length))) {
    *body = CloseBody{};
    return ProtocolError::none;
  }
  if (length == 1) return ProtocolError::invalid_close_body;
  const std::uint16_t code = base::load_be16(payload);
  if (!is_sendable(code) && !relaxed.has(Rule::close_code)) return ProtocolError::invalid_close_code;
  if (!relaxed.has(Rule::close_reason_utf8) && !is_utf8(payload + 2, length - 2)) {
    return ProtocolError::invalid_close_reason;
  }
  *body = CloseBody{.code = code, .reason = payload + 2, .reason_length = length - 2};
  return ProtocolError::none;
}

std::size_t write_close_body(std::uint8_t* out, std::uint16_t code, const std::uint8_t* reason,
                             std::size_t reason_length) noexcept {
  if (code == 0) return 0;
  base::store_be16(out, code);
  std::size_t kept = reason_length;
  if (kept > kMaxReason) {
    kept = kMaxReason;
    while (kept > 0 && (reason[kept] & 0xC0) == 0x80) --kept;
  }
  if (kept > 0) std::memcpy(out + 2, reason, kept);
  return 2 + kept;
}

}  // namespace millrace::protocol
