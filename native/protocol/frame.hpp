// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/close_code.hpp"
#include "protocol/rules.hpp"

namespace millrace::protocol {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

[[nodiscard]] constexpr bool is_control(Opcode opcode) noexcept { return static_cast<std::uint8_t>(opcode) >= 8; }
/// The same of a frame's first byte.
[[nodiscard]] constexpr bool is_control(std::uint8_t first) noexcept { return (first & 8) != 0; }

/// Whether it means something yet (RFC 6455 11.8).
[[nodiscard]] constexpr bool is_known(Opcode opcode) noexcept { return (static_cast<std::uint8_t>(opcode) & 7) <= 2; }

/// Which side we are: a server takes masked frames and sends unmasked ones (RFC 6455 5.1).
enum class Role : std::uint8_t { server, client };

/// The longest header: two bytes, eight of extended payload length, four of masking key.
inline constexpr std::size_t kMaxFrameHeader = 14;
inline constexpr std::size_t kMaskBytes = 4;
inline constexpr std::size_t kMaxControlPayload = 125;

///     0                   1                   2                   3
///     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///    +-+-+-+-+-------+-+-------------+-------------------------------+
///    |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
///    |I|S|S|S|  (4)  |A|     (7)     |            (16/64)            |
///    |N|V|V|V|       |S|             |                               |
///    | |1|2|3|       |K|             |                               |
///    +-+-+-+-+-------+-+-------------+-------------------------------+   RFC 6455 5.2
struct FrameHeader {
  std::uint64_t payload_length = 0;  ///< below 2^63
  std::uint32_t masking_key = 0;     ///< wire bytes loaded little-endian; 0, which changes nothing, when not masked
  std::uint8_t length = 0;           ///< bytes of the header itself, 2-14
  Opcode opcode = Opcode::continuation;
  bool final = false;
  bool compressed = false;  ///< RSV1, where it was agreed on (RFC 7692 6)
};

/// The bit of a frame's first byte, and of an opcode, that says that the message is compressed.
inline constexpr std::uint8_t kCompressed = 0x40;

/// A data message's opcode as a compressed one has it: with the reserved bit beside it.
[[nodiscard]] constexpr Opcode compressed(Opcode opcode) noexcept {
  return Opcode{static_cast<std::uint8_t>(static_cast<std::uint8_t>(opcode) | kCompressed)};
}
[[nodiscard]] constexpr bool is_compressed(Opcode opcode) noexcept {
  return (static_cast<std::uint8_t>(opcode) & kCompressed) != 0;
}
[[nodiscard]] constexpr Opcode without_compressed(Opcode opcode) noexcept {
  return Opcode{static_cast<std::uint8_t>(static_cast<std::uint8_t>(opcode) & ~kCompressed)};
}

enum class FrameParse : std::uint8_t { complete, incomplete, error };

/// Reads one frame header from `bytes`. Judges everything that the header alone tells (mask, reserved bits, opcode,
/// control length, minimal length form) as early as its bytes allow: an error may be reported before the header is
/// complete. `agreed` is kCompressed where a message's first frame may say so, else 0. Pure; keeps no state; `*error`
/// is set only with FrameParse::error.
[[nodiscard]] FrameParse parse_frame_header(const std::uint8_t* bytes, std::size_t length, Role role,
                                            FrameHeader* header, ProtocolError* error, Relaxed relaxed = {},
                                            std::uint8_t agreed = 0) noexcept;

/// Length of an unmasked frame's header: 2, 4 or 10. A masked one is 4 longer.
[[nodiscard]] constexpr std::size_t frame_header_length(std::uint64_t payload_length) noexcept {
  return payload_length < 126 ? 2 : payload_length < 65536 ? 4 : 10;
}

/// Writes an unmasked final header right-aligned: its last byte stands at `end[-1]`. Touches, and returns,
/// frame_header_length(payload_length) bytes.
[[nodiscard]] std::size_t write_frame_header_before(std::uint8_t* end, Opcode opcode,
                                                    std::uint64_t payload_length) noexcept;

/// The same for a masked frame: four bytes more, the key the last of them. `end` is where the payload begins, which is
/// for the caller to mask.
[[nodiscard]] std::size_t write_masked_header_before(std::uint8_t* end, Opcode opcode, std::uint64_t payload_length,
                                                     std::uint32_t key) noexcept;

/// What a Close frame's body says (RFC 6455 5.5.1), already unmasked. `code` is none for an empty body.
struct CloseBody {
  std::uint16_t code = 0;
  const std::uint8_t* reason = nullptr;
  std::size_t reason_length = 0;
};

/// Returns ProtocolError::none and fills `*body`, or the rule that is broken.
[[nodiscard]] ProtocolError parse_close_body(const std::uint8_t* payload, std::size_t length, CloseBody* body,
                                             Relaxed relaxed = {}) noexcept;

/// Writes a Close body (code, reason cut at a code point boundary to fit 125 bytes) into `out`; returns its length.
/// Code 0 writes an empty body.
[[nodiscard]] std::size_t write_close_body(std::uint8_t* out, std::uint16_t code, const std::uint8_t* reason,
                                           std::size_t reason_length) noexcept;

}  // namespace millrace::protocol
