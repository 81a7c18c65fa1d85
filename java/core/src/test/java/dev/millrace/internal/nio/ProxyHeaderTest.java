// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The same cases as native/tests/protocol/proxy_header_test.cpp: both engines take the same. */
class ProxyHeaderTest {

  private static final String SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";

  /** 192.0.2.1:4711 to 198.51.100.1:443. */
  private static final String V4 =
      "\u00C0\u0000\u0002\u0001\u00C6\u0033\u0064\u0001\u0012\u0067\u0001\u00BB";

  private static final String V6_NET = "\u0020\u0001\r\u00B8" + "\0".repeat(11);
  private static final String V6 = V6_NET + "\u0001" + V6_NET + "\u0002\u0012\u0067\u0001\u00BB";

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String second(int command, int family, String rest) {
    return SIGNATURE
        + (char) command
        + (char) family
        + (char) (rest.length() >> 8)
        + (char) (rest.length() & 0xFF)
        + rest;
  }

  /** What the header says, in words; with every prefix of it incomplete, or the same. */
  private static String said(String header) {
    byte[] all = bytes(header);
    String first = null;
    for (int end = 0; end <= all.length; end++) {
      String now = words(ProxyHeader.parse(Arrays.copyOf(all, end), end));
      assertThat(ProxyHeader.parse(all, end)).extracting(ProxyHeaderTest::words).isEqualTo(now);
      if (first == null) {
        first = now.equals("incomplete") ? null : now;
      } else {
        assertThat(now).as("at " + end).isEqualTo(first);
      }
    }
    return first == null ? "incomplete" : first;
  }

  private static String words(ProxyHeader header) {
    return switch (header.verdict()) {
      case INCOMPLETE -> "incomplete";
      case ABSENT -> "absent";
      case MALFORMED -> "malformed";
      case COMPLETE ->
          header.length()
              + ": "
              + switch (header.family()) {
                case NONE -> "none";
                case LOCAL -> "local";
                case IPV4, IPV6 -> ip(header.ip()) + " " + header.port();
              };
    };
  }

