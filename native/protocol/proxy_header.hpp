// SPDX-License-Identifier: Apache-2.0
//
// The PROXY protocol, versions 1 and 2: what a proxy says in front of the first byte of a connection about whose it is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::protocol {

/// The longest line of version 1, its CRLF included.
inline constexpr std::size_t kMaxProxyLine = 107;
/// The longest header of version 2 that is taken, its additions included: what fits the smallest packet of all
/// networks.
inline constexpr std::size_t kMaxProxyHeader = 536;

/// What the connection is made over, by the numbers of os::Family.
enum class ProxyFamily : std::uint8_t {
  none = 0,   ///< the proxy speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC)
  local = 1,  ///< a Unix socket, whose name is not kept
  ipv4 = 4,
  ipv6 = 6,
};

struct ProxyHeader {
  std::uint32_t length = 0;  ///< bytes up to the first of the request
  ProxyFamily family = ProxyFamily::none;
  std::uint16_t port = 0;  ///< the client's
  std::uint8_t ip[16]{};   ///< the client's, in network order; 4 bytes of it for ipv4
};

enum class ProxyParse : std::uint8_t {
  incomplete,
  absent,     ///< these are no first bytes of a header
  complete,   ///< `*header` is filled
  malformed,  ///< it began as a header
};

/// Reads the header that `bytes` begin with. Pure; keeps no state: while it is incomplete, give it the same bytes with
/// more behind them. Never incomplete from kMaxProxyHeader bytes on. What it has once decided, more bytes do not
/// change.
///
/// Version 1 is judged when its line is whole. Of version 2 the additions behind the addresses (TLVs) are skipped, and
/// of LOCAL the addresses, too.
[[nodiscard]] ProxyParse parse_proxy_header(const std::uint8_t* bytes, std::size_t length,
                                            ProxyHeader* header) noexcept;

}  // namespace millrace::protocol
