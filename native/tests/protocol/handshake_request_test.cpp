// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "handshake_fixture.hpp"
#include "protocol/handshake.hpp"

namespace {

using namespace millrace::protocol;
using namespace millrace::protocol::test;

std::string text(const std::string& request, Slice slice) {
  return std::string(slice.of(reinterpret_cast<const std::uint8_t*>(request.data())));
}

RequestKind kind_of(const std::string& request) {
  const Outcome outcome = parse(request);
  CHECK_MESSAGE(outcome.result == HandshakeParse::complete, request, outcome.sentence);
  return outcome.facts.kind;
}

int status_of(const std::string& request, const HandshakeLimits& limits = {}) {
  const Outcome outcome = parse(request, limits);
  CHECK_MESSAGE(outcome.result == HandshakeParse::refused, request);
  CHECK_FALSE(outcome.sentence.empty());
  return outcome.status;
}

TEST_CASE("RFC 6455 1.3: the example, and what follows it is not looked at") {
  const std::string head = upgrade(with(upgrade_fields(), "Origin", "http://example.com"));
  for (const std::string& behind :
       {std::string(), std::string("\x81\x85\0\n\n", 5), std::string("GET / HTTP/9.9\n\n")}) {
    const std::string request = head + behind;
    const Outcome outcome = parse(request);
    REQUIRE(outcome.result == HandshakeParse::complete);
    CHECK(outcome.facts.kind == RequestKind::upgrade);
    CHECK(outcome.facts.head_length == head.size());
    CHECK(text(request, outcome.facts.target) == "/chat");
    CHECK(text(request, outcome.facts.host) == "server.example.com");
    CHECK(text(request, outcome.facts.origin) == "http://example.com");
    CHECK(text(request, outcome.facts.key) == kKey);
    CHECK(outcome.facts.has_origin);
  }
}

TEST_CASE("each rule of an upgrade, not enforced") {
  const auto without = [](const std::string& name) {
    Fields fields = upgrade_fields();
    std::erase_if(fields, [&name](const auto& field) { return field.first == name; });
    return upgrade(fields);
  };
  const auto relaxing = [](Rule rule) {
    HandshakeLimits limits;
    limits.relaxed = Relaxed(static_cast<std::uint32_t>(rule));
    return limits;
  };
  struct Case {
    std::string request;
    Rule rule;
    int strict;
  };
  const Case cases[] = {
      {without("Host"), Rule::host_header, 400},
      {without("Connection"), Rule::connection_header, 400},
      {upgrade(with(upgrade_fields(), "Connection", "close")), Rule::connection_header, 400},
      {without("Sec-WebSocket-Version"), Rule::version, 426},
      {upgrade(with(upgrade_fields(), "Sec-WebSocket-Version", "8")), Rule::version, 426},
  };
  for (const Case& one : cases) {
    CHECK(status_of(one.request) == one.strict);
    for (const Rule rule : {Rule::host_header, Rule::connection_header, Rule::version}) {
      const Outcome outcome = parse(one.request, relaxing(rule));
      CHECK_MESSAGE((outcome.result == HandshakeParse::complete) == (rule == one.rule), one.request);
      if (rule == one.rule) CHECK(outcome.facts.kind == RequestKind::upgrade);
    }
  }
  CHECK(parse(without("Host"), relaxing(Rule::host_header)).facts.host.length == 0);
  // A plain request is HTTP's alone.
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n", relaxing(Rule::host_header)) == 400);
  CHECK(status_of(without("Sec-WebSocket-Key"), relaxing(Rule::version)) == 400);
}

TEST_CASE("every beginning of a good request is incomplete") {
  const std::string request = upgrade(upgrade_fields());
  std::size_t wrong = 0;
  for (std::size_t end = 0; end < request.size(); ++end) {
    if (feed(request, {end}, {}).result != HandshakeParse::incomplete) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK(feed(request, {request.size()}, {}).result == HandshakeParse::complete);
}

TEST_CASE("reset makes the parser ready for another request") {
  const std::string request = upgrade(upgrade_fields());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(request.data());
  const auto length = static_cast<std::uint32_t>(request.size());
  HandshakeParser parser;
  RequestFacts facts;
  Refusal refusal;
  for (int i = 0; i < 3; ++i) {
    CHECK(parser.parse(bytes, length / 2, {}, &facts, &refusal) == HandshakeParse::incomplete);
    parser.reset();
    CHECK(parser.parse(bytes, length, {}, &facts, &refusal) == HandshakeParse::complete);
    parser.reset();
  }
}

TEST_CASE("RFC 9112 9.3, RFC 9110 9.3: plain GET and HEAD") {
  CHECK(kind_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == RequestKind::get);
  CHECK(kind_of("HEAD /x?y=z HTTP/1.1\r\nHost: a\r\n\r\n") == RequestKind::head);
  CHECK(kind_of(plain({{"Host", "a"}, {"Content-Length", "0"}})) == RequestKind::get);
  CHECK(kind_of(plain({{"Host", "a"}, {"Connection", "keep-alive, Upgrade"}, {"Upgrade", "h2c"}})) == RequestKind::get);
  CHECK(kind_of(plain({{"Host", "a"}, {"Sec-WebSocket-Protocol", "chat"}})) == RequestKind::get);
}

TEST_CASE("RFC 9110 9.1: another method is 405, and methods know case") {
  for (const std::string method :
       {"POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "get", "Get", "GETT"}) {
    CHECK(status_of(request(method + " / HTTP/1.1", upgrade_fields())) == 405);
  }
  CHECK(status_of(request("OPTIONS * HTTP/1.1", {{"Host", "a"}})) == 405);
  CHECK(status_of(request("CONNECT a:443 HTTP/1.1", {{"Host", "a"}})) == 405);
}

TEST_CASE("RFC 6455 4.2.1: an upgrade uses GET") {
  CHECK(status_of(request("HEAD / HTTP/1.1", upgrade_fields())) == 400);
}

TEST_CASE("RFC 9112 2.3: HTTP/1.1 only") {
  for (const std::string version : {"HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/9.9"}) {
    CHECK(status_of(request("GET / " + version, upgrade_fields())) == 505);
  }
  CHECK(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
  for (const std::string version :
       {"http/1.1", "HTTP/1.1 ", "HTTP/11", "HTTP/1.10", "HTTP/a.1", "HTTPS/1.1", "FTP/1.1", "HTTP/", "HTTP/1,1", ""}) {
    CHECK(status_of(request("GET / " + version, upgrade_fields())) == 400);
  }
}

TEST_CASE("RFC 9112 3: the request line has three parts and two spaces") {
  for (const std::string line :
       {"GET", "GET /", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 x", "GET\t/\tHTTP/1.1",
        "GET / x HTTP/1.1", "G@T / HTTP/1.1", "G:T / HTTP/1.1", "GET HTTP/1.1", "x"}) {
    CHECK(status_of(request(line, upgrade_fields())) == 400);
  }
}

TEST_CASE("what cannot be a method is refused with its first byte") {
  for (const std::string& first : {std::string("\x16\x03\x01\x02\x00", 5), std::string("\r\nGET / HTTP/1.1\r\n\r\n"),
                                   std::string(" GET / HTTP/1.1\r\n\r\n"), std::string("\n"), std::string(1, '\0'),
                                   std::string("\xC3\xA9"), std::string("\x81\x80")}) {
    CHECK(status_of(first) == 400);
    CHECK(feed(first, {1}, {}).result == HandshakeParse::refused);
  }
}

TEST_CASE("RFC 9112 3.2.1, 3.2.2: the target is a path or an absolute URI") {
  for (const std::string target : {"http://a/", "HTTP://a:80/b?c", "https://a", "ws://[::1]:1/x", "wss://a?b"}) {
    CHECK(kind_of(request("GET " + target + " HTTP/1.1", upgrade_fields())) == RequestKind::upgrade);
  }
  for (const std::string target : {"*", "chat", "?x", "a:443", "\\x", "http://", "http:///a", "http:/a", "ftp://a/",
                                   "http://a b/", "http://a:x/", "http://u@h/", "http://a/#f", "httpx://a/"}) {
    CHECK(status_of(request("GET " + target + " HTTP/1.1", upgrade_fields())) == 400);
  }
  for (const std::string target :
       {"/", "//", "/a/../b", "/?", "/?a=b&c=%20", "/%00", "/a|b^c`{d}\"<>[]\\", "/!$&'()*+,;=:@-._~"}) {
    CHECK(kind_of(request("GET " + target + " HTTP/1.1", upgrade_fields())) == RequestKind::upgrade);
  }
}

TEST_CASE("RFC 9112 3.2, RFC 6455 3: no byte in the target but visible ASCII without '#'") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string line = std::string("GET /a") + static_cast<char>(byte) + "b HTTP/1.1";
    const Outcome outcome = parse(request(line, upgrade_fields()));
    const bool allowed = byte > 0x20 && byte < 0x7F && byte != '#';
    CHECK_MESSAGE(outcome.result == (allowed ? HandshakeParse::complete : HandshakeParse::refused), byte);
    if (!allowed) CHECK(outcome.status == 400);
  }
}

TEST_CASE("RFC 9110 5.6.2: a field name is a token, and nothing stands before the colon") {
  const std::string separators = "\"(),/:;<=>?@[\\]{}";
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool token = byte > 0x20 && byte < 0x7F && separators.find(c) == std::string::npos;
    // "X:Y: v" is a field X with the value "Y: v".
    const bool allowed = token || c == ':';
    const std::string field = std::string("X") + c + "Y: v\r\n";
    const Outcome outcome = parse("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n");
    CHECK_MESSAGE(outcome.result == (allowed ? HandshakeParse::complete : HandshakeParse::refused), byte);
  }
  for (const std::string field : {"Host : a", "Host\t: a", ": a", "no colon", "\xC3\xA9: a", ":"}) {
    CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n") == 400);
  }
}

TEST_CASE("RFC 9112 5.2: a folded field is refused") {
  CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n").sentence.find("folded") != std::string::npos);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n \r\n\r\n") == 400);
}

