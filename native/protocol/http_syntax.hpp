// SPDX-License-Identifier: Apache-2.0
//
// The pieces of HTTP/1.1 grammar that the handshake needs (RFC 9110 5, RFC 9112 2-3).
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::protocol {

/// tchar, RFC 9110 5.6.2.
[[nodiscard]] bool is_token_character(char c) noexcept;
[[nodiscard]] bool is_token(std::string_view text) noexcept;

/// field-value: visible characters, bytes from 0x80, space and tab (RFC 9110 5.5).
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

/// Cuts spaces and tabs from both ends (OWS, RFC 9110 5.6.3).
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// Compares ASCII letters without case; `lower` is in lower case.
[[nodiscard]] bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept;

/// True when the comma-separated `list` has the element `lower` (RFC 9110 5.6.1).
[[nodiscard]] bool list_contains(std::string_view list, std::string_view lower) noexcept;

/// origin-form (RFC 9112 3.2.1), which begins with a slash, or absolute-form (3.2.2) of http, https, ws or wss. No
/// control character, space, fragment or byte from 0x80. The other characters that RFC 3986 leaves out (`"<>[\]^`{|}`)
/// pass, since browsers send some of them in a query as they are.
[[nodiscard]] bool is_request_target(std::string_view target) noexcept;

/// uri-host [":" port] (RFC 9110 7.2), not empty, port at most 65535.
[[nodiscard]] bool is_host(std::string_view host) noexcept;

enum class HttpVersion : std::uint8_t { malformed, other, http11 };
[[nodiscard]] HttpVersion http_version(std::string_view text) noexcept;

}  // namespace millrace::protocol
