// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "os/os.hpp"

namespace millrace::os {

/// An Address in the kernel's form.
struct SocketAddress {
  union {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
    sockaddr_un local;
  };
  socklen_t length;
};

/// Returns 0, or -EINVAL for an address that the kernel would read differently from how it is written here.
[[nodiscard]] int to_socket_address(const Address& address, SocketAddress* out) noexcept;

/// An IPv4 peer of a dual-stack listener (RFC 4291 2.5.5.2) comes out as `ipv4`; an unnamed local socket has no path.
[[nodiscard]] Address from_socket_address(const SocketAddress& address) noexcept;

/// True for a name in the abstract namespace: no file, the first byte is zero.
[[nodiscard]] inline bool is_abstract(const Address& address) noexcept {
  return address.path_length > 0 && address.path[0] == '\0';
}

}  // namespace millrace::os
