// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import dev.millrace.internal.spi.Decision;
import dev.millrace.internal.spi.RequestHead;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DispatcherTest {

  private static final InetSocketAddress PEER = new InetSocketAddress("192.0.2.7", 4711);
  private static final Handler ECHO = (connection, message) -> connection.send(message);

  private final Router<Dispatcher.Route> webSockets = new Router<>();
  private final Router<Dispatcher.Resource> resources = new Router<>();
  private final List<Throwable> logged = new ArrayList<>();
  private final LogCapture capture = new LogCapture();
  private final Logger logger = Logger.getLogger("dev.millrace");
  private Function<UpgradeRequest, Upgrade> onUpgrade = request -> Upgrade.accept();
  private List<String> keptHeaders = List.of();

  private final class LogCapture extends java.util.logging.Handler {
    @Override
    public void publish(java.util.logging.LogRecord record) {
      logged.add(record.getThrown());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @BeforeEach
  void captureLog() {
    logger.setUseParentHandlers(false);
    logger.addHandler(capture);
  }

  @AfterEach
  void releaseLog() {
    logger.removeHandler(capture);
    logger.setUseParentHandlers(true);
  }

  private void route(String pattern, Supplier<? extends Handler> handlers) {
    webSockets.add(pattern, new Dispatcher.Route(handlers, HandlerExecutor.loop()));
  }

  private Decision dispatch(RequestHead.Kind kind, String target, String... headers) {
    StringBuilder head = new StringBuilder("GET " + target + " HTTP/1.1\r\nHost: h:9001\r\n");
    for (String header : headers) {
      head.append(header).append("\r\n");
    }
    byte[] bytes = head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    Upgrades upgrades =
        new Upgrades(
            OriginPolicy.of(Set.of()),
            new Admissions(Limits.defaults(), System::nanoTime),
            new UpgradeHook.AtOnce(onUpgrade),
            keptHeaders,
            UnaryOperator.identity(),
            Compression.disabled());
    return new Dispatcher(webSockets, resources, upgrades, TrustedProxies.none())
        .dispatch(new RequestHead(bytes, kind, PEER));
  }

  private Decision.Accept accepted(String target, String... headers) {
    Decision decision = dispatch(RequestHead.Kind.UPGRADE, target, headers);
    assertThat(decision).isInstanceOf(Decision.Accept.class);
    return (Decision.Accept) decision;
  }

  private String response(RequestHead.Kind kind, String target, String... headers) {
    Decision decision = dispatch(kind, target, headers);
    assertThat(decision).isInstanceOf(Decision.Respond.class);
    ByteBuffer bytes = ((Decision.Respond) decision).response();
    return StandardCharsets.ISO_8859_1.decode(bytes).toString();
  }

  @Test
  void acceptsAnUpgradeToARoute() {
    route("/echo", () -> ECHO);

    Decision.Accept accept = accepted("/echo");

    assertThat(accept.handler()).isSameAs(ECHO);
    assertThat(accept.headerLines()).isEmpty();
    assertThat(accept.handshake().path()).isEqualTo("/echo");
    assertThat(accept.handshake().query()).isEmpty();
    assertThat(accept.handshake().subprotocol()).isEmpty();
    assertThat(accept.handshake().remoteAddress()).isEqualTo(PEER);
    assertThat(accept.handshake().peer()).isEmpty();
  }

  @Test
  void tellsTheEngineWhereTheHandlerRuns() {
    Executor executor = Runnable::run;
    route("/loop", () -> ECHO);
    webSockets.add("/jobs", new Dispatcher.Route(() -> ECHO, HandlerExecutor.of(executor)));

    assertThat(accepted("/loop").executor()).isNull();
    assertThat(accepted("/jobs").executor()).isSameAs(executor);
  }

  @Test
  void keepsParametersQueryAndNamedHeaders() {
    route("/rooms/{room}", () -> ECHO);
    keptHeaders = List.of("user-agent", "cookie");

    Handshake handshake =
        accepted("/rooms/a%20b?token=1", "User-Agent: probe", "Accept: x").handshake();

    assertThat(handshake.path()).isEqualTo("/rooms/a%20b");
    assertThat(handshake.query()).contains("token=1");
    assertThat(handshake.parameter("room")).isEqualTo("a b");
    assertThat(handshake.header("User-AGENT")).contains("probe");
    assertThat(handshake.header("Cookie")).isEmpty();
    assertThat(handshake.header("Accept")).isEmpty();
  }

  @Test
  void anExactPathIsKeptOnceForAllConnections() {
    route("/echo", () -> ECHO);

    assertThat(accepted("/echo").handshake().path()).isSameAs(accepted("/echo").handshake().path());
  }

  @Test
  void asksTheSupplierForEachConnection() {
    List<Handler> handlers = new ArrayList<>();
    route(
        "/each",
        () -> {
          Handler handler =
              new Handler() {
                @Override
                public void onMessage(Connection connection, Message message) {}
              };
          handlers.add(handler);
          return handler;
        });

    assertThat(accepted("/each").handler()).isNotSameAs(accepted("/each").handler());
    assertThat(handlers).hasSize(2);
  }

  @Test
  void answersUnknownPathsWith404() {
    String response = response(RequestHead.Kind.GET, "/nowhere");

    assertThat(response)
        .isEqualTo(
            "HTTP/1.1 404 Not Found\r\n"
                + "Content-Type: text/plain; charset=utf-8\r\n"
                + "Content-Length: 13\r\n"
                + "Connection: close\r\n"
                + "X-Content-Type-Options: nosniff\r\n"
                + "\r\n"
                + "nothing here\n");
    assertThat(response(RequestHead.Kind.UPGRADE, "/nowhere")).startsWith("HTTP/1.1 404 ");
  }

  @Test
  void answersMalformedEscapesWith400() {
    assertThat(response(RequestHead.Kind.GET, "/%zz")).startsWith("HTTP/1.1 400 Bad Request\r\n");
    assertThat(response(RequestHead.Kind.UPGRADE, "/%zz")).startsWith("HTTP/1.1 400 ");
  }

  /** RFC 9110 15.5.22: a 426 names the protocol in Upgrade, which Connection must list. */
  @Test
  void answersAPlainGetOfAWebSocketRouteWith426() {
    route("/echo", () -> ECHO);

    assertThat(response(RequestHead.Kind.GET, "/echo"))
        .startsWith("HTTP/1.1 426 Upgrade Required\r\n")
        .contains("\r\nUpgrade: websocket\r\n", "\r\nConnection: Upgrade, close\r\n");
  }

  @Test
  void answersGetFromMemory() {
    resources.add("/page", resource("text/html; charset=utf-8", "<p>\u20AC"));

    assertThat(response(RequestHead.Kind.GET, "/page?q"))
        .startsWith("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n")
        .contains("\r\nContent-Length: 6\r\n")
        .endsWith("\r\n\r\n<p>\u00e2\u0082\u00ac");
  }

  @Test
  void answersHeadWithTheLengthAndNoBody() {
    resources.add("/page", resource("text/plain", "four"));
    route("/echo", () -> ECHO);

    assertThat(response(RequestHead.Kind.HEAD, "/page"))
        .contains("\r\nContent-Length: 4\r\n")
        .endsWith("\r\n\r\n");
    assertThat(response(RequestHead.Kind.HEAD, "/nowhere")).endsWith("\r\n\r\n");
    assertThat(response(RequestHead.Kind.HEAD, "/echo")).contains(" 426 ").endsWith("\r\n\r\n");
  }

  @Test
  void anUpgradeOfAPlainPathIs404() {
    resources.add("/page", resource("text/plain", "x"));
    route("/{any}", () -> ECHO);

    assertThat(response(RequestHead.Kind.UPGRADE, "/page")).startsWith("HTTP/1.1 404 ");
    assertThat(accepted("/other").handshake().parameter("any")).isEqualTo("other");
  }

  @Test
  void onePathMayServeAPageAndItsWebSocket() {
    resources.add("/", resource("text/html", "page"));
    route("/", () -> ECHO);

    assertThat(response(RequestHead.Kind.GET, "/")).endsWith("page");
    assertThat(accepted("/").handler()).isSameAs(ECHO);
  }

  @Test
  void refusesAForeignOriginBeforeTheApplicationIsAsked() {
    route("/echo", () -> ECHO);
    List<UpgradeRequest> asked = new ArrayList<>();
    onUpgrade =
        request -> {
          asked.add(request);
          return Upgrade.accept();
        };

    assertThat(response(RequestHead.Kind.UPGRADE, "/echo", "Origin: http://evil.com"))
        .startsWith("HTTP/1.1 403 Forbidden\r\n");
    assertThat(asked).isEmpty();
    accepted("/echo", "Origin: http://h:9001");
    assertThat(asked).hasSize(1);
  }

  @Test
  void showsTheRequestToOnUpgrade() {
    route("/rooms/{room}", () -> ECHO);
    List<UpgradeRequest> asked = new ArrayList<>();
    onUpgrade =
        request -> {
          asked.add(request);
          return Upgrade.accept();
        };
    accepted(
        "/rooms/blue?a=b",
        "Authorization: Bearer t",
        "Sec-WebSocket-Protocol: v3, v2",
        "Sec-WebSocket-Protocol: v1,v2,,(bad)");
    UpgradeRequest request = asked.get(0);

    assertThat(request.path()).isEqualTo("/rooms/blue");
    assertThat(request.query()).contains("a=b");
    assertThat(request.parameters()).containsExactly(entry("room", "blue"));
    assertThat(request.header("authorization")).contains("Bearer t");
    assertThat(request.headers("sec-websocket-protocol")).hasSize(2);
    assertThat(request.subprotocols()).containsExactly("v3", "v2", "v1");
    assertThat(request.remoteAddress()).isEqualTo(PEER);
  }

  @Test
  void sendsTheSubprotocolAndTheHeadersOfAnAcceptedUpgrade() {
    route("/echo", () -> ECHO);
    onUpgrade =
        request -> Upgrade.accept().subprotocol("v2").header("X-Node", "a").attribute("user", 7);

    Decision.Accept accept = accepted("/echo", "Sec-WebSocket-Protocol: v1, v2");

    assertThat(accept.headerLines()).isEqualTo("X-Node: a\r\nSec-WebSocket-Protocol: v2\r\n");
    assertThat(accept.handshake().subprotocol()).contains("v2");
    assertThat(accept.handshake().attribute("user", Integer.class)).contains(7);
    assertThat(accept.handshake().attribute("role", String.class)).isEmpty();
  }

  /** RFC 6455 4.2.2: the server chooses among what the client offers. */
  @Test
  void aSubprotocolThatWasNotOfferedIsTheApplicationsMistake() {
    route("/echo", () -> ECHO);
    onUpgrade = request -> Upgrade.accept().subprotocol("v9");

    assertThat(response(RequestHead.Kind.UPGRADE, "/echo", "Sec-WebSocket-Protocol: v1"))
        .startsWith("HTTP/1.1 500 ");
    assertThat(logged).hasSize(1);
    assertThat(logged.get(0)).hasMessageContaining("chosen=v9, offered=[v1]");
  }

  @Test
  void sendsARejectionAsItIs() {
    route("/echo", () -> ECHO);
    onUpgrade =
        request -> Upgrade.reject(401, "token expired").header("WWW-Authenticate", "Bearer");

    assertThat(response(RequestHead.Kind.UPGRADE, "/echo"))
        .startsWith("HTTP/1.1 401 Unauthorized\r\n")
        .contains("\r\nWWW-Authenticate: Bearer\r\n", "\r\nConnection: close\r\n")
        .endsWith("\r\n\r\ntoken expired\n");
  }

  @Test
  void whatTheApplicationThrowsBecomes500AndOneLogEntry() {
    route("/echo", () -> ECHO);
    onUpgrade =
        request -> {
          throw new IllegalStateException("boom");
        };
    assertThat(response(RequestHead.Kind.UPGRADE, "/echo"))
        .startsWith("HTTP/1.1 500 ")
        .doesNotContain("boom");

    onUpgrade = request -> Upgrade.accept();
    route(
        "/supplier",
        () -> {
          throw new StackOverflowError();
        });
    assertThat(response(RequestHead.Kind.UPGRADE, "/supplier")).startsWith("HTTP/1.1 500 ");

    resources.add(
        "/page",
        new Dispatcher.Resource(
            "text/plain",
            () -> {
              throw new IllegalStateException("boom");
            }));
    assertThat(response(RequestHead.Kind.GET, "/page")).startsWith("HTTP/1.1 500 ");
    assertThat(logged).hasSize(3).doesNotContainNull();
  }

  private static Dispatcher.Resource resource(String contentType, String text) {
    return new Dispatcher.Resource(contentType, () -> text.getBytes(StandardCharsets.UTF_8));
  }
}
