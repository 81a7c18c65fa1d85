// SPDX-License-Identifier: Apache-2.0
#include "os/linux/socket_address.hpp"

#include <errno.h>

#include <algorithm>
#include <cstring>

namespace millrace::os {

namespace {

constexpr socklen_t kPathOffset = offsetof(sockaddr_un, sun_path);

int to_local(const Address& address, SocketAddress* out) noexcept {
  const std::size_t length = address.path_length;
  if (length == 0 || length > kMaxLocalPath) return -EINVAL;
  const bool abstract = is_abstract(address);
  // The kernel would stop at an inner zero and bind a different path.
  if (!abstract && std::memchr(address.path, '\0', length) != nullptr) return -EINVAL;
  out->local.sun_family = AF_UNIX;
  std::memcpy(out->local.sun_path, address.path, length);
  // The length of an abstract name is its end; a path is ended by a zero.
  out->length = static_cast<socklen_t>(kPathOffset + length + (abstract ? 0 : 1));
  return 0;
}

Address from_local(const SocketAddress& address) noexcept {
  Address out;
  out.family = Family::local;
  if (address.length <= kPathOffset) return out;
  std::size_t length = std::min<std::size_t>(address.length - kPathOffset, kMaxLocalPath);
  if (address.local.sun_path[0] != '\0') length = strnlen(address.local.sun_path, length);
  std::memcpy(out.path, address.local.sun_path, length);
  out.path_length = static_cast<std::uint8_t>(length);
  return out;
}

}  // namespace

int to_socket_address(const Address& address, SocketAddress* out) noexcept {
  std::memset(out, 0, sizeof *out);
  switch (address.family) {
    case Family::ipv4:
      out->ipv4.sin_family = AF_INET;
      out->ipv4.sin_port = htons(address.port);
      std::memcpy(&out->ipv4.sin_addr, address.ip, 4);
      out->length = sizeof out->ipv4;
      return 0;
    case Family::ipv6:
      out->ipv6.sin6_family = AF_INET6;
      out->ipv6.sin6_port = htons(address.port);
      std::memcpy(&out->ipv6.sin6_addr, address.ip, 16);
      out->length = sizeof out->ipv6;
      return 0;
    case Family::local:
      return to_local(address, out);
    case Family::none:
      break;
  }
  return -EINVAL;
}

Address from_socket_address(const SocketAddress& address) noexcept {
  Address out;
  switch (address.any.sa_family) {
    case AF_INET:
      out.family = Family::ipv4;
      out.port = ntohs(address.ipv4.sin_port);
      std::memcpy(out.ip, &address.ipv4.sin_addr, 4);
      return out;
    case AF_INET6: {
      const auto* ip = address.ipv6.sin6_addr.s6_addr;
      out.port = ntohs(address.ipv6.sin6_port);
      const bool mapped = IN6_IS_ADDR_V4MAPPED(&address.ipv6.sin6_addr);
      out.family = mapped ? Family::ipv4 : Family::ipv6;
      std::memcpy(out.ip, mapped ? ip + 12 : ip, mapped ? 4 : 16);
      return out;
    }
    case AF_UNIX:
      return from_local(address);
    default:
      return out;
  }
}

}  // namespace millrace::os