  private static String ip(byte[] ip) {
    if (ip.length == 4) {
      return (ip[0] & 0xFF) + "." + (ip[1] & 0xFF) + "." + (ip[2] & 0xFF) + "." + (ip[3] & 0xFF);
    }
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < ip.length; i += 2) {
      text.append(i == 0 ? "" : ":")
          .append(Integer.toHexString((ip[i] & 0xFF) << 8 | ip[i + 1] & 0xFF));
    }
    return text.toString();
  }

  @Test
  void version1HasAddressesOfBothFamilies() {
    assertThat(said("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n"))
        .isEqualTo("44: 192.0.2.1 4711");
    assertThat(said("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\nGET / HTTP/1.1\r\n"))
        .isEqualTo("44: 192.0.2.1 4711");
    assertThat(said("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"))
        .isEqualTo("44: 255.255.255.255 65535");
    assertThat(said("PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n"))
        .isEqualTo("45: 2001:db8:0:0:0:0:0:1 4711");
    String most = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    assertThat(said("PROXY TCP6 " + most + " " + most + " 65535 65535\r\n"))
        .isEqualTo("104: " + most + " 65535");
  }

  @Test
  void version1MayKnowNothing() {
    assertThat(said("PROXY UNKNOWN\r\n")).isEqualTo("15: none");
    assertThat(said("PROXY UNKNOWN 1 2 3 whatever\r\n")).isEqualTo("30: none");
    int room = ProxyHeader.MAX_LINE - "PROXY UNKNOWN \r\n".length();
    assertThat(said("PROXY UNKNOWN " + "x".repeat(room) + "\r\n")).isEqualTo("107: none");
    assertThat(said("PROXY UNKNOWN " + "x".repeat(room + 1) + "\r\n")).isEqualTo("malformed");
    assertThat(said("PROXY UNKNOWN " + "x".repeat(200))).isEqualTo("malformed");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "::",
        "::1",
        "1::",
        "1::8",
        "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "1:2:3:4:5:6:7:8",
        "ABCD:ef01::0001",
        "64:ff9b::192.0.2.1",
        "1:2:3:4:5:6:192.0.2.1"
      })
  void everyFormOfAnIpv6Address(String form) throws UnknownHostException {
    String line = "PROXY TCP6 " + form + " ::1 1 2\r\n";
    assertThat(said(line))
        .isEqualTo(line.length() + ": " + ip(InetAddress.getByName(form).getAddress()) + " 1");
  }

  @Test
  void ipv4MayBeWrittenAsIpv6() {
    assertThat(said("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"))
        .isEqualTo("37: 0:0:0:0:0:ffff:c000:201 1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
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
        "1::2:"
      })
  void noIpv6Address(String text) {
    assertThat(said("PROXY TCP6 " + text + " ::1 1 2\r\n")).isEqualTo("malformed");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
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
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\0\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY UNKNOWN\n",
        "PROXY \n"
      })
  void everythingThatCanBeWrongWithVersion1(String line) {
    assertThat(said(line)).isEqualTo("malformed");
  }

  @Test
  void version2HasAddressesOfEveryFamilyAndWhatIsAddedIsSkipped() {
    assertThat(said(second(0x21, 0x11, V4))).isEqualTo("28: 192.0.2.1 4711");
    assertThat(said(second(0x21, 0x12, V4))).isEqualTo("28: 192.0.2.1 4711");
    assertThat(said(second(0x21, 0x21, V6))).isEqualTo("52: 2001:db8:0:0:0:0:0:1 4711");
    assertThat(said(second(0x21, 0x22, V6))).isEqualTo("52: 2001:db8:0:0:0:0:0:1 4711");
    assertThat(said(second(0x21, 0x31, "u".repeat(216)))).isEqualTo("232: local");
    assertThat(said(second(0x21, 0x32, "\0".repeat(216)))).isEqualTo("232: local");
    assertThat(said(second(0x21, 0x11, V4 + "\u0001\u0000\u0002h2") + "GET /"))
        .isEqualTo("33: 192.0.2.1 4711");
    assertThat(said(second(0x21, 0x11, V4 + "\u00FF".repeat(ProxyHeader.MAX_LENGTH - 28))))
        .isEqualTo("536: 192.0.2.1 4711");
    assertThat(said(second(0x21, 0x00, ""))).isEqualTo("16: none");
    assertThat(said(second(0x21, 0x00, "addition"))).isEqualTo("24: none");
  }

  @Test
  void localOfVersion2IsTakenWhateverItsFamilySays() {
    assertThat(said(second(0x20, 0x00, ""))).isEqualTo("16: none");
    assertThat(said(second(0x20, 0x11, V4))).isEqualTo("28: none");
    assertThat(said(second(0x20, 0xFF, "x"))).isEqualTo("17: none");
  }

  @Test
  void everythingThatCanBeWrongWithVersion2() {
    assertThat(said(second(0x11, 0x11, V4))).isEqualTo("malformed");
    assertThat(said(second(0x31, 0x11, V4))).isEqualTo("malformed");
    assertThat(said(second(0x22, 0x11, V4))).isEqualTo("malformed");
    for (int family : new int[] {1, 2, 0x10, 0x13, 0x20, 0x23, 0x30, 0x33, 0x41, 0xFF}) {
      assertThat(said(second(0x21, family, V6))).isEqualTo("malformed");
    }
    assertThat(said(second(0x21, 0x11, V4.substring(1)))).isEqualTo("malformed");
    assertThat(said(second(0x21, 0x21, V6.substring(1)))).isEqualTo("malformed");
    assertThat(said(second(0x21, 0x31, "u".repeat(215)))).isEqualTo("malformed");
    assertThat(said(second(0x21, 0x11, ""))).isEqualTo("malformed");
    String tooLong = second(0x21, 0x11, V4 + "x".repeat(ProxyHeader.MAX_LENGTH - 27));
    assertThat(said(tooLong.substring(0, 16))).isEqualTo("malformed");
    assertThat(said(SIGNATURE + "\u0021\u0011\u00FF\u00FF")).isEqualTo("malformed");
  }

  @Test
  void otherFirstBytesAreNoHeader() {
    for (String other :
        new String[] {
          "GET / HTTP/1.1\r\n",
          "POST / HTTP/1.1\r\n",
          "PROXYTCP4",
          "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
          "\r\nGET / HTTP/1.1\r\n",
          "\r\n\r\n\0\r\nQUIX\n\u0021",
          "\u0016\u0003\u0001"
        }) {
      assertThat(said(other)).isEqualTo("absent");
    }
    assertThat(said("")).isEqualTo("incomplete");
    assertThat(said("PRO")).isEqualTo("incomplete");
  }

  /** Headers with a few bytes changed: never an exception, and never more than there is. */
  @Test
  void hostileHeadersAreJudgedInTime() {
    Random random = new Random(536);
    String[] seeds = {
      "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 65535 0\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n",
      second(0x21, 0x21, V6),
      second(0x21, 0x31, "u".repeat(216))
    };
    for (int round = 0; round < 20_000; round++) {
      byte[] bytes = Arrays.copyOf(bytes(seeds[round % seeds.length]), 600);
      for (int change = random.nextInt(4); change >= 0; change--) {
        bytes[random.nextInt(60)] = (byte) random.nextInt(256);
      }
      int length = random.nextInt(bytes.length + 1);
      ProxyHeader header = ProxyHeader.parse(bytes, length);
      assertThat(header.length()).isLessThanOrEqualTo(Math.min(length, ProxyHeader.MAX_LENGTH));
      if (length >= ProxyHeader.MAX_LENGTH) {
        assertThat(header.verdict()).isNotEqualTo(ProxyHeader.Verdict.INCOMPLETE);
      }
    }
  }
}
