// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.TrustedProxies;
import dev.millrace.Upgrade;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Behind proxies that say whose connection they hand on, by the PROXY protocol and by headers. */
public abstract class ProxySuite extends EngineSuite {

  private static final TrustedProxies LOOPBACK = TrustedProxies.of("127.0.0.1");
  private static final TrustedProxies PROXY_PROTOCOL = LOOPBACK.withProxyProtocol();

  /** An address of this machine that is none of the trusted ones. */
  private static final String STRANGER = "127.0.0.2";

  private static final byte[] LINE =
      latin1("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n"); // version 1
  private static final byte[] SIGNATURE = latin1("\r\n\r\n\0\r\nQUIT\n");
  private static final byte[] V4 =
      second(0x21, 0x11, 192, 0, 2, 1, 198, 51, 100, 1, 4711 >> 8, 4711 & 0xFF, 1, 0xBB);
  private static final byte[] LOCAL = second(0x20, 0);

  /** Tells who it is believed to be talking to. */
  private static final Handler WHO =
      new Handler() {
        @Override
        public void onMessage(Connection connection, Message message) {
          Handshake handshake = connection.handshake();
          connection.send(
              text(handshake.remoteAddress())
                  + " by "
                  + handshake.proxyAddress().map(ProxySuite::host).orElse("nobody")
                  + " as "
                  + handshake.peer().map(peer -> "somebody").orElse("anybody"));
        }
      };

  private static String text(SocketAddress address) {
    return address instanceof InetSocketAddress inet ? host(inet) + ":" + inet.getPort() : "local";
  }

  private static String host(SocketAddress address) {
    return address instanceof InetSocketAddress inet
        ? inet.getAddress().getHostAddress()
        : "a local proxy";
  }

  private static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** A header of version 2. */
  private static byte[] second(int command, int family, int... rest) {
    ByteArrayOutputStream header = new ByteArrayOutputStream();
    header.writeBytes(SIGNATURE);
    header.write(command);
    header.write(family);
    header.write(rest.length >> 8);
    header.write(rest.length);
    for (int value : rest) {
      header.write(value);
    }
    return header.toByteArray();
  }

  private static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  private static byte[] request() {
    return UpgradeRequestText.to("/").bytes();
  }

  private Server startBehind(TrustedProxies proxies) throws Exception {
    return start(server().trustProxies(proxies).route("/", WHO));
  }

  private static void expectWho(RawClient client, String expected) throws IOException {
    client.expectAccepted();
    client.write(Frame.text("?")).expectText(expected);
  }

  private static final String CLIENT = "192.0.2.1:4711 by 127.0.0.1 as anybody";

  // ---- The PROXY protocol.

  @Test
  void bothVersionsNameTheClient() throws Exception {
    Server server = startBehind(PROXY_PROTOCOL);
    for (byte[] header : new byte[][] {LINE, V4}) {
      expectWho(open(server).write(joined(header, request())), CLIENT);
    }
    int[] six = new int[36];
    six[15] = 1;
    expectWho(
        open(server).write(joined(second(0x21, 0x21, six), request())),
        "0:0:0:0:0:0:0:1:0 by 127.0.0.1 as anybody");
    expectWho(
        open(server)
            .write(joined(latin1("PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n"), request())),
        "2001:db8:0:0:0:0:0:1:4711 by 127.0.0.1 as anybody");
    expectWho(
        open(server).write(joined(second(0x21, 0x31, new int[216]), request())),
        "local by 127.0.0.1 as anybody");
  }

  @Test
  void aProxyMaySpeakForItself() throws Exception {
    Server server = startBehind(PROXY_PROTOCOL);
    for (byte[] header : new byte[][] {LOCAL, latin1("PROXY UNKNOWN\r\n"), second(0x21, 0)}) {
      RawClient client = open(server).write(joined(header, request()));
      client.expectAccepted();
      String text = client.write(Frame.text("?")).readMessage().text();
      assertEquals("127.0.0.1", text.substring(0, text.indexOf(':')));
      assertEquals(" by nobody as anybody", text.substring(text.indexOf(" by ")));
    }
    // As health checks do it.
    open(server).write(LOCAL).close();
    open(server).close();
    expectWho(open(server).write(joined(LINE, request())), CLIENT);
  }