TEST_CASE("RFC 9110 5.5: a value has no control character but the tab") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string value = std::string("a") + static_cast<char>(byte) + "b";
    const Outcome outcome = parse(plain({{"Host", "a"}, {"X", value}}));
    const bool allowed = byte == '\t' || (byte >= 0x20 && byte != 0x7F);
    CHECK_MESSAGE(outcome.result == (allowed ? HandshakeParse::complete : HandshakeParse::refused), byte);
  }
}

TEST_CASE("RFC 9112 2.2: every line ends with CR LF") {
  CHECK(status_of("GET / HTTP/1.1\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\n\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\n\n") == 400);
}

TEST_CASE("header injection: a line break inside a value makes a field of its own, and is judged as one") {
  CHECK(status_of(upgrade(twice(upgrade_fields(), "X", "y\r\nHost: evil"))) == 400);
  CHECK(status_of(upgrade(twice(upgrade_fields(), "X", "y\r\nTransfer-Encoding: chunked"))) == 400);
  CHECK(status_of(upgrade(twice(upgrade_fields(), "X", "y\nHost: evil"))) == 400);
  CHECK(status_of(upgrade(twice(upgrade_fields(), "X", "y\rHost: evil"))) == 400);
  CHECK(status_of(upgrade(with(upgrade_fields(), "Host", "a\r\n b"))) == 400);
  const std::string early = upgrade(with(upgrade_fields(), "X", "y\r\n\r\nHost: evil"));
  CHECK(parse(early).facts.head_length == early.find("\r\n\r\n") + 4);
}

