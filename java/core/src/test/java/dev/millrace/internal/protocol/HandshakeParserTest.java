// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.internal.protocol.HandshakeParser.Kind;
import dev.millrace.internal.protocol.HandshakeParser.Result;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tables of {@code native/tests/protocol}: both engines take and refuse the same requests. */
class HandshakeParserTest {
  private static final HandshakeLimits DEFAULTS = new HandshakeLimits(8192, 16_384, 100);
  private static final String KEY = "dGhlIHNhbXBsZSBub25jZQ==";

  /** The request of RFC 6455 1.3, without its optional fields. */
  private static final List<String> FIELDS =
      List.of(
          "Host: server.example.com",
          "Upgrade: websocket",
          "Connection: Upgrade",
          "Sec-WebSocket-Key: " + KEY,
          "Sec-WebSocket-Version: 13");

  /** Status 0 is none; what may not depend on how the request was cut. */
  private record Outcome(Result result, Kind kind, int headLength, int status, String sentence) {}

  private static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static Outcome feed(byte[] request, HandshakeLimits limits, IntStream ends) {
    return feed(request, limits, Relaxed.NONE, ends);
  }

  /** Gives the prefixes that end there, each as an array of exactly that length. */
  private static Outcome feed(byte[] request, HandshakeLimits limits, int relaxed, IntStream ends) {
    HandshakeParser parser = new HandshakeParser(limits, relaxed);
    Result result = Result.INCOMPLETE;
    for (int end : ends.toArray()) {
      result = parser.parse(Arrays.copyOf(request, end), end);
      if (result != Result.INCOMPLETE) {
        break;
      }
    }
    Refusal refusal = parser.refusal();
    return new Outcome(
        result,
        parser.kind(),
        result == Result.COMPLETE ? parser.headLength() : 0,
        refusal == null ? 0 : refusal.status(),
        refusal == null ? "" : refusal.sentence());
  }

  /** Parses whole, byte by byte and cut in two at every place; all must agree. */
  private static Outcome parse(String text, HandshakeLimits limits) {
    byte[] request = latin1(text);
    Outcome whole = feed(request, limits, IntStream.of(request.length));
    assertThat(feed(request, limits, IntStream.rangeClosed(0, request.length))).isEqualTo(whole);
    for (int cut = 0; cut < request.length; cut++) {
      assertThat(feed(request, limits, IntStream.of(cut, request.length)))
          .as("cut=%d of %s", cut, text)
          .isEqualTo(whole);
    }
    return whole;
  }

  private static Outcome parse(String text) {
    return parse(text, DEFAULTS);
  }

  private static int status(String text) {
    Outcome outcome = parse(text);
    assertThat(outcome.result).as(text).isEqualTo(Result.REFUSED);
    assertThat(outcome.sentence).isNotEmpty();
    return outcome.status;
  }

  private static Kind kind(String text) {
    Outcome outcome = parse(text);
    assertThat(outcome.result).as("%s%s", text, outcome.sentence).isEqualTo(Result.COMPLETE);
    return outcome.kind;
  }

  private static String request(String line, List<String> fields) {
    StringBuilder text = new StringBuilder(line).append("\r\n");
    fields.forEach(field -> text.append(field).append("\r\n"));
    return text.append("\r\n").toString();
  }

  private static String upgrade(List<String> fields) {
    return request("GET /chat HTTP/1.1", fields);
  }

  private static String plain(String... fields) {
    return request("GET /health HTTP/1.1", List.of(fields));
  }

  private static List<String> without(String name) {
    return FIELDS.stream().filter(field -> !field.startsWith(name + ":")).toList();
  }

  private static List<String> with(String name, String value) {
    List<String> fields = new ArrayList<>(without(name));
    fields.add(name + ": " + value);
    return fields;
  }

  private static List<String> twice(List<String> fields, String name, String value) {
    List<String> more = new ArrayList<>(fields);
    more.add(name + ": " + value);
    return more;
  }

  private static String withLine(String line) {
    return request(line, FIELDS);
  }

  // ---- The whole.

  @ParameterizedTest
  @ValueSource(strings = {"", "\u0081\u0085\u0000\n\n", "GET / HTTP/9.9\n\n"})
  void rfc6455_1_3_theExampleAndWhatFollowsIsNotLookedAt(String behind) {
    String head = upgrade(with("Origin", "http://example.com"));
    byte[] request = latin1(head + behind);
    HandshakeParser parser = new HandshakeParser(DEFAULTS, Relaxed.NONE);
    assertThat(parser.parse(request, request.length)).isEqualTo(Result.COMPLETE);
    assertThat(parser.kind()).isEqualTo(Kind.UPGRADE);
    assertThat(parser.headLength()).isEqualTo(head.length());
    assertThat(parser.key(request)).isEqualTo(KEY);
    assertThat(parse(head + behind).headLength).isEqualTo(head.length());
  }