  @Test
  void everyCutIsTheSame() throws Exception {
    Server server = startBehind(PROXY_PROTOCOL);
    byte[] additions = second(0x21, 0x12, 192, 0, 2, 1, 1, 1, 1, 1, 18, 103, 0, 1, 4, 0, 1, 9);
    for (byte[] header : new byte[][] {LINE, V4, additions}) {
      byte[] all = joined(header, request(), RawClient.bytesOf(Frame.text("?")));
      for (int cut = 1; cut <= header.length + 5; cut++) {
        try (RawClient client = RawClient.open(address(server))) {
          client.write(all, 0, cut).write(all, cut, all.length);
          client.expectAccepted();
          client.expectText(CLIENT);
        }
      }
      RawClient dripping = open(server);
      for (int i = 0; i < all.length; i++) {
        dripping.write(all, i, i + 1);
      }
      dripping.expectAccepted();
      dripping.expectText(CLIENT);
    }
  }

  @Test
  void theHeaderIsNoPartOfTheRequest() throws Exception {
    Limits limits = Limits.defaults().withMaxHeaderBytes(1024);
    Server server = start(server().limits(limits).trustProxies(PROXY_PROTOCOL).route("/", WHO));
    byte[] header = second(0x21, 0x11, new int[520]);
    String padding = "x".repeat(1024 - UpgradeRequestText.to("/").with("X", "").bytes().length);
    byte[] fits = UpgradeRequestText.to("/").with("X", padding).bytes();
    assertEquals(1024, fits.length);
    byte[] tooLong = UpgradeRequestText.to("/").with("X", padding + "x").bytes();
    for (int cut : new int[] {1, 100, header.length, header.length + 1, header.length + 1000}) {
      byte[] all = joined(header, fits);
      open(server).write(all, 0, cut).write(all, cut, all.length).expectAccepted();
      byte[] over = joined(header, tooLong);
      RawClient refused = open(server).write(over, 0, cut).write(over, cut, over.length);
      assertEquals(431, refused.readResponse().status());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "PROXY TCP4 192.0.2.1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\n",
        "PROXY nonsense\r\n",
        "\r\n\r\n\0\r\nQUIT\n\u0011\u0011\0\0",
        "\r\n\r\n\0\r\nQUIT\n\u0021\u0011\u00FF\u00FF",
      })
  void malformedHeadersEndTheConnection(String header) throws Exception {
    Server server = startBehind(PROXY_PROTOCOL);
    open(server).write(latin1(header)).awaitGone();
    RawClient dripping = open(server);
    byte[] bytes = latin1(header);
    for (int i = 0; i < bytes.length; i++) {
      dripping.write(bytes, i, i + 1);
    }
    dripping.awaitGone();
    expectWho(open(server).write(joined(LINE, request())), CLIENT);
  }

  @Test
  void aLineWithoutAnEndIsNotWaitedFor() throws Exception {
    Server server = startBehind(PROXY_PROTOCOL);
    open(server).write(latin1("PROXY UNKNOWN " + "x".repeat(93))).awaitGone();
  }

