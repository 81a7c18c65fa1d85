// SPDX-License-Identifier: Apache-2.0
//
// The first bytes of a connection, with each of their prefixes: what the parser has once decided stays so, and what it
// takes is bounded and lies within what came.
#include <cstring>
#include <vector>

#include "fuzz.hpp"
#include "protocol/proxy_header.hpp"

namespace millrace::fuzz {

namespace {

using namespace protocol;
using namespace std::string_view_literals;

struct Verdict {
  ProxyParse result = ProxyParse::incomplete;
  ProxyHeader header;
};

Verdict judge(std::span<const std::uint8_t> bytes) {
  // A copy of exactly this length, for the sanitizers.
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  Verdict out;
  out.result = parse_proxy_header(copy.data(), copy.size(), &out.header);
  return out;
}

bool same(const Verdict& a, const Verdict& b) {
  return a.result == b.result && a.header.length == b.header.length && a.header.family == b.header.family &&
         a.header.port == b.header.port && std::memcmp(a.header.ip, b.header.ip, sizeof a.header.ip) == 0;
}

void check_verdict(const Verdict& verdict, std::size_t length) {
  if (verdict.result == ProxyParse::incomplete) check(length < kMaxProxyHeader, "a header is judged in time");
  if (verdict.result != ProxyParse::complete) return;
  check(verdict.header.length > 0 && verdict.header.length <= length, "a header lies in what came");
  check(verdict.header.length <= kMaxProxyHeader, "a header is not longer than one may be");
}

constexpr std::string_view kSeeds[] = {
    "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\nGET / HTTP/1.1\r\n"sv,
    "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 65535 0\r\n"sv,
    "PROXY UNKNOWN whatever\r\n"sv,
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0F\xC0\0\x02\x01\xC6\x33\x64\x01\x12\x67\x01\xBB\x04\0\0GET /"sv,
    "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02\x12\x67\x01\xBB"sv,
    "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"sv,
    "\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xD8/run/socket"sv,
    "POST / HTTP/1.1\r\n"sv,
};

}  // namespace

std::span<const std::string_view> seeds() noexcept { return kSeeds; }

}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace millrace::fuzz;
  const std::span<const std::uint8_t> input(bytes, length < 600 ? length : 600);
  Verdict first;
  for (std::size_t end = 0; end <= input.size(); ++end) {
    const Verdict now = judge(input.first(end));
    check_verdict(now, end);
    if (first.result == ProxyParse::incomplete) {
      first = now;
    } else {
      check(same(first, now), "more bytes do not change a verdict");
    }
  }
  return 0;
}
