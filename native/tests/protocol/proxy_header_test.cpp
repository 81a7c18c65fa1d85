// SPDX-License-Identifier: Apache-2.0
#include "protocol/proxy_header.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace millrace::protocol;
using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

/// A header of version 2: command byte, family byte, and what follows them.
std::string second(std::uint8_t command, std::uint8_t family, const std::string& rest) {
  std::string out = kSignature;
  out += {static_cast<char>(command), static_cast<char>(family), static_cast<char>(rest.size() >> 8),
          static_cast<char>(rest.size())};
  return out + rest;
}

const std::string kV4 = "\xC0\x00\x02\x01\xC6\x33\x64\x01\x12\x67\x01\xBB"s;  // 192.0.2.1:4711 to 198.51.100.1:443
const std::string kV6 =
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02\x12\x67\x01\xBB"s;

ProxyParse parse(const std::string& bytes, ProxyHeader* header) {
  // A copy of exactly this length, for the sanitizers.
  const std::vector<char> copy(bytes.begin(), bytes.end());
  return parse_proxy_header(reinterpret_cast<const std::uint8_t*>(copy.data()), copy.size(), header);
}

/// What the header says, in words; with every prefix of it incomplete, or the same.
std::string said(const std::string& bytes) {
  std::string first;
  for (std::size_t end = 0; end <= bytes.size(); ++end) {
    ProxyHeader header;
    std::string now;
    switch (parse(bytes.substr(0, end), &header)) {
      case ProxyParse::incomplete:
        CHECK_MESSAGE(first.empty(), "incomplete again at " << end << " after " << first);
        continue;
      case ProxyParse::absent:
        now = "absent";
        break;
      case ProxyParse::malformed:
        now = "malformed";
        break;
      case ProxyParse::complete: {
        now = std::to_string(header.length) + ": ";
        char text[8];
        switch (header.family) {
          case ProxyFamily::none:
            now += "none";
            break;
          case ProxyFamily::local:
            now += "local";
            break;
          case ProxyFamily::ipv4:
            for (int i = 0; i < 4; ++i) now += std::to_string(header.ip[i]) + (i < 3 ? "." : "");
            now += " " + std::to_string(header.port);
            break;
          case ProxyFamily::ipv6:
            for (int i = 0; i < 16; i += 2) {
              std::snprintf(text, sizeof text, "%x%s", header.ip[i] << 8 | header.ip[i + 1], i < 14 ? ":" : "");
              now += text;
            }
            now += " " + std::to_string(header.port);
            break;
        }
        break;
      }
    }
    if (first.empty()) first = now;
    CHECK_MESSAGE(first == now, "more bytes changed the verdict at " << end);
  }
  return first.empty() ? "incomplete" : first;
}

TEST_CASE("version 1: addresses of both families, and what lies behind") {
  CHECK(said("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n") == "44: 192.0.2.1 4711");
  CHECK(said("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\nGET / HTTP/1.1\r\n") == "44: 192.0.2.1 4711");
  CHECK(said("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n") == "44: 255.255.255.255 65535");
  CHECK(said("PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n") == "45: 2001:db8:0:0:0:0:0:1 4711");
  const std::string longest =
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  CHECK(said(longest) == "104: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535");
}

TEST_CASE("version 1: what the proxy does not know") {
  CHECK(said("PROXY UNKNOWN\r\n") == "15: none");
  CHECK(said("PROXY UNKNOWN 1 2 3 whatever\r\n") == "30: none");
  const std::string longest = "PROXY UNKNOWN " + std::string(kMaxProxyLine - 16, 'x') + "\r\n";
  CHECK(longest.size() == kMaxProxyLine);
  CHECK(said(longest) == "107: none");
  CHECK(said("PROXY UNKNOWN " + std::string(kMaxProxyLine - 15, 'x') + "\r\n") == "malformed");
  CHECK(said("PROXY UNKNOWN " + std::string(200, 'x')) == "malformed");
}

TEST_CASE("version 1: every form of an IPv6 address") {
  const std::pair<std::string, std::string> forms[] = {
      {"::", "0:0:0:0:0:0:0:0"},
      {"::1", "0:0:0:0:0:0:0:1"},
      {"1::", "1:0:0:0:0:0:0:0"},
      {"1::8", "1:0:0:0:0:0:0:8"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"ABCD:ef01::0001", "abcd:ef01:0:0:0:0:0:1"},
      {"::ffff:192.0.2.1", "0:0:0:0:0:ffff:c000:201"},
      {"1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"},
  };
  for (const auto& [form, groups] : forms) {
    const std::string line = "PROXY TCP6 " + form + " ::1 1 2\r\n";
    CHECK(said(line) == std::to_string(line.size()) + ": " + groups + " 1");
  }
  for (const char* const form : {"",
                                 ":",
                                 ":::",
                                 "1",
                                 "1:",
                                 ":1",
                                 "1:2:3:4:5:6:7",
                                 "1:2:3:4:5:6:7:8:9",
                                 "1:2:3:4:5:6:7:8::",
                                 "::1:2:3:4:5:6:7:8",
                                 "1::2::3",
                                 "1:::2",
                                 "12345::",
                                 "g::",
                                 "::1.2.3",
                                 "::1.2.3.4:5",
                                 "1:2:3:4:5:6:7:1.2.3.4",
                                 "1.2.3.4",
                                 "::1%eth0",
                                 "[::1]",
                                 "::256.0.0.1",
                                 "1::2:"}) {
    CHECK_MESSAGE(said("PROXY TCP6 "s + form + " ::1 1 2\r\n") == "malformed", form);
  }
}