TEST_CASE("RFC 9110 5.5: blanks around a value do not count") {
  for (const std::string host : {"a", " a", "\ta", "  \t a \t ", "a\t"}) {
    const std::string head = "GET / HTTP/1.1\r\nHost:" + host + "\r\n\r\n";
    const Outcome outcome = parse(head);
    REQUIRE(outcome.result == HandshakeParse::complete);
    CHECK(text(head, outcome.facts.host) == "a");
  }
}

TEST_CASE("RFC 9112 3.2: Host exactly once") {
  CHECK(status_of(upgrade(without(upgrade_fields(), "Host"))) == 400);
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of(upgrade(twice(upgrade_fields(), "Host", "server.example.com"))) == 400);
  CHECK(status_of(upgrade(twice(upgrade_fields(), "hOST", "other"))) == 400);
}

TEST_CASE("RFC 9110 7.2: Host is a host and a port") {
  for (const std::string host : {"a", "a.b", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8080", "a:", "a:0", "a:65535",
                                 "A-b_c~", "%41", "[v1.x:y]"}) {
    CHECK(kind_of(upgrade(with(upgrade_fields(), "Host", host))) == RequestKind::upgrade);
  }
  for (const std::string host :
       {"",   "a b",    "a/b",     "user@a", "a:b", "a:65536", "a:99999999999", "a:+1", "a:1:2", "[::1",  "::1]",
        "[]", "[::1]x", "[::1]80", ":80",    "a#b", "a?b",     "\xC3\xA9",      "%4",   "%zz",   "a,b:x", "a\tb"}) {
    CHECK_MESSAGE(status_of(upgrade(with(upgrade_fields(), "Host", host))) == 400, host);
  }
}

