// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.internal.protocol.ResponseParser.Result;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tables of {@code native/tests/protocol}: both engines take and refuse the same responses. */
class ResponseParserTest {
  private static final HandshakeLimits DEFAULTS = new HandshakeLimits(8192, 16_384, 100);
  private static final String HEAD = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n";

  /** What may not depend on how the response was cut. */
  private record Outcome(Result result, int status, int headStart, int headEnd) {}

  private static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Gives the prefixes that end there, each as an array of exactly that length. */
  private static Outcome feed(byte[] response, HandshakeLimits limits, IntStream ends) {
    ResponseParser parser = new ResponseParser(limits);
    Result result = Result.INCOMPLETE;
    for (int end : ends.toArray()) {
      result = parser.parse(Arrays.copyOf(response, end), end);
      if (result != Result.INCOMPLETE) {
        break;
      }
    }
    return result == Result.COMPLETE
        ? new Outcome(result, parser.status(), parser.headStart(), parser.headEnd())
        : new Outcome(result, 0, 0, 0);
  }

  /** Parses whole, byte by byte and cut in two at every place; all must agree. */
  private static Outcome parse(String text, HandshakeLimits limits) {
    byte[] response = latin1(text);
    Outcome whole = feed(response, limits, IntStream.of(response.length));
    assertThat(feed(response, limits, IntStream.rangeClosed(0, response.length))).isEqualTo(whole);
    for (int cut = 0; cut < response.length; cut++) {
      assertThat(feed(response, limits, IntStream.of(cut, response.length)))
          .as("cut=%d of %s", cut, text)
          .isEqualTo(whole);
    }
    return whole;
  }

  /** The first byte that makes it malformed, 0 if none does. */
  private static int malformedAt(String text, HandshakeLimits limits) {
    byte[] response = latin1(text);
    ResponseParser parser = new ResponseParser(limits);
    for (int length = 1; length <= response.length; length++) {
      if (parser.parse(response, length) == Result.MALFORMED) {
        return length;
      }
    }
    return 0;
  }

  private static void assertStatus(String head, int status) {
    assertThat(parse(head + "\u0081\u0005trail", DEFAULTS))
        .as(head)
        .isEqualTo(new Outcome(Result.COMPLETE, status, 0, head.length()));
  }

  private static void assertMalformed(String text) {
    assertThat(parse(text, DEFAULTS).result).as(text).isEqualTo(Result.MALFORMED);
  }

  @Test
  void rfc9112_4_statusLines() {
    assertStatus("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101);
    assertStatus("HTTP/1.1 101 \r\n\r\n", 101);
    assertStatus("HTTP/1.1 101\r\n\r\n", 101);
    assertStatus("HTTP/1.0 200 Connection established\r\n\r\n", 200);
    assertStatus("HTTP/1.9 999 a\tb \u00e9\r\n\r\n", 999);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "HTTP/1.1  101 x",
        "HTTP/1.1 101x",
        "HTTP/1.1 1010",
        "HTTP/1.1 10",
        "HTTP/1.1 099 x",
        "HTTP/1.1 1a1 x",
        "HTTP/2.0 101 x",
        "http/1.1 101 x",
        "HTTP/1.x 101 x",
        "HTTP/1.1\t101 x",
        "HTTP/1.1 101\tx",
        "HTTP/1.10 101 x",
        "HTTP/1.1 101 a\u0001",
        "HTTP/1.1 101 a\u007f",
        "HTTP/1.1 101 a\u0000",
        "HTTP/1.1",
        "",
        "GET / HTTP/1.1"
      })
  void rfc9112_4_otherLinesAreMalformed(String line) {
    assertMalformed(line + "\r\n\r\n");
  }

  @Test
  void anotherProtocolIsKnownByItsFirstWrongByte() {
    assertThat(malformedAt("\u0015\u0003\u0001", DEFAULTS)).isEqualTo(1);
    assertThat(malformedAt("HTTP/2 200", DEFAULTS)).isEqualTo(6);
    assertThat(malformedAt("SSH-2.0-OpenSSH_9.2", DEFAULTS)).isEqualTo(1);
  }

  @Test
  void rfc9112_5_fields() {
    assertStatus("HTTP/1.1 302 Found\r\nLocation:/x\r\nA:\r\nB: \t c d \u00ff\t\r\n\r\n", 302);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "no colon",
        ": no name",
        "a b: c",
        "a : b",
        " folded: x",
        "\tfolded: x",
        "a: b\u0001",
        "a: b\rc",
        "a: b\u007f",
        "\u00e9: b",
        "a\nb: c",
        "a: b\u0000"
      })
  void rfc9112_5_otherFieldsAreMalformed(String field) {
    assertMalformed("HTTP/1.1 101 x\r\nA: b\r\n" + field + "\r\n\r\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "HTTP/1.1 101 x\r\nA: b\n\r\n\r\n",
        "HTTP/1.1 101 x\nA: b\r\n\r\n",
        "HTTP/1.1 101 x\r\n\n",
        "HTTP/1.1 101 x\r\nA: b\r\n\n",
      })
  void rfc9112_2_2_aBareLineFeedIsMalformed(String response) {
    assertMalformed(response);
  }

  @Test
  void rfc9110_15_2_interimResponsesAreSkipped() {
    String interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    assertThat(parse(interim + HEAD + "behind", DEFAULTS))
        .isEqualTo(
            new Outcome(Result.COMPLETE, 101, interim.length(), interim.length() + HEAD.length()));
    assertThat(parse(interim, DEFAULTS).result).isEqualTo(Result.INCOMPLETE);
    assertMalformed(interim + "GARBAGE");
    assertMalformed(interim + "\r\n");
  }

  @Test
  void theLimitsHoldForAllHeadsTogether() {
    HandshakeLimits exact = new HandshakeLimits(8192, HEAD.length(), 100);
    assertThat(parse(HEAD + "behind", exact).result).isEqualTo(Result.COMPLETE);
    HandshakeLimits less = new HandshakeLimits(8192, HEAD.length() - 1, 100);
    assertThat(parse(HEAD, less).result).isEqualTo(Result.MALFORMED);
    assertThat(malformedAt(HEAD, less)).isEqualTo(HEAD.length() - 1);
    assertThat(parse("HTTP/1.1 102 \r\n\r\n".repeat(4), less).result).isEqualTo(Result.MALFORMED);

    HandshakeLimits two = new HandshakeLimits(8192, 16_384, 2);
    String one = "HTTP/1.1 100 x\r\nA: b\r\n\r\n";
    String last = "HTTP/1.1 101 x\r\nA: b\r\n\r\n";
    assertThat(parse(one + last, two).result).isEqualTo(Result.COMPLETE);
    assertThat(parse(one + one + last, two).result).isEqualTo(Result.MALFORMED);
  }

  @Test
  void everyBeginningIsIncomplete() {
    byte[] response = latin1(HEAD);
    for (int end = 0; end < response.length; end++) {
      assertThat(feed(response, DEFAULTS, IntStream.of(end)).result).isEqualTo(Result.INCOMPLETE);
    }
  }
}