  @Test
  void everyBeginningIsIncomplete() {
    byte[] request = latin1(upgrade(FIELDS));
    for (int end = 0; end < request.length; end++) {
      assertThat(feed(request, DEFAULTS, IntStream.of(end)).result).isEqualTo(Result.INCOMPLETE);
    }
  }

  @Test
  void rfc9110_9_3_plainGetAndHead() {
    assertThat(kind("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).isEqualTo(Kind.GET);
    assertThat(kind("HEAD /x?y=z HTTP/1.1\r\nHost: a\r\n\r\n")).isEqualTo(Kind.HEAD);
    assertThat(kind(plain("Host: a", "Content-Length: 0"))).isEqualTo(Kind.GET);
    assertThat(kind(plain("Host: a", "Connection: keep-alive, Upgrade", "Upgrade: h2c")))
        .isEqualTo(Kind.GET);
    assertThat(kind(plain("Host: a", "Sec-WebSocket-Protocol: chat"))).isEqualTo(Kind.GET);
  }

  // ---- The request line.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "get", "Get", "GETT"
      })
  void rfc9110_9_1_anotherMethodIs405(String method) {
    assertThat(status(withLine(method + " / HTTP/1.1"))).isEqualTo(405);
  }

  @Test
  void theMethodIsJudgedBeforeTheTarget() {
    assertThat(status(request("OPTIONS * HTTP/1.1", List.of("Host: a")))).isEqualTo(405);
    assertThat(status(request("CONNECT a:443 HTTP/1.1", List.of("Host: a")))).isEqualTo(405);
    assertThat(status(withLine("HEAD / HTTP/1.1"))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(strings = {"HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/9.9"})
  void rfc9112_2_3_anotherVersionIs505(String version) {
    assertThat(status(withLine("GET / " + version))).isEqualTo(505);
  }

  @Test
  void theHttp2PrefaceIs505() {
    assertThat(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).isEqualTo(505);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / http/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/11",
        "GET / HTTP/1.10",
        "GET / HTTP/a.1",
        "GET / HTTPS/1.1",
        "GET / FTP/1.1",
        "GET / HTTP/",
        "GET / HTTP/1,1",
        "GET / ",
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 x",
        "GET\t/\tHTTP/1.1",
        "GET / x HTTP/1.1",
        "G@T / HTTP/1.1",
        "G:T / HTTP/1.1",
        "GET HTTP/1.1",
        "x"
      })
  void rfc9112_3_malformedRequestLine(String line) {
    assertThat(status(withLine(line))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\u0016\u0003\u0001\u0002\u0000",
        "\r\nGET / HTTP/1.1\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "\n",
        "\u0000",
        "\u00c3\u00a9",
        "\u0081\u0080"
      })
  void whatCannotBeAMethodIsRefusedWithItsFirstByte(String text) {
    assertThat(status(text)).isEqualTo(400);
    assertThat(feed(latin1(text), DEFAULTS, IntStream.of(1)).result).isEqualTo(Result.REFUSED);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://a/",
        "HTTP://a:80/b?c",
        "https://a",
        "ws://[::1]:1/x",
        "wss://a?b",
        "/",
        "//",
        "/a/../b",
        "/?",
        "/?a=b&c=%20",
        "/%00",
        "/a|b^c`{d}\"<>[]\\",
        "/!$&'()*+,;=:@-._~"
      })
  void rfc9112_3_2_goodTarget(String target) {
    assertThat(kind(withLine("GET " + target + " HTTP/1.1"))).isEqualTo(Kind.UPGRADE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "*",
        "chat",
        "?x",
        "a:443",
        "\\x",
        "http://",
        "http:///a",
        "http:/a",
        "ftp://a/",
        "http://a b/",
        "http://a:x/",
        "http://u@h/",
        "http://a/#f",
        "httpx://a/"
      })
  void rfc9112_3_2_badTarget(String target) {
    assertThat(status(withLine("GET " + target + " HTTP/1.1"))).isEqualTo(400);
  }

  // ---- Bytes.