TEST_CASE("RFC 6454 7.3: Origin at most once") {
  const std::string none = upgrade(with(upgrade_fields(), "Origin", "null"));
  CHECK(parse(none).facts.has_origin);
  CHECK(text(none, parse(none).facts.origin) == "null");
  CHECK_FALSE(parse(upgrade(upgrade_fields())).facts.has_origin);
  const auto empty = parse(upgrade(with(upgrade_fields(), "Origin", ""))).facts;
  CHECK(empty.has_origin);
  CHECK(empty.origin.length == 0);
  CHECK(status_of(upgrade(twice(with(upgrade_fields(), "Origin", "http://a"), "origin", "http://a"))) == 400);
}

TEST_CASE("request smuggling: no body before the frames, whatever it is called") {
  CHECK(kind_of(upgrade(with(upgrade_fields(), "Content-Length", "0"))) == RequestKind::upgrade);
  CHECK(kind_of(upgrade(with(upgrade_fields(), "Content-Length", "000"))) == RequestKind::upgrade);
  for (const std::string length : {"1", "5", "00000000000000000001", "18446744073709551616", "-1", "+0", "+5", "0, 0",
                                   "0x0", "", "0 0", "a", "-0", "0.0"}) {
    CHECK_MESSAGE(status_of(upgrade(with(upgrade_fields(), "Content-Length", length))) == 400, length);
    CHECK_MESSAGE(status_of(plain({{"Host", "a"}, {"Content-Length", length}})) == 400, length);
  }
  CHECK(status_of(upgrade(twice(with(upgrade_fields(), "Content-Length", "0"), "content-length", "0"))) == 400);
  for (const std::string encoding : {"chunked", "identity", "", "xchunked", "gzip, chunked"}) {
    CHECK(status_of(upgrade(with(upgrade_fields(), "Transfer-Encoding", encoding))) == 400);
    CHECK(status_of(plain({{"Host", "a"}, {"transfer-encoding", encoding}})) == 400);
    CHECK(status_of(request("HEAD / HTTP/1.1", {{"Host", "a"}, {"TRANSFER-ENCODING", encoding}})) == 400);
  }
}

TEST_CASE("RFC 6455 4.2.1: Upgrade names websocket") {
  for (const std::string value : {"websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", "websocket,h2c",
                                  " websocket\t", ",websocket,", "a , \twebsocket"}) {
    CHECK(kind_of(upgrade(with(upgrade_fields(), "Upgrade", value))) == RequestKind::upgrade);
  }
  for (const std::string value :
       {"", "websockets", "web socket", "xwebsocket", "websocket/13", "h2c", "websocket;q=1", "\"websocket\""}) {
    CHECK(status_of(upgrade(with(upgrade_fields(), "Upgrade", value))) == 400);
  }
  CHECK(status_of(upgrade(without(upgrade_fields(), "Upgrade"))) == 400);
  CHECK(kind_of(upgrade(twice(with(upgrade_fields(), "Upgrade", "h2c"), "upgrade", "websocket"))) ==
        RequestKind::upgrade);
}

