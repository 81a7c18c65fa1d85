// SPDX-License-Identifier: Apache-2.0
//
// One request head, given whole, byte by byte and at random cuts: the verdict and the facts must not depend on the
// cuts. The first byte of the input chooses the limits, the second the rules that are not enforced.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "protocol/handshake.hpp"

namespace millrace::fuzz {

namespace {

using namespace protocol;
using Bytes = std::vector<std::uint8_t>;

struct Verdict {
  HandshakeParse result = HandshakeParse::incomplete;
  RequestFacts facts;
  Refusal refusal{0, {}};
};

bool same(Slice a, Slice b) { return a.offset == b.offset && a.length == b.length; }

bool same(const Verdict& a, const Verdict& b) {
  return a.result == b.result && a.refusal.status == b.refusal.status && a.refusal.sentence == b.refusal.sentence &&
         a.facts.kind == b.facts.kind && a.facts.head_length == b.facts.head_length &&
         a.facts.has_origin == b.facts.has_origin && same(a.facts.target, b.facts.target) &&
         same(a.facts.host, b.facts.host) && same(a.facts.origin, b.facts.origin) && same(a.facts.key, b.facts.key);
}

template <class NextLength>
Verdict run(std::span<const std::uint8_t> request, const HandshakeLimits& limits, NextLength next_length) {
  HandshakeParser parser;
  Verdict out;
  std::size_t end = 0;
  while (end < request.size() && out.result == HandshakeParse::incomplete) {
    end += std::min(next_length(), request.size() - end);
    // A copy of exactly this length, at another place each time.
    const Bytes head(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(end));
    out.result = parser.parse(head.data(), static_cast<std::uint32_t>(end), limits, &out.facts, &out.refusal);
  }
  return out;
}

void check_slice(std::span<const std::uint8_t> head, Slice slice) {
  check(slice.offset <= head.size() && slice.length <= head.size() - slice.offset, "a slice lies in the head");
  for (const char c : slice.of(head.data())) {
    const auto byte = static_cast<std::uint8_t>(c);
    check(byte == '\t' || (byte >= 0x20 && byte != 0x7F), "a slice has no control character");
  }
}

void check_complete(std::span<const std::uint8_t> request, const RequestFacts& facts, Relaxed relaxed) {
  check(facts.kind != RequestKind::none, "a complete request has a kind");
  check(facts.head_length >= 4 && facts.head_length <= request.size(), "the head lies in the request");
  const auto head = request.first(facts.head_length);
  check(std::memcmp(head.data() + head.size() - 4, "\r\n\r\n", 4) == 0, "the head ends with an empty line");
  for (const Slice slice : {facts.target, facts.host, facts.origin, facts.key}) check_slice(head, slice);
  check(facts.target.of(head.data()).starts_with('/'), "the target is a path");
  check(facts.host.length > 0 || relaxed.has(Rule::host_header), "the host is there");
  if (facts.kind != RequestKind::upgrade) return;
  std::uint8_t response[kAcceptResponse];
  check(facts.key.length == 24, "the key has 24 characters");
  check(write_accept(facts.key.of(head.data()), "", response) == kAcceptResponse, "the response has its length");
}

void check_refused(const Refusal& refusal) {
  check(refusal.status >= 400 && refusal.status <= 599 && !refusal.sentence.empty(),
        "a refusal has status and sentence");
  std::uint8_t response[kMaxRefusal];
  check(write_refusal(refusal, response) <= kMaxRefusal, "a refusal fits");
}

#define MILLRACE_UPGRADE                          \
  "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

constexpr std::string_view kSeeds[] = {
    "\xFF GET /chat HTTP/1.1\r\nHost: server.example.com\r\n" MILLRACE_UPGRADE
    "Origin: http://example.com\r\n\r\n\x81\x80",
    "\xFF GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    "\xFF HEAD /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "\x20 GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n",
    "\x02 GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\n\r\n",
    "\xFF GET / HTTP/1.1\r\nHost: a\r\n" MILLRACE_UPGRADE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "\xFF GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
    "\xFF POST / HTTP/1.0\r\nHost : a\r\n\r\n",
    "\xFF GET / HTTP/1.1\r\nHost: a\nHost: b\r\n\r\n",
    "\xFF\x07GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
};

#undef MILLRACE_UPGRADE

}  // namespace

std::span<const std::string_view> seeds() noexcept { return kSeeds; }

}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace millrace::fuzz;
  if (length < 2) return 0;
  const HandshakeLimits limits{.max_request_line = std::uint32_t{bytes[0]} * 2,
                               .max_header_bytes = 16 + std::uint32_t{bytes[0]} * 4,
                               .max_header_count = static_cast<std::uint16_t>(bytes[0] / 2),
                               .relaxed = Relaxed(std::uint32_t{bytes[1]} << 8)};
  const std::span<const std::uint8_t> request(bytes + 2, length - 2);
  const Verdict bytewise = run(request, limits, [] { return std::size_t{1}; });
  check(same(bytewise, run(request, limits, [&request] { return request.size(); })), "whole and bytewise agree");
  Random random(hash(request));
  for (const std::size_t longest : {3, 16, 200}) {
    check(same(bytewise, run(request, limits, [&] { return 1 + random.below(longest); })),
          "verdicts do not depend on cuts");
  }
  if (bytewise.result == HandshakeParse::complete) check_complete(request, bytewise.facts, limits.relaxed);
  if (bytewise.result == HandshakeParse::refused) check_refused(bytewise.refusal);
  return 0;
}
