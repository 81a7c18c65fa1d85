// SPDX-License-Identifier: Apache-2.0
//
// One response head, interim ones before it, given whole, byte by byte and at random cuts: verdict and facts must not
// depend on the cuts. The first byte of the input chooses the limits.
#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "protocol/response.hpp"

namespace millrace::fuzz {

namespace {

using namespace protocol;

struct Verdict {
  ResponseParse result = ResponseParse::incomplete;
  ResponseFacts facts;
};

bool same(const Verdict& a, const Verdict& b) {
  return a.result == b.result && a.facts.status == b.facts.status && a.facts.head == b.facts.head &&
         a.facts.head_end == b.facts.head_end;
}

template <class NextLength>
Verdict run(std::span<const std::uint8_t> response, const HandshakeLimits& limits, NextLength next_length) {
  ResponseParser parser;
  Verdict out;
  std::size_t end = 0;
  while (end < response.size() && out.result == ResponseParse::incomplete) {
    end += std::min(next_length(), response.size() - end);
    // A copy of exactly this length, at another place each time.
    const std::vector<std::uint8_t> head(response.begin(), response.begin() + static_cast<std::ptrdiff_t>(end));
    out.result = parser.parse(head.data(), static_cast<std::uint32_t>(end), limits, &out.facts);
  }
  return out;
}

void check_complete(std::span<const std::uint8_t> response, const ResponseFacts& facts, const HandshakeLimits& limits) {
  check(facts.status == 101 || (facts.status >= 200 && facts.status <= 999), "a final status");
  check(facts.head < facts.head_end && facts.head_end <= response.size(), "the head lies in the response");
  check(facts.head_end <= limits.max_header_bytes, "the head keeps its limit");
  const std::string_view head(reinterpret_cast<const char*>(response.data()) + facts.head, facts.head_end - facts.head);
  check(head.starts_with("HTTP/1.") && head.ends_with("\r\n\r\n"), "a head begins and ends as one");
  check(head.find("\r\n\r\n") == head.size() - 4, "one empty line");
  const std::string_view before(reinterpret_cast<const char*>(response.data()), facts.head);
  check(before.empty() || before.ends_with("\r\n\r\n"), "whole interim responses stand before it");
  for (const char c : head) check(c != '\0', "no zero");
}

constexpr std::string_view kSeeds[] = {
    "\xFFHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x01x",
    "\xFFHTTP/1.0 200\r\n\r\n",
    "\xFFHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 302 Found\r\nLocation: "
    "/\r\n\r\n",
    "\x08HTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\nHTTP/1.1 102 x\r\n\r\n",
    "\x04HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nE: f\r\n\r\n",
    "\xFFHTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
    "\xFFHTTP/1.1 200 OK\nX: y\r\n\r\n",
    "\xFFSSH-2.0-OpenSSH_9.2\r\n",
};

}  // namespace

std::span<const std::string_view> seeds() noexcept { return kSeeds; }

}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace millrace::fuzz;
  if (length < 1) return 0;
  const HandshakeLimits limits{.max_header_bytes = 16 + std::uint32_t{bytes[0]} * 4,
                               .max_header_count = static_cast<std::uint16_t>(bytes[0] / 2)};
  const std::span<const std::uint8_t> response(bytes + 1, length - 1);
  const Verdict bytewise = run(response, limits, [] { return std::size_t{1}; });
  check(same(bytewise, run(response, limits, [&response] { return response.size(); })), "whole and bytewise agree");
  Random random(hash(response));
  for (const std::size_t longest : {3, 16, 200}) {
    check(same(bytewise, run(response, limits, [&] { return 1 + random.below(longest); })),
          "verdicts do not depend on cuts");
  }
  if (bytewise.result == ResponseParse::complete) check_complete(response, bytewise.facts, limits);
  return 0;
}