  @Test
  void whoIsTrustedMustSendAHeaderAndNobodyElseMay() throws Exception {
    Server server = startBehind(PROXY_PROTOCOL);
    RawClient without = open(server).write(request());
    HttpResponse response = without.readResponse();
    assertEquals(400, response.status());
    assertEquals("a PROXY header is missing\n", response.text());
    without.expectEnd();

    URI address = address(server);
    for (byte[] header : new byte[][] {LINE, V4, LOCAL}) {
      RawClient stranger = closeLater(RawClient.openFrom(STRANGER, address));
      response = stranger.write(joined(header, request())).readResponse();
      assertEquals(400, response.status());
      assertEquals("a PROXY header is not taken from here\n", response.text());
    }
    RawClient direct = closeLater(RawClient.openFrom(STRANGER, address)).write(request());
    direct.expectAccepted();
    String text = direct.write(Frame.text("?")).readMessage().text();
    assertEquals(STRANGER, text.substring(0, text.indexOf(':')));
  }

  @Test
  void whatIsNoHeaderIsARequest() throws Exception {
    Server server = startBehind(PROXY_PROTOCOL);
    for (String other : new String[] {"POST / HTTP/1.1\r\n\r\n", "PROXYX", "P\r\n\r\n"}) {
      for (int cut = 1; cut < 6 && cut < other.length(); cut++) {
        byte[] bytes = latin1(other + "\r\n\r\n");
        RawClient client = open(server).write(bytes, 0, cut).write(bytes, cut, bytes.length);
        int status = client.readResponse().status();
        assertEquals(other.startsWith("POST") ? 405 : 400, status);
      }
    }
  }

  @Test
  void unlessAskedForNoHeaderIsTaken() throws Exception {
    Server server = startBehind(LOOPBACK.withXForwarded());
    for (byte[] header : new byte[][] {LINE, V4}) {
      RawClient client = open(server).write(joined(header, request()));
      assertEquals(400, client.readResponse().status());
    }
  }

  @Test
  void behindAUnixSocketTheProxyIsNotThePeer(@TempDir Path directory) throws Exception {
    Server server =
        start(
            server()
                .listen("ws+unix://" + directory.resolve("socket"))
                .trustProxies(TrustedProxies.none().withUnixSockets().withProxyProtocol())
                .route("/", WHO));
    URI socket = server.addresses().get(1);
    expectWho(
        closeLater(RawClient.open(socket)).write(joined(V4, request())),
        "192.0.2.1:4711 by a local proxy as anybody");
    expectWho(
        closeLater(RawClient.open(socket)).write(joined(LOCAL, request())),
        "local by nobody as somebody");
    expectWho(
        closeLater(RawClient.open(socket))
            .write(joined(second(0x21, 0x31, new int[216]), request())),
        "local by a local proxy as anybody");
  }

  // ---- Headers.

  private RawClient forwarded(Server server, String name, String value) throws IOException {
    return open(server).write(UpgradeRequestText.to("/").with(name, value).bytes());
  }

  @Test
  void headersNameTheClient() throws Exception {
    Server server = startBehind(LOOPBACK.withForwarded());
    expectWho(
        forwarded(server, "Forwarded", "for=1.1.1.1, for=\"192.0.2.1:4711\", for=127.0.0.1"),
        CLIENT);
    server = startBehind(LOOPBACK.withXForwarded());
    expectWho(forwarded(server, "X-Forwarded-For", "1.1.1.1, 192.0.2.1:4711, 127.0.0.1"), CLIENT);
    RawClient stranger = closeLater(RawClient.openFrom(STRANGER, address(server)));
    stranger.write(UpgradeRequestText.to("/").with("X-Forwarded-For", "192.0.2.1").bytes());
    stranger.expectAccepted();
    String text = stranger.write(Frame.text("?")).readMessage().text();
    assertEquals(STRANGER, text.substring(0, text.indexOf(':')));
  }

  @Test
  void hostileHeadersAreAnswered() throws Exception {
    Server server =
        start(
            server()
                .limits(Limits.defaults().withMaxHeaderBytes(65_536))
                .trustProxies(LOOPBACK.withForwarded())
                .route("/", WHO));
    assertEquals(
        400, forwarded(server, "Forwarded", "for=\"1.1.1.1, for=1.2.3.4").readResponse().status());
    HttpResponse response =
        forwarded(server, "Forwarded", "for=127.0.0.1,".repeat(4_000)).readResponse();
    assertEquals(400, response.status());
    assertEquals("too many proxies\n", response.text());
    RawClient more = open(server);
    more.write(
        UpgradeRequestText.to("/").with("Forwarded", "for=127.0.0.1,".repeat(10_000)).bytes());
    assertEquals(431, more.readResponse().status());
  }

