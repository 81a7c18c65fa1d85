// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::codec {

/// Longer messages gain more by codes of their own than those cost.
inline constexpr std::size_t kShortMessage = 192;

/// What is written beyond a message's own length, at most.
inline constexpr std::size_t kShortSlack = 16;

/// Compresses a message of at most kShortMessage bytes by the fixed codes of RFC 1951 3.2.6, which nobody has to work
/// out or send: a tenth of the time, a few bytes more. Its length without the tail, or 0 when it would not be shorter.
/// Room for `length + kShortSlack` bytes is written to.
[[nodiscard]] std::size_t compress_short(const std::uint8_t* from, std::size_t length, std::uint8_t* to) noexcept;

}  // namespace millrace::codec
