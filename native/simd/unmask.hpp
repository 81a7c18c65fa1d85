// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::simd {

/// XORs `length` bytes in place with the masking key (RFC 6455 5.3).
///
/// `key` is the four key bytes as they stood on the wire, loaded little-endian. `phase` (0-3) is the position of
/// `bytes[0]` within the key: a frame that comes in pieces passes its payload offset modulo 4. Any alignment.
void unmask(std::uint8_t* bytes, std::size_t length, std::uint32_t key, unsigned phase) noexcept;

/// The same while copying to another place, which may overlap `from` if it begins below it: payloads move down.
void unmask_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key,
                 unsigned phase) noexcept;

}  // namespace millrace::simd
