// SPDX-License-Identifier: Apache-2.0
//
// The schemas of the process by handle, for callers that keep numbers: Java.
#pragma once

#include <cstddef>
#include <cstdint>

#include "verify/fault.hpp"
#include "verify/schema.hpp"

namespace millrace::verify {

/// Loads a schema and keeps it. A handle, or -EINVAL for one that is refused, -ENOMEM, -EMFILE when there are too many.
/// Any thread.
[[nodiscard]] int keep(const std::uint8_t* bfbs, std::size_t length, const Limits& limits) noexcept;

/// The schema of a handle until `forget`, or null. Any thread.
[[nodiscard]] const Schema* find(int handle) noexcept;

/// Gives a schema's memory back: by then nobody may be walking with it. 0 or -EBADF. Any thread.
int forget(int handle) noexcept;

/// `walk` by handle: the number of a Fault, 0 for none, -EBADF, or -EINVAL for null. Any thread.
[[nodiscard]] int judge(int handle, const std::uint8_t* bytes, std::size_t length) noexcept;

/// The same; where there is a fault, `*described` bytes at `text` say where. Any thread.
[[nodiscard]] int judge(int handle, const std::uint8_t* bytes, std::size_t length, char* text, std::size_t capacity,
                        std::size_t* described) noexcept;

}  // namespace millrace::verify
