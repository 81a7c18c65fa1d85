// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.internal.spi.ProxiedAddress;
import dev.millrace.internal.spi.RequestHead;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whose request it is, by what proxies say and others pretend. */
class ProvenanceTest {

  private static final TrustedProxies PROXIES = TrustedProxies.of("10.0.0.0/8", "2001:db8:1::/48");
  private static final TrustedProxies FORWARDED = PROXIES.withForwarded();
  private static final TrustedProxies X_FORWARDED = PROXIES.withXForwarded();
  private static final InetSocketAddress PROXY = new InetSocketAddress("10.0.0.1", 40_000);
  private static final InetSocketAddress STRANGER = new InetSocketAddress("192.0.2.66", 40_000);

  private static Provenance from(
      TrustedProxies proxies,
      SocketAddress socket,
      @Nullable ProxiedAddress proxied,
      String... lines)
      throws Provenance.MalformedException {
    StringBuilder head = new StringBuilder("GET / HTTP/1.1\r\nHost: backend\r\n");
    for (String line : lines) {
      head.append(line).append("\r\n");
    }
    byte[] bytes = head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    return Provenance.of(
        new RequestHead(bytes, RequestHead.Kind.UPGRADE, socket, null, proxied), proxies);
  }

  private static Provenance behind(TrustedProxies proxies, String... lines)
      throws Provenance.MalformedException {
    return from(proxies, PROXY, null, lines);
  }

  private static InetSocketAddress address(String ip, int port) {
    return new InetSocketAddress(ip, port);
  }

  private static void assertUntouched(Provenance provenance, SocketAddress socket) {
    assertThat(provenance.client()).isEqualTo(socket);
    assertThat(provenance.proxy()).isNull();
    assertThat(provenance.scheme()).isNull();
    assertThat(provenance.authority()).contains("backend");
  }

  // ---- Who is believed.

  @Test
  void whatStrangersSayHasNoEffect() throws Exception {
    String[] lies = {
      "Forwarded: for=10.0.0.9;proto=https;host=evil",
      "X-Forwarded-For: 10.0.0.9",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: evil"
    };
    for (TrustedProxies proxies : new TrustedProxies[] {FORWARDED, X_FORWARDED}) {
      assertUntouched(from(proxies, STRANGER, null, lies), STRANGER);
    }
    assertUntouched(from(TrustedProxies.none(), PROXY, null, lies), PROXY);
    assertUntouched(behind(PROXIES, lies), PROXY);
  }

  @Test
  void garbageOfStrangersIsNotEvenRead() throws Exception {
    assertUntouched(from(FORWARDED, STRANGER, null, "Forwarded: for=\"unended"), STRANGER);
  }

  @Test
  void onlyTheHeaderThatTheProxyWritesCounts() throws Exception {
    assertUntouched(behind(FORWARDED, "X-Forwarded-For: 192.0.2.1"), PROXY);
    assertThat(behind(X_FORWARDED, "Forwarded: for=192.0.2.1").client()).isEqualTo(PROXY);
    assertThat(X_FORWARDED.withForwarded()).isEqualTo(FORWARDED);
    assertThat(FORWARDED.withXForwarded()).isEqualTo(X_FORWARDED);
  }

  @Test
  void unixSocketsAreTrustedByThemselves() throws Exception {
    UnixDomainSocketAddress local = UnixDomainSocketAddress.of("");
    String line = "X-Forwarded-For: 192.0.2.1";
    assertUntouched(from(X_FORWARDED, local, null, line), local);
    Provenance provenance = from(X_FORWARDED.withUnixSockets(), local, null, line);
    assertThat(provenance.client()).isEqualTo(address("192.0.2.1", 0));
    assertThat(provenance.proxy()).isEqualTo(local);
  }

