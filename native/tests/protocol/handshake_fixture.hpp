// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "protocol/handshake.hpp"

namespace millrace::protocol::test {

struct Outcome {
  HandshakeParse result = HandshakeParse::incomplete;
  RequestFacts facts;
  std::uint16_t status = 0;
  std::string sentence;
  std::size_t decided_at = 0;  ///< bytes given when it was complete or refused

  /// What may not depend on how the request was cut. A refusal may come earlier when it is fed in smaller pieces.
  [[nodiscard]] bool same_verdict(const Outcome& other) const {
    const auto same = [](Slice a, Slice b) { return a.offset == b.offset && a.length == b.length; };
    return result == other.result && status == other.status && sentence == other.sentence &&
           facts.kind == other.facts.kind && facts.head_length == other.facts.head_length &&
           facts.has_origin == other.facts.has_origin && same(facts.target, other.facts.target) &&
           same(facts.host, other.facts.host) && same(facts.origin, other.facts.origin) &&
           same(facts.key, other.facts.key);
  }
};

/// Gives the parser the prefixes of `request` that end at `ends`, each as a fresh copy of exactly that length: a
/// sanitizer sees every byte read beyond it, and nothing may depend on where the buffer lies.
inline Outcome feed(const std::string& request, const std::vector<std::size_t>& ends, const HandshakeLimits& limits) {
  HandshakeParser parser;
  Outcome out;
  for (const std::size_t end : ends) {
    const std::vector<std::uint8_t> head(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(end));
    Refusal refusal{0, {}};
    out.result = parser.parse(head.data(), static_cast<std::uint32_t>(end), limits, &out.facts, &refusal);
    out.status = refusal.status;
    out.sentence = refusal.sentence;
    out.decided_at = end;
    if (out.result != HandshakeParse::incomplete) break;
  }
  return out;
}

/// Parses whole, byte by byte and cut in two at every place; all must agree.
inline Outcome parse(const std::string& request, const HandshakeLimits& limits = {}) {
  const Outcome whole = feed(request, {request.size()}, limits);
  std::vector<std::size_t> every;
  for (std::size_t end = 0; end <= request.size(); ++end) every.push_back(end);
  std::size_t different = feed(request, every, limits).same_verdict(whole) ? 0 : 1;
  for (std::size_t cut = 0; cut < request.size(); ++cut) {
    if (!feed(request, {cut, request.size()}, limits).same_verdict(whole)) ++different;
  }
  CHECK_MESSAGE(different == 0, request);
  return whole;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

inline constexpr char kKey[] = "dGhlIHNhbXBsZSBub25jZQ==";

/// The request of RFC 6455 1.3, without its optional fields.
inline Fields upgrade_fields() {
  return {{"Host", "server.example.com"},
          {"Upgrade", "websocket"},
          {"Connection", "Upgrade"},
          {"Sec-WebSocket-Key", kKey},
          {"Sec-WebSocket-Version", "13"}};
}

inline Fields with(Fields fields, const std::string& name, const std::string& value) {
  for (auto& field : fields) {
    if (field.first == name) {
      field.second = value;
      return fields;
    }
  }
  fields.emplace_back(name, value);
  return fields;
}

inline Fields without(Fields fields, const std::string& name) {
  std::erase_if(fields, [&name](const auto& field) { return field.first == name; });
  return fields;
}

inline Fields twice(Fields fields, const std::string& name, const std::string& value) {
  fields.emplace_back(name, value);
  return fields;
}

inline std::string request(const std::string& line, const Fields& fields) {
  std::string out = line + "\r\n";
  for (const auto& [name, value] : fields) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

inline std::string upgrade(const Fields& fields) { return request("GET /chat HTTP/1.1", fields); }
inline std::string plain(const Fields& fields) { return request("GET /health HTTP/1.1", fields); }

}  // namespace millrace::protocol::test
