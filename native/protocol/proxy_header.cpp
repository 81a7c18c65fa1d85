// SPDX-License-Identifier: Apache-2.0
#include "protocol/proxy_header.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace millrace::protocol {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLineStart = "PROXY "sv;
constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
/// Signature, version and command, family and transport, two bytes of length.
constexpr std::size_t kFixedPart = 16;

constexpr std::size_t kIpv4 = 4;
constexpr std::size_t kIpv6 = 16;

/// Whether `text` is the start of `whole`, or begins with all of it.
bool agree(std::string_view text, std::string_view whole) noexcept {
  const std::size_t both = std::min(text.size(), whole.size());
  return text.substr(0, both) == whole.substr(0, both);
}

/// Cuts the text up to the first `mark` off `*rest`; the whole of it when there is none.
std::string_view cut(std::string_view* rest, char mark) noexcept {
  const std::size_t end = std::min(rest->find(mark), rest->size());
  const std::string_view first = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return first;
}

/// A decimal number without leading zeros, up to `limit`.
bool parse_decimal(std::string_view text, std::uint32_t limit, std::uint32_t* value) noexcept {
  if (text.empty() || text.size() > 5 || (text[0] == '0' && text.size() > 1)) return false;
  *value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    *value = *value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return *value <= limit;
}

bool parse_ipv4(std::string_view text, std::uint8_t* ip) noexcept {
  if (std::count(text.begin(), text.end(), '.') != 3) return false;
  for (std::size_t index = 0; index < kIpv4; ++index) {
    std::uint32_t value;
    if (!parse_decimal(cut(&text, '.'), 255, &value)) return false;
    ip[index] = static_cast<std::uint8_t>(value);
  }
  return true;
}

/// One to four hexadecimal digits.
bool parse_group(std::string_view text, std::uint8_t* group) noexcept {
  if (text.empty() || text.size() > 4) return false;
  std::uint32_t value = 0;
  for (const char c : text) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      value = value << 4 | static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value << 4 | static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      return false;
    }
  }
  group[0] = static_cast<std::uint8_t>(value >> 8);
  group[1] = static_cast<std::uint8_t>(value);
  return true;
}

/// RFC 4291 2.2: groups, one `::`, and an IPv4 address in the place of the last two.
bool parse_ipv6(std::string_view text, std::uint8_t* ip) noexcept {
  std::size_t filled = 0;
  std::size_t gap = kIpv6 + 1;  // where `::` stands, in bytes
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const bool last = text.find(':') == std::string_view::npos;
    if (last && text.find('.') != std::string_view::npos) {
      if (filled > kIpv6 - kIpv4 || !parse_ipv4(text, ip + filled)) return false;
      filled += kIpv4;
      break;
    }
    if (filled == kIpv6 || !parse_group(cut(&text, ':'), ip + filled)) return false;
    filled += 2;
    if (last) break;
    if (text.empty()) return false;  // ends with a single colon
    if (text[0] == ':') {
      if (gap <= kIpv6) return false;
      gap = filled;
      text.remove_prefix(1);
    }
  }
  if (gap > kIpv6) return filled == kIpv6;
  if (filled == kIpv6) return false;
  std::memmove(ip + kIpv6 - (filled - gap), ip + gap, filled - gap);
  std::memset(ip + gap, 0, kIpv6 - filled);
  return true;
}

/// `TCP4 192.0.2.1 198.51.100.1 4711 443`, without its CRLF and what it begins with.
bool parse_line(std::string_view line, ProxyHeader* header) noexcept {
  const std::string_view protocol = cut(&line, ' ');
  if (protocol == "UNKNOWN") return true;
  if (protocol != "TCP4" && protocol != "TCP6") return false;
  if (std::count(line.begin(), line.end(), ' ') != 3) return false;
  const auto parse_ip = protocol == "TCP4" ? parse_ipv4 : parse_ipv6;
  std::uint8_t ignored_ip[kIpv6];
  std::uint32_t port;
  std::uint32_t ignored_port;
  if (!parse_ip(cut(&line, ' '), header->ip) || !parse_ip(cut(&line, ' '), ignored_ip) ||
      !parse_decimal(cut(&line, ' '), 65535, &port) || !parse_decimal(line, 65535, &ignored_port)) {
    return false;
  }
  header->family = protocol == "TCP4" ? ProxyFamily::ipv4 : ProxyFamily::ipv6;
  header->port = static_cast<std::uint16_t>(port);
  return true;
}

ProxyParse parse_first(std::string_view text, ProxyHeader* header) noexcept {
  const std::size_t end = text.substr(0, kMaxProxyLine).find('\n');
  if (end == std::string_view::npos) {
    return text.size() < kMaxProxyLine ? ProxyParse::incomplete : ProxyParse::malformed;
  }
  const std::string_view line = text.substr(kLineStart.size(), end - kLineStart.size());
  if (!line.ends_with('\r') || !parse_line(line.substr(0, line.size() - 1), header)) return ProxyParse::malformed;
  header->length = static_cast<std::uint32_t>(end + 1);
  return ProxyParse::complete;
}

/// Takes the addresses of a proxied connection; `family` is the byte of that name.
bool take_addresses(std::uint8_t family, const std::uint8_t* addresses, std::size_t length,
                    ProxyHeader* header) noexcept {
  constexpr std::size_t kUnixNames = 216;
  const auto take_inet = [&](ProxyFamily as, std::size_t ip_length) {
    if (length < 2 * ip_length + 4) return false;
    std::memcpy(header->ip, addresses, ip_length);
    const std::uint8_t* const port = addresses + 2 * ip_length;
    header->port = static_cast<std::uint16_t>(port[0] << 8 | port[1]);
    header->family = as;
    return true;
  };
  switch (family) {
    case 0x00:  // UNSPEC
      return true;
    case 0x11:  // TCP and UDP over IPv4
    case 0x12:
      return take_inet(ProxyFamily::ipv4, kIpv4);
    case 0x21:  // and over IPv6
    case 0x22:
      return take_inet(ProxyFamily::ipv6, kIpv6);
    case 0x31:  // Unix sockets
    case 0x32:
      header->family = ProxyFamily::local;
      return length >= kUnixNames;
    default:
      return false;
  }
}

ProxyParse parse_second(const std::uint8_t* bytes, std::size_t length, ProxyHeader* header) noexcept {
  if (length < kFixedPart) return ProxyParse::incomplete;
  const std::uint8_t command = bytes[12];
  const std::size_t rest = static_cast<std::size_t>(bytes[14] << 8 | bytes[15]);
  const bool known = command == 0x20 || command == 0x21;  // version 2, LOCAL or PROXY
  if (!known || rest > kMaxProxyHeader - kFixedPart) return ProxyParse::malformed;
  if (length - kFixedPart < rest) return ProxyParse::incomplete;
  if (command == 0x21 && !take_addresses(bytes[13], bytes + kFixedPart, rest, header)) return ProxyParse::malformed;
  header->length = static_cast<std::uint32_t>(kFixedPart + rest);
  return ProxyParse::complete;
}

}  // namespace

ProxyParse parse_proxy_header(const std::uint8_t* bytes, std::size_t length, ProxyHeader* header) noexcept {
  *header = {};
  const std::string_view text(reinterpret_cast<const char*>(bytes), length);
  if (agree(text, kLineStart)) {
    return length < kLineStart.size() ? ProxyParse::incomplete : parse_first(text, header);
  }
  if (agree(text, kSignature)) {
    return length < kSignature.size() ? ProxyParse::incomplete : parse_second(bytes, length, header);
  }
  return ProxyParse::absent;
}

}  // namespace millrace::protocol
