// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.TrustedProxies;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.ProxyProcess;
import dev.millrace.suite.TestCertificate;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Behind Debian's nginx and haproxy. They connect from an address of their own, so that their
 * clients, on 127.0.0.1, are none of the trusted.
 */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class RealProxySuite {

  private static final String PROXY = "127.0.0.9";
  private static final int[] SIZES = {0, 1, 125, 126, 65_535, 65_536, 1 << 20};

  /** How long the impatient proxies wait for bytes. */
  private static final Duration PATIENCE = Duration.ofMillis(1500);

  private static final Handler ECHO = (connection, message) -> connection.send(message);

  /** Tells who it is believed to be talking to. */
  private static final Handler WHO =
      (connection, message) -> {
        Handshake handshake = connection.handshake();
        connection.send(
            host(handshake.remoteAddress())
                + " by "
                + handshake.proxyAddress().map(RealProxySuite::host).orElse("nobody"));
      };

  /** Ways through a proxy. */
  enum Way {
    NGINX,
    NGINX_TLS,
    NGINX_STREAM_V1,
    HAPROXY,
    HAPROXY_V1,
    HAPROXY_V2;

    boolean isTls() {
      return this == NGINX_TLS;
    }
  }

  private static final int IDLE_WAYS = 4;

  private final List<AutoCloseable> opened = new ArrayList<>();
  private final BlockingQueue<CloseReason> ends = new LinkedBlockingQueue<>();
  private int[] ports;
  private HttpClient http;
  private Path certificate;

  /** The engine under test. */
  abstract Engine engine();

  private static String host(SocketAddress address) {
    return address instanceof InetSocketAddress inet
        ? inet.getAddress().getHostAddress()
        : address.toString();
  }

  // ---- What runs.

  @BeforeAll
  final void start(@TempDir Path folder) throws Exception {
    ProxyProcess.requirePackages();
    http = TestCertificate.create(folder).client();
    certificate = folder.resolve("site.pem");
    // What does not get shorter when it is compressed gets a little longer.
    Limits roomy = Limits.defaults().withMaxMessageBytes(2 << 20);
    int byHeaders = startServer(TrustedProxies.of(PROXY).withXForwarded(), roomy);
    int byProtocol = startServer(TrustedProxies.of(PROXY).withProxyProtocol(), Limits.defaults());
    Limits silent = Limits.defaults().withPingInterval(Duration.ZERO);
    int neverPinging = startServer(TrustedProxies.none(), silent);
    Limits lively = Limits.defaults().withPingInterval(PATIENCE.dividedBy(10));
    int pinging = startServer(TrustedProxies.none(), lively);
    ports = ProxyProcess.freePorts(Way.values().length + IDLE_WAYS);
    String nginx =
        nginxServer(port(Way.NGINX), byHeaders, "60s")
            + nginxTlsServer(port(Way.NGINX_TLS), byHeaders, folder)
            + nginxServer(idlePort(0), neverPinging, PATIENCE.toMillis() + "ms")
            + nginxServer(idlePort(1), pinging, PATIENCE.toMillis() + "ms");
    String stream =
        """
        server {
          listen 127.0.0.1:%d;
          proxy_bind %s;
          proxy_pass 127.0.0.1:%d;
          proxy_protocol on;
        }
        """
            .formatted(port(Way.NGINX_STREAM_V1), PROXY, byProtocol);
    opened.add(
        ProxyProcess.nginx(
            folder, nginx, stream, port(Way.NGINX), port(Way.NGINX_TLS), idlePort(0), idlePort(1)));
    String haproxy =
        """
        global
          maxconn 100
        defaults
          timeout connect 5s
          timeout client 30s
          timeout server 30s
        listen headers
          mode http
          bind 127.0.0.1:%2$d
          option forwardfor
          http-request set-header X-Forwarded-Proto http
          server one 127.0.0.1:%7$d source %1$s
        listen v1
          mode tcp
          bind 127.0.0.1:%3$d
          server one 127.0.0.1:%8$d source %1$s send-proxy
        listen v2
          mode tcp
          bind 127.0.0.1:%4$d
          server one 127.0.0.1:%8$d source %1$s send-proxy-v2 proxy-v2-options crc32c check check-send-proxy inter 100ms
        listen silent
          mode http
          timeout tunnel %11$d
          bind 127.0.0.1:%5$d
          server one 127.0.0.1:%9$d
        listen lively
          mode http
          timeout tunnel %11$d
          bind 127.0.0.1:%6$d
          server one 127.0.0.1:%10$d
        """
            .formatted(
                PROXY,
                port(Way.HAPROXY),
                port(Way.HAPROXY_V1),
                port(Way.HAPROXY_V2),
                idlePort(2),
                idlePort(3),
                byHeaders,
                byProtocol,
                neverPinging,
                pinging,
                PATIENCE.toMillis());
    opened.add(
        ProxyProcess.haproxy(
            folder,
            haproxy,
            port(Way.HAPROXY),
            port(Way.HAPROXY_V1),
            port(Way.HAPROXY_V2),
            idlePort(2),
            idlePort(3)));
  }

  private int startServer(TrustedProxies proxies, Limits limits) throws Exception {
    Server server =
        Server.builder()
            .engine(engine())
            .loops(1)
            .listen("ws://127.0.0.1:0")
            .limits(limits)
            .compression(Compression.enabled())
            .trustProxies(proxies)
            .route("/", ECHO)
            .route("/who", WHO)
            .route("/end", new Ends())
            .start();
    opened.add(server);
    return server.addresses().get(0).getPort();
  }

  private final class Ends implements Handler {
    @Override
    public void onMessage(Connection connection, Message message) {
      connection.send(message);
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      ends.add(reason);
    }
  }

  private int port(Way way) {
    return ports[way.ordinal()];
  }

  private int idlePort(int index) {
    return ports[Way.values().length + index];
  }

  private static String nginxServer(int port, int backend, String patience) {
    return "server {\n  listen 127.0.0.1:" + port + ";\n" + location(backend, patience) + "}\n";
  }

  private static String nginxTlsServer(int port, int backend, Path folder) {
    return "server {\n  listen 127.0.0.1:%d ssl;\n".formatted(port)
        + "  ssl_certificate %s/site.pem;\n  ssl_certificate_key %s/site.key;\n"
            .formatted(folder, folder)
        + location(backend, "60s")
        + "}\n";
  }

  private static String location(int backend, String patience) {
    return """
      location / {
        proxy_pass http://127.0.0.1:%d;
        proxy_bind %s;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_read_timeout %s;
      }
    """
        .formatted(backend, PROXY, patience);
  }

  @AfterAll
  final void end() throws Exception {
    for (int i = opened.size() - 1; i >= 0; i--) {
      opened.get(i).close();
    }
  }

  private URI uri(Way way, String path) {
    String scheme = way.isTls() ? "wss://localhost:" : "ws://127.0.0.1:";
    return URI.create(scheme + port(way) + path);
  }

  // ---- Tests.

  @ParameterizedTest
  @EnumSource
  void everyMessageComesBackAsItWent(Way way) throws Exception {
    JdkPeer.echoAll(http, uri(way, "/"), SIZES);
  }

  /** Our own client, which has no TLS yet. */
  @ParameterizedTest
  @EnumSource(names = "NGINX_TLS", mode = EnumSource.Mode.EXCLUDE)
  void ourClientIsServed(Way way) throws Exception {
    for (Compression compression : List.of(Compression.disabled(), Compression.enabled())) {
      Client.Builder builder = Client.builder().engine(engine()).compression(compression);
      try (Client client = builder.build();
          BlockingConnection connection = client.open(uri(way, "/"))) {
        for (int size : SIZES) {
          byte[] noise = new byte[size];
          new Random(size).nextBytes(noise);
          Arrays.fill(noise, 0, size / 2, (byte) size);
          assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(noise)));
          Message echo = connection.receive(Deadline.WAIT).orElseThrow();
          assertArrayEquals(noise, echo.toByteArray());
        }
      }
    }
  }

  /** All of them offer compression. */
  @ParameterizedTest
  @EnumSource(names = {"NGINX_TLS", "HAPROXY"})
  void clientsOfOthersAreServed(Way way) throws Exception {
    Peers.prepare();
    assertEchoesAll(way, "node", "node-ws.mjs");
    Peers.require("/usr/bin/python3", "python3-websockets", "-c", "import websockets");
    assertEchoesAll(way, "/usr/bin/python3", "websockets_client.py");
  }

  /** A page of the proxy's site, whose origin is nobody's but the proxy's. */
  @Test
  void aBrowserIsServed() throws Exception {
    Peers.prepare();
    String chromium = System.getenv().getOrDefault("CHROMIUM", "/usr/bin/chromium");
    Peers.require(chromium, "chromium", "--version");
    assertEchoesAll(Way.NGINX_TLS, "node", "browser.mjs", chromium);
  }

  private void assertEchoesAll(Way way, String... command) throws Exception {
    List<String> whole = new ArrayList<>(List.of(command));
    whole.add(uri(way, "/").toString());
    List<String> expected = new ArrayList<>();
    expected.add("permessage-deflate");
    for (int size : SIZES) {
      whole.add("" + size);
      expected.add("text " + size);
      expected.add("binary " + size);
    }
    expected.add("closed 1000");
    String file = certificate.toString();
    assertEquals(
        expected, Peers.run(whole, Map.of("NODE_EXTRA_CA_CERTS", file, "SSL_CERT_FILE", file)));
  }

  @ParameterizedTest
  @EnumSource
  void theClientIsTheOneInFrontOfTheProxyWhateverItSaysItself(Way way) throws Exception {
    BlockingQueue<CharSequence> received = new LinkedBlockingQueue<>();
    WebSocket socket =
        Deadline.await(
            http.newWebSocketBuilder()
                .header("X-Forwarded-For", "8.8.8.8")
                .header("Forwarded", "for=9.9.9.9")
                .buildAsync(uri(way, "/who"), new TextListener(received)),
            "the handshake");
    Deadline.await(socket.sendText("?", true), "the question");
    assertEquals("127.0.0.1 by " + PROXY, Deadline.take(received, "the answer").toString());
    socket.abort();
  }

  private record TextListener(BlockingQueue<CharSequence> received) implements WebSocket.Listener {
    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
      received.add(text.toString());
      socket.request(1);
      return null;
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NGINX", "NGINX_TLS", "HAPROXY"})
  void pagesOfTheSiteMayConnectAndNoOthers(Way way) throws Exception {
    String site = uri(way, "").toString().replaceFirst("^ws", "http");
    Deadline.await(connectFrom(way, site), "a page of the site").abort();
    String otherScheme =
        way.isTls() ? site.replaceFirst("^https", "http") : site.replaceFirst("^http", "https");
    for (String other : new String[] {"https://evil.example", otherScheme, "https://localhost"}) {
      WebSocketHandshakeException refused =
          assertThrows(
              WebSocketHandshakeException.class,
              () -> Deadline.await(connectFrom(way, other), "the refusal"));
      assertEquals(403, refused.getResponse().statusCode(), other);
    }
  }

  private CompletionStage<WebSocket> connectFrom(Way way, String origin) {
    return http.newWebSocketBuilder()
        .header("Origin", origin)
        .buildAsync(uri(way, "/"), new WebSocket.Listener() {});
  }

  /** docs/proxies.md tells why: a proxy cuts who says nothing, and pings are something. */
  @Test
  void impatientProxiesCutWhoIsSilentAndNotWhoIsPinged() throws Exception {
    List<Talker> pinged = List.of(talkTo(idlePort(1), "/"), talkTo(idlePort(3), "/"));
    for (int port : new int[] {idlePort(0), idlePort(2)}) {
      talkTo(port, "/end").expectEcho("last words");
    }
    for (int i = 0; i < 2; i++) {
      CloseReason reason = Deadline.take(ends, "the silent connections to be cut");
      assertEquals(CloseCode.ABNORMAL_CLOSURE, reason.code());
    }
    for (Talker talker : pinged) {
      talker.expectEcho("still here");
      talker.socket().abort();
    }
  }

  private Talker talkTo(int port, String path) throws Exception {
    BlockingQueue<CharSequence> received = new LinkedBlockingQueue<>();
    return new Talker(
        Deadline.await(
            http.newWebSocketBuilder()
                .buildAsync(
                    URI.create("ws://127.0.0.1:" + port + path), new TextListener(received)),
            "the handshake"),
        received);
  }

  /** A client that answers pings by itself. */
  private record Talker(WebSocket socket, BlockingQueue<CharSequence> received) {
    void expectEcho(String text) throws Exception {
      Deadline.await(socket.sendText(text, true), "the text to be sent");
      assertEquals(text, Deadline.take(received, "the echo"));
    }
  }
}
