// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "os/linux/socket_address.hpp"

namespace millrace::os {

/// A non-blocking stream socket that does not survive exec, or -errno.
[[nodiscard]] int open_socket(int domain) noexcept;

/// Binds a local socket; its file has exactly the permission bits `mode`. A failed call leaves no file behind.
[[nodiscard]] int bind_local(int fd, const SocketAddress& name, std::uint32_t mode) noexcept;

}  // namespace millrace::os
