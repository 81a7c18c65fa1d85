// SPDX-License-Identifier: Apache-2.0
#include "protocol/http_syntax.hpp"

#include <algorithm>
#include <array>

namespace millrace::protocol {

namespace {

constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr char lowered(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

constexpr bool is_one_of(char c, std::string_view set) noexcept { return set.find(c) != std::string_view::npos; }

using Set = std::array<bool, 256>;

template <class Predicate>
constexpr Set make_set(Predicate predicate) {
  Set set{};
  for (unsigned i = 0; i < 256; ++i) set[i] = predicate(static_cast<char>(i));
  return set;
}

constexpr Set kToken = make_set([](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "!#$%&'*+-.^_`|~"); });
constexpr Set kFieldValue = make_set([](char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
});
constexpr Set kTarget = make_set([](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
/// unreserved and sub-delims of RFC 3986 2.2, 2.3.
constexpr Set kRegName = make_set([](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "-._~!$&'()*+,;="); });

constexpr bool has(const Set& set, char c) noexcept { return set[static_cast<unsigned char>(c)]; }

bool consists_of(const Set& set, std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [&set](char c) { return has(set, c); });
}

bool is_reg_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '%') {
      if (name.size() - i < 3 || !is_hex(name[i + 1]) || !is_hex(name[i + 2])) return false;
      i += 2;
    } else if (!has(kRegName, name[i])) {
      return false;
    }
  }
  return !name.empty();
}

/// The inside of the brackets, RFC 3986 3.2.2. What the address means is for whoever resolves it.
bool is_ip_literal(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return has(kRegName, c) || c == ':'; });
}

/// port = *DIGIT
bool is_port(std::string_view text) noexcept {
  std::uint32_t port = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    port = port * 10 + static_cast<std::uint32_t>(c - '0');
    if (port > 65535) return false;
  }
  return true;
}

}  // namespace

bool is_token_character(char c) noexcept { return has(kToken, c); }

bool is_token(std::string_view text) noexcept { return !text.empty() && consists_of(kToken, text); }

bool is_field_value(std::string_view text) noexcept { return consists_of(kFieldValue, text); }

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) { return lowered(a) == b; });
}

bool list_contains(std::string_view list, std::string_view lower) noexcept {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (equals_ignoring_case(trim(list.substr(0, comma)), lower)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool is_host(std::string_view host) noexcept {
  std::size_t end;
  if (!host.empty() && host.front() == '[') {
    const std::size_t bracket = host.find(']');
    if (bracket == std::string_view::npos || !is_ip_literal(host.substr(1, bracket - 1))) return false;
    end = bracket + 1;
  } else {
    end = std::min(host.find(':'), host.size());
    if (!is_reg_name(host.substr(0, end))) return false;
  }
  if (end == host.size()) return true;
  return host[end] == ':' && is_port(host.substr(end + 1));
}

bool is_request_target(std::string_view target) noexcept {
  if (target.starts_with('/')) return consists_of(kTarget, target);
  for (const std::string_view scheme : {"http://", "https://", "ws://", "wss://"}) {
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    return is_host(rest.substr(0, end)) && consists_of(kTarget, rest.substr(end));
  }
  return false;
}

HttpVersion http_version(std::string_view text) noexcept {
  if (text == "HTTP/1.1") return HttpVersion::http11;
  const bool well_formed =
      text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
  return well_formed ? HttpVersion::other : HttpVersion::malformed;
}

}  // namespace millrace::protocol
