// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::protocol {

inline constexpr std::size_t kSha1Length = 20;

/// SHA-1 (RFC 3174). Only for Sec-WebSocket-Accept, where it shows that the server speaks WebSocket; it guards nothing.
void sha1(const std::uint8_t* bytes, std::size_t length, std::uint8_t out[kSha1Length]) noexcept;

}  // namespace millrace::protocol
