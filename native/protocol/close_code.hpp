// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace::protocol {

/// Status codes of a Close frame (RFC 6455 7.4.1 and the IANA registry).
enum class CloseCode : std::uint16_t {
  none = 0,  ///< a Close frame without a body
  normal_closure = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  no_status_received = 1005,  ///< never on the wire
  abnormal_closure = 1006,    ///< never on the wire
  invalid_frame_payload_data = 1007,
  policy_violation = 1008,
  message_too_big = 1009,
  mandatory_extension = 1010,
  internal_error = 1011,
  service_restart = 1012,
  try_again_later = 1013,
};

/// True for a code that may stand in a Close frame: 1000-1003, 1007-1014, 3000-4999 (RFC 6455 7.4).
[[nodiscard]] bool is_sendable(std::uint16_t code) noexcept;

/// What a peer did against the protocol, or did not do. Each has exactly one close code; its
/// sentence is for Java to say.
enum class ProtocolError : std::uint8_t {
  none = 0,
  unmasked_frame = 1,            ///< RFC 6455 5.1
  masked_frame = 2,              ///< RFC 6455 5.1, seen by a client
  reserved_bits = 3,             ///< RFC 6455 5.2
  reserved_opcode = 4,           ///< RFC 6455 5.2
  fragmented_control_frame = 5,  ///< RFC 6455 5.5
  control_frame_too_long = 6,    ///< RFC 6455 5.5
  non_minimal_length = 7,        ///< RFC 6455 5.2
  length_sign_bit = 8,           ///< RFC 6455 5.2
  unexpected_continuation = 9,   ///< RFC 6455 5.4
  expected_continuation = 10,    ///< RFC 6455 5.4
  message_too_big = 11,
  too_many_fragments = 12,
  invalid_utf8 = 13,          ///< RFC 6455 8.1
  invalid_close_body = 14,    ///< RFC 6455 5.5.1: a body of one byte
  invalid_close_code = 15,    ///< RFC 6455 7.4
  invalid_close_reason = 16,  ///< RFC 6455 5.5.1: reason is not UTF-8
  // Not against the protocol, but the end of our patience.
  idle = 17,         ///< no message came or went
  no_pong = 18,      ///< nothing came after a ping
  no_progress = 19,  ///< nothing of what was sent was taken
  // Against the protocol again.
  malformed_response = 20,  ///< RFC 9112 2-5, seen by a client: the response head, or bytes that nobody may send yet
  malformed_deflate = 21,   ///< RFC 7692 7.2.2: what was compressed does not inflate
};

[[nodiscard]] CloseCode close_code(ProtocolError error) noexcept;

}  // namespace millrace::protocol