TEST_CASE("RFC 6455 4.2.1: Connection names upgrade") {
  for (const std::string value : {"Upgrade", "upgrade", "keep-alive, Upgrade", "UPGRADE,close", "a,,\tupgrade "}) {
    CHECK(kind_of(upgrade(with(upgrade_fields(), "Connection", value))) == RequestKind::upgrade);
  }
  for (const std::string value : {"", "keep-alive", "upgraded", "up grade", "upgrade;x", "xupgrade"}) {
    CHECK(status_of(upgrade(with(upgrade_fields(), "Connection", value))) == 400);
  }
  CHECK(status_of(upgrade(without(upgrade_fields(), "Connection"))) == 400);
  CHECK(kind_of(upgrade(twice(with(upgrade_fields(), "Connection", "keep-alive"), "connection", "Upgrade"))) ==
        RequestKind::upgrade);
}

TEST_CASE("RFC 6455 4.4: version 13, else 426") {
  for (const std::string version : {"12", "14", "8", "0", "", "013", "13, 8", "13,13", "abc", "1 3", "+13", "13.0"}) {
    CHECK(status_of(upgrade(with(upgrade_fields(), "Sec-WebSocket-Version", version))) == 426);
  }
  CHECK(status_of(upgrade(without(upgrade_fields(), "Sec-WebSocket-Version"))) == 426);
  // Another version may have another key.
  CHECK(status_of(upgrade(without(with(upgrade_fields(), "Sec-WebSocket-Version", "14"), "Sec-WebSocket-Key"))) == 426);
  CHECK(status_of(upgrade(twice(upgrade_fields(), "sec-websocket-version", "13"))) == 400);
}

TEST_CASE("RFC 6455 4.2.1: the key is base64 of 16 bytes") {
  for (const std::string key : {"AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w==", "++++++++++++++++++++ +A=="}) {
    const bool good = key.find(' ') == std::string::npos;
    const Outcome outcome = parse(upgrade(with(upgrade_fields(), "Sec-WebSocket-Key", key)));
    CHECK(outcome.result == (good ? HandshakeParse::complete : HandshakeParse::refused));
  }
  for (const std::string key :
       {"", "x", "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZQ=A",
        "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZQA=", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZQ==AAAA",
        "dGhlIHNhbXBsZSBub25_ZQ==", "====", "========================"}) {
    CHECK_MESSAGE(status_of(upgrade(with(upgrade_fields(), "Sec-WebSocket-Key", key))) == 400, key);
  }
  CHECK(status_of(upgrade(without(upgrade_fields(), "Sec-WebSocket-Key"))) == 400);
  CHECK(status_of(upgrade(twice(upgrade_fields(), "sec-websocket-key", kKey))) == 400);
}

TEST_CASE("the last character of a key: only four of 64 leave the unused bits zero") {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const char last : alphabet) {
    const std::string key = std::string("dGhlIHNhbXBsZSBub25jZ") + last + "==";
    const Outcome outcome = parse(upgrade(with(upgrade_fields(), "Sec-WebSocket-Key", key)));
    const bool canonical = last == 'A' || last == 'Q' || last == 'g' || last == 'w';
    CHECK_MESSAGE(outcome.result == (canonical ? HandshakeParse::complete : HandshakeParse::refused), key);
  }
}

TEST_CASE("a request with one WebSocket field is an attempt, not a plain GET") {
  CHECK(status_of(plain({{"Host", "a"}, {"Upgrade", "websocket"}})) == 400);
  CHECK(status_of(plain({{"Host", "a"}, {"Sec-WebSocket-Key", kKey}})) == 400);
  CHECK(status_of(plain({{"Host", "a"}, {"Sec-WebSocket-Version", "13"}})) == 400);
}

TEST_CASE("field names know no case") {
  CHECK(kind_of("GET / HTTP/1.1\r\nhOsT: a\r\nUPGRADE: websocket\r\nconnection: upgrade\r\nSEC-WEBSOCKET-KEY: " +
                std::string(kKey) + "\r\nsec-websocket-version: 13\r\n\r\n") == RequestKind::upgrade);
}

}  // namespace
