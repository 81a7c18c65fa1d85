// SPDX-License-Identifier: Apache-2.0
#include "protocol/close_code.hpp"

namespace millrace::protocol {

bool is_sendable(std::uint16_t code) noexcept {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

CloseCode close_code(ProtocolError error) noexcept {
  switch (error) {
    case ProtocolError::none:
      return CloseCode::none;
    case ProtocolError::idle:
      return CloseCode::going_away;
    case ProtocolError::no_pong:
    case ProtocolError::no_progress:
      return CloseCode::abnormal_closure;
    case ProtocolError::message_too_big:
      return CloseCode::message_too_big;
    case ProtocolError::too_many_fragments:
      return CloseCode::policy_violation;
    case ProtocolError::invalid_utf8:
    case ProtocolError::invalid_close_reason:
    case ProtocolError::malformed_deflate:
      return CloseCode::invalid_frame_payload_data;
    case ProtocolError::unmasked_frame:
    case ProtocolError::masked_frame:
    case ProtocolError::reserved_bits:
    case ProtocolError::reserved_opcode:
    case ProtocolError::fragmented_control_frame:
    case ProtocolError::control_frame_too_long:
    case ProtocolError::non_minimal_length:
    case ProtocolError::length_sign_bit:
    case ProtocolError::unexpected_continuation:
    case ProtocolError::expected_continuation:
    case ProtocolError::invalid_close_body:
    case ProtocolError::invalid_close_code:
    case ProtocolError::malformed_response:
      return CloseCode::protocol_error;
  }
  return CloseCode::protocol_error;
}

}  // namespace millrace::protocol
