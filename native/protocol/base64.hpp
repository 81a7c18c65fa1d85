// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::protocol {

[[nodiscard]] constexpr std::size_t base64_length(std::size_t length) noexcept { return (length + 2) / 3 * 4; }

/// Writes base64_length(length) characters (RFC 4648 4); no terminator.
void base64_encode(const std::uint8_t* bytes, std::size_t length, char* out) noexcept;

/// Decodes canonical base64 only: padded, no foreign character, unused bits zero (RFC 4648 3.2, 3.3, 3.5). Returns the
/// count of bytes, or -1. `out` needs text.size() / 4 * 3 bytes.
[[nodiscard]] std::ptrdiff_t base64_decode(std::string_view text, std::uint8_t* out) noexcept;

}  // namespace millrace::protocol