  // ---- X-Forwarded-...

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "192.0.2.1 | 192.0.2.1 | 0",
        "192.0.2.1:4711 | 192.0.2.1 | 4711",
        "2001:db8::1 | 2001:db8::1 | 0",
        "[2001:db8::1] | 2001:db8::1 | 0",
        "[2001:db8::1]:4711 | 2001:db8::1 | 4711",
        "::ffff:192.0.2.1 | 192.0.2.1 | 0",
        "1.1.1.1, 192.0.2.1 | 192.0.2.1 | 0",
        "192.0.2.1, 10.9.9.9, 10.0.0.2 | 192.0.2.1 | 0",
        "1.1.1.1, 192.0.2.1, 2001:db8:1::7 | 192.0.2.1 | 0",
        "garbage, 192.0.2.1 | 192.0.2.1 | 0",
        "10.3.3.3 | 10.3.3.3 | 0",
        "192.0.2.1, , | 192.0.2.1 | 0",
      })
  void theFirstWhoIsNotTrustedIsTheClient(String header, String ip, int port) throws Exception {
    Provenance provenance = behind(X_FORWARDED, "X-Forwarded-For: " + header);
    assertThat(provenance.client()).isEqualTo(address(ip, port));
    assertThat(provenance.proxy()).isEqualTo(PROXY);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "unknown",
        "localhost",
        "example.com",
        "192.0.2.1:x",
        "192.0.2.1:70000",
        "192.0.2.01",
        "192.0.2",
        "1.2.3.4.5",
        "[192.0.2.1]",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[2001:db8::1]:",
        "2001:db8::1%eth0",
        "::1::2",
        "_hidden",
        "'; drop",
        "1.1.1.1, unknown",
        ",,,"
      })
  void aProxyThatDoesNotSayItStandsForItsClient(String header) throws Exception {
    assertUntouched(behind(X_FORWARDED, "X-Forwarded-For: " + header), PROXY);
  }

  @Test
  void linesAreOneList() throws Exception {
    Provenance provenance =
        behind(
            X_FORWARDED,
            "X-Forwarded-For: 1.1.1.1",
            "X-Forwarded-For: 192.0.2.1, 10.1.1.1",
            "X-Forwarded-For: 10.2.2.2");
    assertThat(provenance.client()).isEqualTo(address("192.0.2.1", 0));
  }

  @Test
  void schemeAndHostAreThoseOfTheClientsRequest() throws Exception {
    Provenance provenance =
        behind(
            X_FORWARDED,
            "X-Forwarded-For: 192.0.2.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: example.com");
    assertThat(provenance.scheme()).isEqualTo("https");
    assertThat(provenance.authority()).contains("example.com");

    provenance =
        behind(
            X_FORWARDED,
            "X-Forwarded-For: 1.1.1.1, 192.0.2.1, 10.0.0.2",
            "X-Forwarded-Proto: gopher, https, http",
            "X-Forwarded-Host: evil, example.com, inner");
    assertThat(provenance.scheme()).isEqualTo("https");
    assertThat(provenance.authority()).contains("example.com");

    provenance =
        behind(X_FORWARDED, "X-Forwarded-For: 192.0.2.1, 10.0.0.2", "X-Forwarded-Proto: https");
    assertThat(provenance.client()).isEqualTo(address("192.0.2.1", 0));
    assertThat(provenance.scheme()).isEqualTo("https");
    assertThat(provenance.authority()).contains("backend");

    provenance = behind(X_FORWARDED, "X-Forwarded-Proto: https");
    assertThat(provenance.client()).isEqualTo(PROXY);
    assertThat(provenance.scheme()).isEqualTo("https");
  }

  // ---- Forwarded.

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '\u0001',
      value = {
        "for=192.0.2.1 | 192.0.2.1 | 0",
        "For=192.0.2.1;by=203.0.113.43 | 192.0.2.1 | 0",
        "for=\"192.0.2.1:4711\" | 192.0.2.1 | 4711",
        "for=\"[2001:db8:cafe::17]\" | 2001:db8:cafe::17 | 0",
        "for=\"[2001:db8:cafe::17]:4711\" | 2001:db8:cafe::17 | 4711",
        "for=\"192.0.2.1:_port\" | 192.0.2.1 | 0",
        "for=\"192\\.0.2.1\" | 192.0.2.1 | 0",
        "for=1.1.1.1, for=192.0.2.1 | 192.0.2.1 | 0",
        "for=192.0.2.1 ,\t for=10.0.0.2 | 192.0.2.1 | 0",
        "for=192.0.2.1;ext=\"a, for=1.1.1.1\" | 192.0.2.1 | 0",
        ",, for=192.0.2.1;;proto=https; , | 192.0.2.1 | 0",
        "for=_hidden, for=192.0.2.1, for=10.0.0.2 | 192.0.2.1 | 0",
      })
  void forwardedIsReadAsRfc7239Says(String header, String ip, int port) throws Exception {
    Provenance provenance = behind(FORWARDED, "Forwarded: " + header);
    assertThat(provenance.client()).isEqualTo(address(ip, port));
    assertThat(provenance.proxy()).isEqualTo(PROXY);
  }

  @Test
  void schemeAndHostAreThoseOfTheClientsElement() throws Exception {
    Provenance provenance =
        behind(
            FORWARDED,
            "Forwarded: for=1.1.1.1;proto=gopher;host=evil,"
                + " for=192.0.2.1;proto=https;host=\"example.com:8443\"",
            "Forwarded: for=10.0.0.2;proto=http;host=inner");
    assertThat(provenance.client()).isEqualTo(address("192.0.2.1", 0));
    assertThat(provenance.scheme()).isEqualTo("https");
    assertThat(provenance.authority()).contains("example.com:8443");

    // What an inner hop says is not true of the client's request.
    provenance = behind(FORWARDED, "Forwarded: for=192.0.2.1, for=10.0.0.2;proto=http;host=inner");
    assertThat(provenance.scheme()).isNull();
    assertThat(provenance.authority()).contains("backend");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"for=unknown", "for=_SEVKISEK", "for=\"\"", "for=\"_a:_b\"", "proto=http"})
  void aHiddenClientIsItsProxy(String element) throws Exception {
    assertThat(behind(FORWARDED, "Forwarded: " + element).client()).isEqualTo(PROXY);
    assertThat(behind(FORWARDED, "Forwarded: " + element + ", for=10.0.0.2").client())
        .isEqualTo(address("10.0.0.2", 0));
  }

  /** The first three: a client's own part must not swallow what its proxy adds. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "for=\"1.1.1.1, for=192.0.2.1",
        "for=\"1.1.1.1, for=\"192.0.2.1:80\"",
        "x=\"\\, for=\"[2001:db8::1]\";by=\"_x\"",
        "for",
        "for=",
        "for=a b",
        "=1",
        "for=192.0.2.1:80",
        "for=[2001:db8::1]",
        "for=1.1.1.1;for=192.0.2.1",
        "proto=http;proto=https",
        "host=a;host=b",
        "for=1.1.1.1 proto=http",
        "for=\"1.1.1.1\"x",
        "for=\"x\\",
        "{}"
      })
  void aForwardedThatIsNotWellFormedIsRefused(String line) {
    assertThatThrownBy(() -> behind(FORWARDED, "Forwarded: " + line))
        .isInstanceOf(Provenance.MalformedException.class)
        .hasMessage("malformed Forwarded header");
  }

  @Test
  void aLineThatNobodyComesToIsNotRead() throws Exception {
    assertThat(behind(FORWARDED, "Forwarded: for=\"", "Forwarded: for=192.0.2.1").client())
        .isEqualTo(address("192.0.2.1", 0));
  }

  // ---- The PROXY protocol.

  @Test
  void theProxyHeaderNamesTheClient() throws Exception {
    TrustedProxies proxies = PROXIES.withProxyProtocol();
    ProxiedAddress named = new ProxiedAddress(address("192.0.2.1", 4711));
    Provenance provenance = from(proxies, PROXY, named, "X-Forwarded-For: 1.1.1.1");
    assertThat(provenance.client()).isEqualTo(address("192.0.2.1", 4711));
    assertThat(provenance.proxy()).isEqualTo(PROXY);
    assertUntouched(from(proxies, PROXY, ProxiedAddress.UNKNOWN), PROXY);
  }

  @Test
  void whoIsTrustedMustSendAProxyHeaderAndNobodyElseMay() throws Exception {
    TrustedProxies proxies = PROXIES.withProxyProtocol();
    assertThatThrownBy(() -> from(proxies, PROXY, null)).hasMessage("a PROXY header is missing");
    assertThatThrownBy(() -> from(proxies, STRANGER, ProxiedAddress.UNKNOWN))
        .hasMessage("a PROXY header is not taken from here");
    assertUntouched(from(proxies, STRANGER, null), STRANGER);
  }

  @Test
  void behindAProxyHeaderStandsTheNextProxy() throws Exception {
    TrustedProxies proxies = X_FORWARDED.withProxyProtocol();
    String[] lines = {"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"};
    ProxiedAddress inner = new ProxiedAddress(address("10.0.0.2", 4711));
    Provenance provenance = from(proxies, PROXY, inner, lines);
    assertThat(provenance.client()).isEqualTo(address("192.0.2.1", 0));
    assertThat(provenance.scheme()).isEqualTo("https");

    // Whom the header names is not trusted: what he has written has no effect.
    ProxiedAddress client = new ProxiedAddress(address("192.0.2.9", 4711));
    provenance = from(proxies, PROXY, client, lines);
    assertThat(provenance.client()).isEqualTo(address("192.0.2.9", 4711));
    assertThat(provenance.scheme()).isNull();
  }

  @Test
  void aLocalClientOfAProxyIsNotTheProxy() throws Exception {
    UnixDomainSocketAddress local = UnixDomainSocketAddress.of("");
    Provenance provenance =
        from(
            TrustedProxies.of().withUnixSockets().withProxyProtocol(), local, ProxiedAddress.LOCAL);
    assertThat(provenance.proxy()).isEqualTo(local);
  }

  // ---- Hostile input.

  @Test
  void aChainOfTenThousandProxiesIsRefused() throws Exception {
    String hops = "10.0.0.2, ".repeat(10_000);
    assertThatThrownBy(() -> behind(X_FORWARDED, "X-Forwarded-For: " + hops))
        .hasMessage("too many proxies");
    assertThatThrownBy(() -> behind(FORWARDED, "Forwarded: " + "for=10.0.0.2,".repeat(10_000)))
        .hasMessage("too many proxies");
    String most = "10.0.0.2, ".repeat(Provenance.MAX_HOPS);
    assertThat(behind(X_FORWARDED, "X-Forwarded-For: " + most).client())
        .isEqualTo(address("10.0.0.2", 0));
    assertThatThrownBy(() -> behind(X_FORWARDED, "X-Forwarded-For: 1.1.1.1, " + most))
        .hasMessage("too many proxies");
  }

  @Test
  void onlyAsMuchIsReadAsIsAskedFor() throws Exception {
    String spoofed = "10.0.0.2, ".repeat(10_000);
    assertThat(behind(X_FORWARDED, "X-Forwarded-For: " + spoofed + "192.0.2.1").client())
        .isEqualTo(address("192.0.2.1", 0));
  }

  @Test
  void garbageIsReadOrRefusedAndNothingElse() {
    String alphabet = "for=proto;host,\"\\ []:._1.2a\t";
    Random random = new Random(7239);
    int read = 0;
    for (int round = 0; round < 20_000; round++) {
      StringBuilder line = new StringBuilder();
      for (int i = random.nextInt(40); i > 0; i--) {
        line.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      for (TrustedProxies proxies : new TrustedProxies[] {FORWARDED, X_FORWARDED}) {
        try {
          Provenance provenance = behind(proxies, "Forwarded: " + line, "X-Forwarded-For: " + line);
          assertThat(provenance.client()).isInstanceOf(InetSocketAddress.class);
          read++;
        } catch (Provenance.MalformedException refused) {
          assertThat(proxies).isEqualTo(FORWARDED);
        }
      }
    }
    assertThat(read).isGreaterThan(20_000);
  }
}
