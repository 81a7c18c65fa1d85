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
      return CloseCode::protocol_error;
  }
  return CloseCode::protocol_error;
}

std::string_view sentence(ProtocolError error) noexcept {
  switch (error) {
    case ProtocolError::none:
      return "";
    case ProtocolError::unmasked_frame:
      return "a client's frame is not masked";
    case ProtocolError::masked_frame:
      return "a server's frame is masked";
    case ProtocolError::reserved_bits:
      return "a reserved bit is set and no extension was agreed on";
    case ProtocolError::reserved_opcode:
      return "the opcode is reserved";
    case ProtocolError::fragmented_control_frame:
      return "a control frame is fragmented";
    case ProtocolError::control_frame_too_long:
      return "a control frame's payload is longer than 125 bytes";
    case ProtocolError::non_minimal_length:
      return "the payload length is not in its shortest form";
    case ProtocolError::length_sign_bit:
      return "the highest bit of the payload length is set";
    case ProtocolError::unexpected_continuation:
      return "a continuation frame came outside a message";
    case ProtocolError::expected_continuation:
      return "a new message began inside a fragmented one";
    case ProtocolError::message_too_big:
      return "the message is longer than the limit";
    case ProtocolError::too_many_fragments:
      return "the message has more fragments than the limit";
    case ProtocolError::invalid_utf8:
      return "the text is not valid UTF-8";
    case ProtocolError::invalid_close_body:
      return "the Close frame has a body of one byte";
    case ProtocolError::invalid_close_code:
      return "the close code must not be sent";
    case ProtocolError::invalid_close_reason:
      return "the close reason is not valid UTF-8";
    case ProtocolError::idle:
      return "no message came or went within the idle timeout";
    case ProtocolError::no_pong:
      return "a ping was not answered in time";
    case ProtocolError::no_progress:
      return "nothing of what was sent was taken in time";
  }
  return "";
}

}  // namespace millrace::protocol