TEST_CASE("version 1: everything that can be wrong") {
  for (const char* const line : {
           "PROXY \r\n",
           "PROXY TCP4\r\n",
           "PROXY TCP4 \r\n",
           "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8\r\n",
           "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.x 1 2\r\n",
           "PROXY TCP4 1..3.4 5.6.7.8 1 2\r\n",
           "PROXY TCP4 ::1 ::2 1 2\r\n",
           "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 100000000000 2\r\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
           "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n",
           "PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n",
           "PROXY UNKNOWNX\r\n",
           "PROXY UNKNOWN\n",
           "PROXY \n",
       }) {
    CHECK_MESSAGE(said(line) == "malformed", line);
  }
  CHECK(said("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\0\r\n"s) == "malformed");
}

TEST_CASE("version 2: addresses of every family; what is added behind them is skipped") {
  CHECK(said(second(0x21, 0x11, kV4)) == "28: 192.0.2.1 4711");
  CHECK(said(second(0x21, 0x12, kV4)) == "28: 192.0.2.1 4711");
  CHECK(said(second(0x21, 0x21, kV6)) == "52: 2001:db8:0:0:0:0:0:1 4711");
  CHECK(said(second(0x21, 0x22, kV6)) == "52: 2001:db8:0:0:0:0:0:1 4711");
  CHECK(said(second(0x21, 0x31, std::string(216, 'u'))) == "232: local");
  CHECK(said(second(0x21, 0x32, std::string(216, '\0'))) == "232: local");
  CHECK(said(second(0x21, 0x11, kV4 + "\x01\x00\x02h2"s) + "GET /") == "33: 192.0.2.1 4711");
  CHECK(said(second(0x21, 0x11, kV4 + std::string(kMaxProxyHeader - 28, '\xFF'))) == "536: 192.0.2.1 4711");
  CHECK(said(second(0x21, 0x00, "")) == "16: none");
  CHECK(said(second(0x21, 0x00, "addition")) == "24: none");
}

TEST_CASE("version 2: LOCAL is taken whatever its family says") {
  CHECK(said(second(0x20, 0x00, "")) == "16: none");
  CHECK(said(second(0x20, 0x11, kV4)) == "28: none");
  CHECK(said(second(0x20, 0xFF, "x")) == "17: none");
}

TEST_CASE("version 2: everything that can be wrong") {
  CHECK(said(second(0x11, 0x11, kV4)) == "malformed");  // version
  CHECK(said(second(0x31, 0x11, kV4)) == "malformed");
  CHECK(said(second(0x22, 0x11, kV4)) == "malformed");  // command
  for (const int family : {0x01, 0x02, 0x10, 0x13, 0x20, 0x23, 0x30, 0x33, 0x41, 0xFF}) {
    CHECK(said(second(0x21, static_cast<std::uint8_t>(family), kV6)) == "malformed");
  }
  CHECK(said(second(0x21, 0x11, kV4.substr(1))) == "malformed");  // too short for the addresses
  CHECK(said(second(0x21, 0x21, kV6.substr(1))) == "malformed");
  CHECK(said(second(0x21, 0x31, std::string(215, 'u'))) == "malformed");
  CHECK(said(second(0x21, 0x11, "")) == "malformed");
  // Too long is told by the length alone.
  CHECK(said(second(0x21, 0x11, kV4 + std::string(kMaxProxyHeader - 27, 'x')).substr(0, 16)) == "malformed");
  CHECK(said(kSignature + "\x21\x11\xFF\xFF"s) == "malformed");
}

TEST_CASE("other first bytes are no header") {
  CHECK(said("GET / HTTP/1.1\r\n") == "absent");
  CHECK(said("POST / HTTP/1.1\r\n") == "absent");
  CHECK(said("PROXYTCP4") == "absent");
  CHECK(said("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n") == "absent");
  CHECK(said("\r\nGET / HTTP/1.1\r\n") == "absent");
  CHECK(said("\r\n\r\n\0\r\nQUIX\n\x21"s) == "absent");
  CHECK(said("\x16\x03\x01") == "absent");
  CHECK(said("") == "incomplete");
  CHECK(said("PRO") == "incomplete");
}

}  // namespace