  // ---- What goes by the client's address.

  @Test
  void eachClientOfAProxyHasItsOwnLimits() throws Exception {
    Limits limits = Limits.defaults().withMaxConnectionsPerAddress(1);
    Server server =
        start(server().limits(limits).trustProxies(LOOPBACK.withXForwarded()).route("/", WHO));
    RawClient first = forwarded(server, "X-Forwarded-For", "192.0.2.1");
    first.expectAccepted();
    forwarded(server, "X-Forwarded-For", "192.0.2.2").expectAccepted();
    for (String again : new String[] {"192.0.2.1", "192.0.2.1:99", "8.8.8.8, ::ffff:192.0.2.1"}) {
      assertEquals(503, forwarded(server, "X-Forwarded-For", again).readResponse().status());
    }
    assertEquals(2, server.admission().addresses());
    first.close();
    Deadline.until(() -> server.admission().addresses() == 1, "the place to be given back");
    forwarded(server, "X-Forwarded-For", "192.0.2.1").expectAccepted();
  }

  @Test
  void eachClientOfAProxyHasItsOwnRate() throws Exception {
    Limits limits = Limits.defaults().withMaxUpgradesPerSecond(1);
    Server server = start(server().limits(limits).trustProxies(PROXY_PROTOCOL).route("/", WHO));
    for (int client = 1; client < 20; client++) {
      byte[] header = latin1("PROXY TCP4 192.0.2." + client + " 198.51.100.1 4711 443\r\n");
      open(server).write(joined(header, request())).expectAccepted();
    }
    assertEquals(0, server.admission().refusedByRate());
  }

  @Test
  void aPageOfTheSiteThatTheProxyServesMayConnect() throws Exception {
    Server server = startBehind(LOOPBACK.withXForwarded());
    UpgradeRequestText request =
        UpgradeRequestText.to("/")
            .with("Host", "backend")
            .with("Origin", "https://site.example")
            .with("X-Forwarded-Proto", "https")
            .with("X-Forwarded-Host", "site.example");
    open(server).write(request.bytes()).expectAccepted();
    request.with("X-Forwarded-Host", "site.example:443");
    open(server).write(request.bytes()).expectAccepted();
    for (String other :
        new String[] {"http://site.example", "https://site.example:8443", "https://backend"}) {
      request.with("Origin", other);
      assertEquals(403, open(server).write(request.bytes()).readResponse().status(), other);
    }
    request.with("Origin", "https://site.example").without("X-Forwarded-Host");
    assertEquals(403, open(server).write(request.bytes()).readResponse().status());
    request.with("Host", "site.example");
    open(server).write(request.bytes()).expectAccepted();
    RawClient stranger = closeLater(RawClient.openFrom(STRANGER, address(server)));
    assertEquals(403, stranger.write(request.bytes()).readResponse().status());
  }

  @Test
  void anApplicationSeesTheSame() throws Exception {
    StringBuilder seen = new StringBuilder();
    Server server =
        start(
            server()
                .trustProxies(PROXY_PROTOCOL)
                .route("/", WHO)
                .onUpgrade(
                    request -> {
                      seen.append(text(request.remoteAddress()))
                          .append(" by ")
                          .append(request.proxyAddress().map(ProxySuite::host).orElse("nobody"));
                      return Upgrade.accept();
                    }));
    RawClient client = open(server).write(joined(V4, request()));
    client.expectAccepted();
    assertEquals("192.0.2.1:4711 by 127.0.0.1", seen.toString());
  }
}
