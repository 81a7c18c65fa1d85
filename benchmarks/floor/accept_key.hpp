// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace millrace::floor {

constexpr size_t kMaxKey = 60;

/// The value of Sec-WebSocket-Accept for a key of at most `kMaxKey` characters (RFC 6455 4.2.2).
[[nodiscard]] std::string accept_key(const std::string& key);

}  // namespace millrace::floor