  private static void expect(String text, boolean allowed, int b) {
    Outcome outcome = parse(text);
    assertThat(outcome.result)
        .as("byte=%d", b)
        .isEqualTo(allowed ? Result.COMPLETE : Result.REFUSED);
    assertThat(outcome.status).isEqualTo(allowed ? 0 : 400);
  }

  @Test
  void noByteInTheTargetButVisibleAsciiWithoutHash() {
    for (int b = 0; b < 256; b++) {
      expect(
          request("GET /a" + (char) b + "b HTTP/1.1", List.of("Host: a")),
          b > 0x20 && b < 0x7F && b != '#',
          b);
    }
  }

  @Test
  void rfc9110_5_6_2_aFieldNameIsAToken() {
    for (int b = 0; b < 256; b++) {
      boolean token = b > 0x20 && b < 0x7F && "\"(),/:;<=>?@[\\]{}".indexOf(b) < 0;
      // "X:Y: v" is a field X with the value "Y: v".
      expect("GET / HTTP/1.1\r\nHost: a\r\nX" + (char) b + "Y: v\r\n\r\n", token || b == ':', b);
    }
  }

  @Test
  void rfc9110_5_5_aValueHasNoControlCharacterButTheTab() {
    for (int b = 0; b < 256; b++) {
      boolean allowed = b == '\t' || b >= 0x20 && b != 0x7F;
      expect(plain("Host: a", "X: a" + (char) b + "b"), allowed, b);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"Host : a", "Host\t: a", ": a", "no colon", "\u00c3\u00a9: a", ":"})
  void nothingStandsBeforeTheColon(String field) {
    assertThat(status("GET / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n")).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n \r\n\r\n"
      })
  void rfc9112_5_2_aFoldedFieldIsRefused(String text) {
    assertThat(parse(text).sentence).contains("folded");
    assertThat(status(text)).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
        "GET / HTTP/1.1\n\n"
      })
  void rfc9112_2_2_everyLineEndsWithCrLf(String text) {
    assertThat(status(text)).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "y\r\nHost: evil",
        "y\r\nTransfer-Encoding: chunked",
        "y\nHost: evil",
        "y\rHost: evil"
      })
  void aLineBreakInAValueMakesAFieldThatIsJudged(String value) {
    assertThat(status(upgrade(twice(FIELDS, "X", value)))).isEqualTo(400);
  }

  @Test
  void anEmptyLineInAValueEndsTheHead() {
    String early = upgrade(with("X", "y\r\n\r\nHost: evil"));
    assertThat(parse(early).headLength).isEqualTo(early.indexOf("\r\n\r\n") + 4);
    assertThat(status(upgrade(with("Host", "a\r\n b")))).isEqualTo(400);
  }

  // ---- Host and Origin.

  @ParameterizedTest
  @ValueSource(strings = {"a", " a", "\ta", "  \t a \t ", "a\t"})
  void blanksAroundAValueDoNotCount(String host) {
    assertThat(kind("GET / HTTP/1.1\r\nHost:" + host + "\r\n\r\n")).isEqualTo(Kind.GET);
  }

  @Test
  void rfc9112_3_2_hostExactlyOnce() {
    assertThat(status(upgrade(without("Host")))).isEqualTo(400);
    assertThat(status("GET / HTTP/1.1\r\n\r\n")).isEqualTo(400);
    assertThat(status(upgrade(twice(FIELDS, "Host", "server.example.com")))).isEqualTo(400);
    assertThat(status(upgrade(twice(FIELDS, "hOST", "other")))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a",
        "a.b",
        "127.0.0.1",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:8080",
        "a:",
        "a:0",
        "a:65535",
        "A-b_c~",
        "%41",
        "[v1.x:y]"
      })
  void rfc9110_7_2_goodHost(String host) {
    assertThat(kind(upgrade(with("Host", host)))).isEqualTo(Kind.UPGRADE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "a b",
        "a/b",
        "user@a",
        "a:b",
        "a:65536",
        "a:99999999999",
        "a:+1",
        "a:1:2",
        "[::1",
        "::1]",
        "[]",
        "[::1]x",
        "[::1]80",
        ":80",
        "a#b",
        "a?b",
        "\u00c3\u00a9",
        "%4",
        "%zz",
        "a,b:x",
        "a\tb"
      })
  void rfc9110_7_2_badHost(String host) {
    assertThat(status(upgrade(with("Host", host)))).isEqualTo(400);
  }

  @Test
  void rfc6454_7_3_originAtMostOnce() {
    assertThat(kind(upgrade(with("Origin", "null")))).isEqualTo(Kind.UPGRADE);
    assertThat(kind(upgrade(with("Origin", "")))).isEqualTo(Kind.UPGRADE);
    assertThat(status(upgrade(twice(with("Origin", "http://a"), "origin", "http://a"))))
        .isEqualTo(400);
  }

  // ---- Bodies.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1",
        "5",
        "00000000000000000001",
        "18446744073709551616",
        "-1",
        "+0",
        "+5",
        "0, 0",
        "0x0",
        "",
        "0 0",
        "a",
        "-0",
        "0.0"
      })
  void smuggling_noBodyBeforeTheFrames(String length) {
    assertThat(status(upgrade(with("Content-Length", length)))).isEqualTo(400);
    assertThat(status(plain("Host: a", "Content-Length: " + length))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(strings = {"chunked", "identity", "", "xchunked", "gzip, chunked"})
  void smuggling_noTransferEncoding(String encoding) {
    assertThat(status(upgrade(with("Transfer-Encoding", encoding)))).isEqualTo(400);
    assertThat(status(plain("Host: a", "transfer-encoding: " + encoding))).isEqualTo(400);
    assertThat(
            status(
                request("HEAD / HTTP/1.1", List.of("Host: a", "TRANSFER-ENCODING: " + encoding))))
        .isEqualTo(400);
  }

  @Test
  void smuggling_aLengthOfZeroIsNoBody() {
    assertThat(kind(upgrade(with("Content-Length", "0")))).isEqualTo(Kind.UPGRADE);
    assertThat(kind(upgrade(with("Content-Length", "000")))).isEqualTo(Kind.UPGRADE);
    assertThat(status(upgrade(twice(with("Content-Length", "0"), "content-length", "0"))))
        .isEqualTo(400);
  }

  // ---- The upgrade.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "websocket",
        "WebSocket",
        "WEBSOCKET",
        "h2c, websocket",
        "websocket,h2c",
        " websocket\t",
        ",websocket,",
        "a , \twebsocket"
      })
  void rfc6455_4_2_1_upgradeNamesWebsocket(String value) {
    assertThat(kind(upgrade(with("Upgrade", value)))).isEqualTo(Kind.UPGRADE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "websockets",
        "web socket",
        "xwebsocket",
        "websocket/13",
        "h2c",
        "websocket;q=1",
        "\"websocket\""
      })
  void rfc6455_4_2_1_upgradeDoesNotNameWebsocket(String value) {
    assertThat(status(upgrade(with("Upgrade", value)))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"Upgrade", "upgrade", "keep-alive, Upgrade", "UPGRADE,close", "a,,\tupgrade "})
  void rfc6455_4_2_1_connectionNamesUpgrade(String value) {
    assertThat(kind(upgrade(with("Connection", value)))).isEqualTo(Kind.UPGRADE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "keep-alive", "upgraded", "up grade", "upgrade;x", "xupgrade"})
  void rfc6455_4_2_1_connectionDoesNotNameUpgrade(String value) {
    assertThat(status(upgrade(with("Connection", value)))).isEqualTo(400);
  }

  @Test
  void rfc9110_5_3_listsMayComeInSeveralFields() {
    assertThat(kind(upgrade(twice(with("Upgrade", "h2c"), "upgrade", "websocket"))))
        .isEqualTo(Kind.UPGRADE);
    assertThat(kind(upgrade(twice(with("Connection", "keep-alive"), "connection", "Upgrade"))))
        .isEqualTo(Kind.UPGRADE);
    assertThat(status(upgrade(without("Upgrade")))).isEqualTo(400);
    assertThat(status(upgrade(without("Connection")))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"12", "14", "8", "0", "", "013", "13, 8", "13,13", "abc", "1 3", "+13", "13.0"})
  void rfc6455_4_4_anotherVersionIs426(String version) {
    assertThat(status(upgrade(with("Sec-WebSocket-Version", version)))).isEqualTo(426);
  }

  /** Byte by byte: taken where the rule is relaxed, and refused where all the others are. */
  private static void expectOnlyRelaxedBy(int rule, String text) {
    byte[] request = latin1(text);
    IntStream.of(rule, ~rule)
        .forEach(
            relaxed -> {
              Outcome outcome =
                  feed(request, DEFAULTS, relaxed, IntStream.rangeClosed(0, request.length));
              assertThat(outcome.result)
                  .as("%s relaxed=%x", text, relaxed)
                  .isEqualTo(relaxed == rule ? Result.COMPLETE : Result.REFUSED);
              assertThat(outcome.kind).isEqualTo(relaxed == rule ? Kind.UPGRADE : Kind.GET);
            });
  }

  @Test
  void someRulesCanBeRelaxedEachAlone() {
    expectOnlyRelaxedBy(Relaxed.HOST_HEADER, upgrade(without("Host")));
    expectOnlyRelaxedBy(Relaxed.CONNECTION_HEADER, upgrade(without("Connection")));
    expectOnlyRelaxedBy(Relaxed.CONNECTION_HEADER, upgrade(with("Connection", "close")));
    expectOnlyRelaxedBy(Relaxed.VERSION, upgrade(without("Sec-WebSocket-Version")));
    expectOnlyRelaxedBy(Relaxed.VERSION, upgrade(with("Sec-WebSocket-Version", "8")));
  }

  @Test
  void theOthersCannot() {
    for (String text :
        List.of(
            request("GET / HTTP/1.1", List.of("Accept: */*")),
            upgrade(with("Host", "a b")),
            upgrade(twice(FIELDS, "Host", "other")),
            upgrade(without("Upgrade")),
            upgrade(without("Sec-WebSocket-Key")),
            upgrade(with("Content-Length", "1")))) {
      byte[] request = latin1(text);
      assertThat(feed(request, DEFAULTS, -1, IntStream.of(request.length)).result)
          .as(text)
          .isEqualTo(Result.REFUSED);
    }
  }

  @Test
  void rfc6455_4_4_theVersionIsJudgedBeforeTheKey() {
    assertThat(status(upgrade(without("Sec-WebSocket-Version")))).isEqualTo(426);
    List<String> neither =
        with("Sec-WebSocket-Version", "14").stream()
            .filter(field -> !field.startsWith("Sec-WebSocket-Key"))
            .toList();
    assertThat(status(upgrade(neither))).isEqualTo(426);
    assertThat(status(upgrade(twice(FIELDS, "sec-websocket-version", "13")))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "x",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZR==",
        "dGhlIHNhbXBsZSBub25jZQ=A",
        "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25jZQA=",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZQ==AAAA",
        "dGhlIHNhbXBsZSBub25_ZQ==",
        "====",
        "========================",
        "++++++++++++++++++++ +A=="
      })
  void rfc6455_4_2_1_badKey(String key) {
    assertThat(status(upgrade(with("Sec-WebSocket-Key", key)))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(strings = {"AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w=="})
  void rfc6455_4_2_1_goodKey(String key) {
    assertThat(kind(upgrade(with("Sec-WebSocket-Key", key)))).isEqualTo(Kind.UPGRADE);
  }

  @Test
  void onlyFourOf64LastCharactersLeaveTheUnusedBitsZero() {
    String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (char last : alphabet.toCharArray()) {
      String key = "dGhlIHNhbXBsZSBub25jZ" + last + "==";
      boolean canonical = "AQgw".indexOf(last) >= 0;
      assertThat(parse(upgrade(with("Sec-WebSocket-Key", key))).result)
          .as(key)
          .isEqualTo(canonical ? Result.COMPLETE : Result.REFUSED);
    }
  }

  @Test
  void theKeyExactlyOnce() {
    assertThat(status(upgrade(without("Sec-WebSocket-Key")))).isEqualTo(400);
    assertThat(status(upgrade(twice(FIELDS, "sec-websocket-key", KEY)))).isEqualTo(400);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"Upgrade: websocket", "Sec-WebSocket-Key: " + KEY, "Sec-WebSocket-Version: 13"})
  void oneWebSocketFieldIsAnAttempt(String field) {
    assertThat(status(plain("Host: a", field))).isEqualTo(400);
  }

  @Test
  void fieldNamesKnowNoCase() {
    String text =
        "GET / HTTP/1.1\r\nhOsT: a\r\nUPGRADE: websocket\r\nconnection: upgrade\r\n"
            + "SEC-WEBSOCKET-KEY: "
            + KEY
            + "\r\nsec-websocket-version: 13\r\n\r\n";
    assertThat(kind(text)).isEqualTo(Kind.UPGRADE);
  }

  // ---- Limits.

  private static void expect(Outcome outcome, boolean within, int status) {
    assertThat(outcome.result).isEqualTo(within ? Result.COMPLETE : Result.REFUSED);
    assertThat(outcome.status).isEqualTo(within ? 0 : status);
  }

  @Test
  void rfc9110_15_5_15_aRequestLineAroundItsLimit() {
    HandshakeLimits limits = new HandshakeLimits(60, 1000, 10);
    for (int length = 55; length <= 70; length++) {
      String line = "GET /" + "a".repeat(length - "GET / HTTP/1.1".length()) + " HTTP/1.1";
      expect(parse(request(line, List.of("Host: a")), limits), length <= 60, 414);
    }
  }

  @Test
  void rfc6585_5_aHeadAroundItsLimit() {
    HandshakeLimits limits = new HandshakeLimits(50, 100, 10);
    int around = request("GET / HTTP/1.1", List.of("Host: a", "X: ")).length();
    for (int length = 80; length <= 120; length++) {
      String head =
          request("GET / HTTP/1.1", List.of("Host: a", "X: " + "x".repeat(length - around)));
      expect(parse(head, limits), length <= 100, 431);
      expect(parse(head + "frames behind the head do not count", limits), length <= 100, 431);
    }
  }

  @Test
  void rfc6585_5_aCountOfFieldsAroundItsLimit() {
    HandshakeLimits limits = new HandshakeLimits(50, 1000, 10);
    List<String> fields = new ArrayList<>(List.of("Host: a"));
    for (int count = 1; count <= 12; count++) {
      expect(parse(request("GET / HTTP/1.1", fields), limits), count <= 10, 431);
      fields.add("X: y");
    }
  }

  @Test
  void aLineThatDoesNotEndIsRefusedAtTheLimit() {
    HandshakeLimits limits = new HandshakeLimits(60, 200, 10);
    assertRefusedAt("G".repeat(500), limits, 62, 414);
    assertRefusedAt("GET / HTTP/1.1\r\nX: " + "y".repeat(500), limits, 200, 431);
  }

  private static void assertRefusedAt(
      String text, HandshakeLimits limits, int certain, int status) {
    HandshakeParser parser = new HandshakeParser(limits, Relaxed.NONE);
    byte[] request = latin1(text);
    int end = 1;
    while (parser.parse(request, end) == Result.INCOMPLETE) {
      end++;
    }
    assertThat(end).isEqualTo(certain);
    assertThat(parse(text, limits).status).isEqualTo(status);
  }

  @Test
  void theVerdictDoesNotDependOnTheCutWhereLimitsAndFaultsAreClose() {
    for (int line = 10; line <= 40; line++) {
      for (int head = 10; head <= 50; head++) {
        HandshakeLimits limits = new HandshakeLimits(line, head, 2);
        parse("GET /abcdefgh HTTP/1.1\r\nHost: a\r\n\r\n", limits);
        parse("GET /abcdefgh HTTP/1.1\nHost: a\r\n\r\n", limits);
        parse("GET /abcdefgh HTTP/1.0\r\nHost: a\r\n\r\n", limits);
        parse("GET / HTTP/1.1\r\nHost: a\r\n bad\r\n\r\n", limits);
      }
    }
  }

  /**
   * Replaces what the parser has no business to look at by line feeds: one that looks at it again
   * finds the end of a line there, and refuses.
   */
  @Test
  void eachByteIsLookedAtTwiceAtMost() {
    List<String> fields = new ArrayList<>(FIELDS);
    fields.add("X: " + "x".repeat(6000));
    IntStream.range(0, 80).forEach(i -> fields.add("Y" + i + ": " + "y".repeat(100)));
    byte[] request = latin1(upgrade(fields));
    int key = upgrade(fields).indexOf(KEY);
    HandshakeParser parser = new HandshakeParser(DEFAULTS, Relaxed.NONE);
    Result result = Result.INCOMPLETE;
    int lineStart = 0;
    for (int end = 1; end <= request.length && result == Result.INCOMPLETE; end++) {
      boolean lineComplete = request[end - 1] == '\n';
      int visible = lineComplete ? lineStart : end - 1;
      byte[] view = new byte[end];
      Arrays.fill(view, (byte) '\n');
      System.arraycopy(request, visible, view, visible, end - visible);
      if (end == request.length) {
        // The key alone is judged with the whole head.
        System.arraycopy(request, key, view, key, KEY.length());
      }
      result = parser.parse(view, end);
      lineStart = lineComplete ? end : lineStart;
    }
    assertThat(result).isEqualTo(Result.COMPLETE);
    assertThat(parser.kind()).isEqualTo(Kind.UPGRADE);
    assertThat(parser.headLength()).isEqualTo(request.length);
  }
}
