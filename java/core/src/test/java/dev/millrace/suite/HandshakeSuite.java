// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.Limits;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The server's side of the opening handshake (RFC 6455 4.2) and what HTTP it speaks. */
public abstract class HandshakeSuite extends EngineSuite {

  private final Recorder recorder = new Recorder();

  private Server startRouted() throws Exception {
    return start(routed());
  }

  private Server.Builder routed() {
    return server()
        .route("/", ECHO)
        .route("/recorded", recorder)
        .route("/rooms/{room}", recorder)
        .get("/page", "text/plain", () -> "hello \u20ac");
  }

  private static Arguments request(String name, int status, UpgradeRequestText request) {
    return Arguments.of(Named.of(name, request.bytes()), status);
  }

  private static UpgradeRequestText upgrade() {
    return UpgradeRequestText.to("/");
  }

  private static UpgradeRequestText line(String requestLine) {
    return upgrade().requestLine(requestLine);
  }

  static Stream<Arguments> badRequests() {
    List<Arguments> cases = new ArrayList<>();
    addRequestLines(cases);
    addFields(cases);
    addBodies(cases);
    cases.add(request("no such route", 404, UpgradeRequestText.to("/nowhere")));
    cases.add(request("the path is exact", 404, UpgradeRequestText.to("/recorded/more")));
    cases.add(request("an upgrade of a plain page", 404, UpgradeRequestText.to("/page")));
    cases.add(request("malformed escape", 400, UpgradeRequestText.to("/rooms/%zz")));
    cases.add(request("escape cut short", 400, UpgradeRequestText.to("/rooms/%4")));
    cases.add(request("escapes that are not UTF-8", 400, UpgradeRequestText.to("/rooms/%ff")));
    addOrigins(cases);
    return cases.stream();
  }

  private static void addRequestLines(List<Arguments> cases) {
    cases.add(request("POST", 405, line("POST / HTTP/1.1")));
    cases.add(request("method is case-sensitive", 405, line("get / HTTP/1.1")));
    cases.add(request("HTTP/1.0", 505, line("GET / HTTP/1.0")));
    cases.add(request("HTTP/2.0", 505, line("GET / HTTP/2.0")));
    cases.add(request("no version", 400, line("GET /")));
    cases.add(request("two spaces", 400, line("GET  / HTTP/1.1")));
    cases.add(request("space in the target", 400, line("GET /a b HTTP/1.1")));
    cases.add(request("target without slash", 400, line("GET echo HTTP/1.1")));
    cases.add(request("control character", 400, line("GET /\u0001 HTTP/1.1")));
    cases.add(request("4.2.1 upgrade by HEAD", 400, line("HEAD / HTTP/1.1")));
    cases.add(request("not HTTP", 400, line("\u0016\u0003\u0001\u0002\u0000\u0001")));
    cases.add(request("long request line", 414, UpgradeRequestText.to("/" + "a".repeat(8192))));
  }

  private static void addFields(List<Arguments> cases) {
    cases.add(request("4.2.1 no Host", 400, upgrade().without("Host")));
    cases.add(request("4.2.1 no Upgrade", 400, upgrade().without("Upgrade")));
    cases.add(request("4.2.1 another Upgrade", 400, upgrade().with("Upgrade", "h2c")));
    cases.add(request("4.2.1 no Connection", 400, upgrade().without("Connection")));
    cases.add(request("4.2.1 keep-alive", 400, upgrade().with("Connection", "keep-alive")));
    cases.add(request("4.2.1 no key", 400, upgrade().without("Sec-WebSocket-Key")));
    for (String key :
        List.of(
            "",
            "short",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZTEyMw==",
            "dGhlIHNhbXBsZSBub25jZQ!=",
            "dGhlIHNhbXBsZSBub25jZQ==a")) {
      cases.add(request("4.2.1 key '" + key + "'", 400, upgrade().with("Sec-WebSocket-Key", key)));
    }
    for (String version : List.of("", "0", "8", "12", "14", "013", "13x", "13, 8")) {
      cases.add(
          request(
              "4.2.2 version '" + version + "'",
              426,
              upgrade().with("Sec-WebSocket-Version", version)));
    }
    cases.add(request("4.2.2 no version", 426, upgrade().without("Sec-WebSocket-Version")));
    cases.add(
        request("repeated key", 400, upgrade().with("sec-websocket-key", UpgradeRequestText.KEY)));
    cases.add(request("repeated Host", 400, upgrade().with("HOST", "localhost")));
    cases.add(request("space before the colon", 400, upgrade().with("X-Name ", "value")));
    cases.add(request("folded field", 400, upgrade().with("X-Name", "a\r\n b")));
    cases.add(request("bare line feed", 400, upgrade().with("X-Name", "a\nX-Other: b")));
    cases.add(request("NUL in a value", 400, upgrade().with("X-Name", "a\u0000b")));
    cases.add(request("no colon", 400, upgrade().with("X-Name", "a\r\nnonsense")));
    cases.add(request("large head", 431, upgrade().with("X-Large", "a".repeat(16_384))));
    UpgradeRequestText many = upgrade();
    for (int i = 0; i < 200; i++) {
      many.with("X-" + i, "v");
    }
    cases.add(request("CVE-2024-37890 many fields", 431, many));
  }

  /** The simplest promise against smuggling: an upgrade has no body. */
  private static void addBodies(List<Arguments> cases) {
    cases.add(request("CVE-2026-58055 Content-Length", 400, upgrade().with("Content-Length", "5")));
    cases.add(
        request("CVE-2023-40167 Content-Length +5", 400, upgrade().with("Content-Length", "+5")));
    cases.add(request("Content-Length 0x0", 400, upgrade().with("Content-Length", "0x0")));
    cases.add(
        request("CVE-2025-58056 chunked", 400, upgrade().with("Transfer-Encoding", "chunked")));
    cases.add(
        request(
            "CVE-2026-33870 strange chunked",
            400,
            upgrade().with("Transfer-Encoding", "xchunked")));
  }

  private static void addOrigins(List<Arguments> cases) {
    for (String origin :
        List.of(
            "http://evil.example",
            "http://localhost.evil.example",
            "http://evil-localhost",
            "http://localhost:8080",
            "https://localhost",
            "null",
            "http://localhost@evil.example",
            "http://localhost/path",
            "nonsense",
            "")) {
      cases.add(request("10.2 origin '" + origin + "'", 403, upgrade().with("Origin", origin)));
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badRequests")
  void requestRefused(byte[] request, int status) throws Exception {
    Server server = startRouted();
    RawClient client = open(server);
    client.write(request);
    HttpResponse response = client.readResponse();
    assertEquals(status, response.status(), response::text);
    assertTrue(response.header("Connection").contains("close"), response.header("Connection"));
    assertTrue(response.body().length > 0, "a refusal says why");
    if (status == 426) {
      assertEquals("13", response.header("Sec-WebSocket-Version"));
      assertEquals("websocket", response.header("Upgrade"));
    }
    client.expectEnd();
    client.close();
    awaitNoConnections(server);
    assertEquals(List.of(), recorder.order());
    connect(server).write(Frame.text("next")).expectText("next");
  }

  static Stream<Arguments> goodRequests() {
    List<Arguments> cases = new ArrayList<>();
    cases.add(request("4.1 as it stands", 101, upgrade()));
    cases.add(request("names in any case", 101, upgrade().without("Host").with("hOsT", "h")));
    cases.add(request("4.2.1 token in any case", 101, upgrade().with("Upgrade", "WebSocket")));
    cases.add(request("4.2.1 list", 101, upgrade().with("Connection", "keep-alive, uPgRaDe")));
    cases.add(request("4.2.1 Upgrade list", 101, upgrade().with("Upgrade", "h2c, websocket")));
    cases.add(request("no spaces", 101, upgrade().without("Host").with("Host:h\r\nX", "y")));
    cases.add(request("tabs and spaces", 101, upgrade().with("X-Name", " \t value \t ")));
    cases.add(request("Content-Length 0", 101, upgrade().with("Content-Length", "0")));
    cases.add(request("query", 101, UpgradeRequestText.to("/?a=b&c=%zz")));
    cases.add(request("10.2 own origin", 101, upgrade().with("Origin", "http://localhost")));
    cases.add(request("10.2 own port", 101, upgrade().with("Origin", "http://LOCALHOST:80")));
    cases.add(
        request(
            "10.2 port of the Host",
            101,
            upgrade().with("Host", "h:9001").with("Origin", "http://h:9001")));
    cases.add(
        request(
            "9.1 an extension is declined by silence",
            101,
            upgrade()
                .with("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")));
    cases.add(
        request(
            "1.9 a subprotocol nobody chose",
            101,
            upgrade().with("Sec-WebSocket-Protocol", "chat")));
    cases.add(
        request("head just below the limit", 101, upgrade().with("X-Large", "a".repeat(16_000))));
    return cases.stream();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("goodRequests")
  void requestAccepted(byte[] request, int status) throws Exception {
    RawClient client = open(startRouted());
    client.write(request);
    HttpResponse response = client.expectAccepted();
    assertEquals(status, response.status());
    assertFalse(response.headers().containsKey("Sec-WebSocket-Extensions"));
    assertFalse(response.headers().containsKey("Sec-WebSocket-Protocol"));
    client.write(Frame.text("frames"));
    client.expectText("frames");
  }

  /** RFC 6455 1.3: the answer to a key that is not the example's. */
  @Test
  void rfc6455_4_2_2_acceptIsComputedFromTheKey() throws Exception {
    Server server = startRouted();
    for (int i = 0; i < 50; i++) {
      byte[] nonce = Seed.bytes(Seed.random("key " + i), 16);
      String key = Base64.getEncoder().encodeToString(nonce);
      try (RawClient client = RawClient.open(address(server))) {
        client.write(upgrade().with("Sec-WebSocket-Key", key).bytes());
        assertEquals(
            UpgradeRequestText.accept(key), client.readResponse().header("Sec-WebSocket-Accept"));
      }
    }
  }

  @Test
  void requestCutAtEveryByte() throws Exception {
    byte[] request = upgrade().with("Origin", "http://localhost").with("X-Name", "value").bytes();
    byte[] stream = Frame.join(request, Frame.text("first").bytes());
    Server server = startRouted();
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      for (int cut = 1; cut < stream.length; cut++) {
        try (RawClient client = RawClient.open(address(server))) {
          probe.writeCut(client, stream, cut);
          client.expectAccepted();
          client.expectText("first");
        }
      }
    }
  }

  /** CVE-2023-43669: a request that comes byte by byte is parsed once, not once a byte. */
  @Test
  void cve_2023_43669_requestByteByByte() throws Exception {
    byte[] request = upgrade().with("X-Name", "v".repeat(300)).bytes();
    int[] everywhere = IntStream.range(1, request.length).toArray();
    Server server = startRouted();
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      RawClient client = open(server);
      probe.writeCut(client, request, everywhere);
      client.expectAccepted();
      client.write(Frame.text("frames"));
      client.expectText("frames");
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badRequests")
  void refusedRequestCutInTheMiddle(byte[] request, int status) throws Exception {
    Server server = startRouted();
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      for (int part = 1; part < 8; part++) {
        try (RawClient client = RawClient.open(address(server))) {
          probe.writeCut(client, request, request.length * part / 8);
          assertEquals(status, client.readResponse().status());
          client.expectEnd();
        }
      }
    }
  }

  @Test
  void rfc6455_4_1_bytesBehindTheRequestAreFramesAfter101() throws Exception {
    RawClient client = open(startRouted());
    client.write(
        Frame.join(
            upgrade().bytes(),
            Frame.text("eager").bytes(),
            Frame.ping("p").bytes(),
            Frame.text("half").bytes()));
    client.expectAccepted();
    client.expectText("eager");
    client.expectPongs("p");
    client.expectText("half");
  }

  @Test
  void bytesBehindARefusedRequestAreNothing() throws Exception {
    RawClient client = open(startRouted());
    client.write(
        Frame.join(
            UpgradeRequestText.to("/nowhere").bytes(),
            Frame.text("smuggled").bytes(),
            UpgradeRequestText.to("/recorded").bytes(),
            Frame.text("smuggled").bytes()));
    assertEquals(404, client.readResponse().status());
    client.expectEnd();
    assertEquals(List.of(), recorder.order());
  }

  @Test
  void plainGetAndHead() throws Exception {
    Server server = startRouted();
    byte[] page = "hello \u20ac".getBytes(StandardCharsets.UTF_8);
    RawClient get = open(server);
    get.write("GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    HttpResponse response = get.readResponse();
    assertEquals(200, response.status());
    assertEquals("text/plain; charset=utf-8", response.header("Content-Type"));
    assertEquals("nosniff", response.header("X-Content-Type-Options"));
    assertEquals("hello \u20ac", response.text());
    get.expectEnd();
    RawClient head = open(server);
    head.write("HEAD /page HTTP/1.1\r\nHost: h\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    HttpResponse withoutBody = head.readResponseHead();
    assertEquals(200, withoutBody.status());
    assertEquals("" + page.length, withoutBody.header("Content-Length"));
    head.expectEnd();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 100_000, 300_000, 5_000_000})
  void getOfAnySize(int length) throws Exception {
    byte[] page = Seed.bytes(Seed.random("page " + length), length);
    Server server = start(server().getBytes("/bytes", "application/octet-stream", () -> page));
    RawClient client = open(server);
    client.write("GET /bytes HTTP/1.1\r\nHost: h\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    HttpResponse response = client.readResponse();
    assertEquals("application/octet-stream", response.header("Content-Type"));
    assertArrayEquals(page, response.body());
    client.expectEnd();
    client.close();
    awaitNoConnections(server);
  }

  @Test
  void plainGetOfAWebSocketRouteAsksForTheUpgrade() throws Exception {
    RawClient client = open(startRouted());
    client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    HttpResponse response = client.readResponse();
    assertEquals(426, response.status());
    assertEquals("websocket", response.header("Upgrade"));
    client.expectEnd();
  }

  @Test
  void pageThatThrowsIsAnInternalError() throws Exception {
    Server server =
        start(
            server()
                .route("/", ECHO)
                .get(
                    "/broken",
                    "text/plain",
                    () -> {
                      throw new IllegalStateException("planted");
                    }));
    RawClient client = open(server);
    client.write("GET /broken HTTP/1.1\r\nHost: h\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    HttpResponse response = client.readResponse();
    assertEquals(500, response.status());
    assertFalse(
        response.text().contains("planted"), "the cause is for the log: " + response.text());
    client.expectEnd();
    connect(server).write(Frame.text("alive")).expectText("alive");
  }

  @Test
  void rfc6455_10_2_originAllowedByName() throws Exception {
    Server server = start(server().route("/", ECHO).allowOrigins("https://page.example"));
    RawClient allowed = open(server);
    allowed.write(upgrade().with("Origin", "https://page.example").bytes());
    allowed.expectAccepted();
    for (String origin : List.of("http://page.example", "https://page.example.evil.example")) {
      RawClient refused = open(server);
      refused.write(upgrade().with("Origin", origin).bytes());
      assertEquals(403, refused.readResponse().status());
    }
  }

  @Test
  void upgradeDecidedByTheApplication() throws Exception {
    Server server =
        start(
            server()
                .route("/", ECHO)
                .onUpgrade(
                    request ->
                        request.header("Authorization").filter("Bearer good"::equals).isPresent()
                            ? Upgrade.accept().subprotocol("v2").header("X-Served-By", "mill")
                            : Upgrade.reject(401, "token missing or expired")));
    RawClient refused = open(server);
    refused.write(upgrade().bytes());
    HttpResponse refusal = refused.readResponse();
    assertEquals(401, refusal.status());
    assertTrue(refusal.text().contains("token missing or expired"), refusal.text());
    refused.expectEnd();
    RawClient accepted = open(server);
    accepted.write(
        upgrade()
            .with("Authorization", "Bearer good")
            .with("Sec-WebSocket-Protocol", "v1, v2")
            .bytes());
    HttpResponse response = accepted.expectAccepted();
    assertEquals("v2", response.header("Sec-WebSocket-Protocol"));
    assertEquals("mill", response.header("X-Served-By"));
    accepted.write(Frame.text("in"));
    accepted.expectText("in");
  }

  /** Whatever an application may put where, by name and what it does. */
  private static Stream<Arguments> injections() {
    Map<String, Supplier<Upgrade>> answers = new LinkedHashMap<>();
    for (String end : List.of("\r\n", "\n", "\r", "\0", "\r\n\r\n")) {
      String line = "a" + end + "X-Injected: yes";
      answers.put("value" + shown(end), () -> Upgrade.accept().header("X-Echo", line));
      answers.put("name" + shown(end), () -> Upgrade.accept().header("X-Echo: " + line, "b"));
      answers.put("subprotocol" + shown(end), () -> Upgrade.accept().subprotocol(line));
      answers.put(
          "value of a rejection" + shown(end),
          () -> Upgrade.reject(401, "no").header("X-Echo", line));
      answers.put(
          "name of a rejection" + shown(end), () -> Upgrade.reject(401, "no").header(line, "b"));
    }
    return answers.entrySet().stream()
        .map(one -> Arguments.of(Named.of(one.getKey(), one.getValue())));
  }

  private static String shown(String end) {
    return " with " + end.chars().mapToObj(Integer::toHexString).collect(Collectors.joining(" "));
  }

  /** CVE-2025-67735, CVE-2026-42578: what the application echoes must not become a header. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("injections")
  void cve_2025_67735_injectedHeaderNeverLeaves(Supplier<Upgrade> answer) throws Exception {
    muteLog();
    Server.Builder builder = server().route("/", ECHO);
    for (Server server :
        List.of(
            start(builder.onUpgrade(request -> answer.get())),
            start(
                builder.onUpgradeAsync(
                    request -> CompletableFuture.supplyAsync(answer), Duration.ofMinutes(1))))) {
      RawClient client = open(server);
      client.write(upgrade().with("Sec-WebSocket-Protocol", "a, X-Injected").bytes());
      HttpResponse response = client.readResponse();
      assertEquals(500, response.status());
      assertFalse(response.headers().containsKey("X-Injected"));
      client.expectEnd();
    }
  }

  /** What a principal is called is the client's to choose, and the log is not. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void principalIsNamedInLogsOnOneLine(boolean redacted) throws Exception {
    BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    Logger logger = Logger.getLogger("dev.millrace");
    LogLines capture = new LogLines(lines);
    logger.addHandler(capture);
    closeLater(() -> logger.removeHandler(capture));
    muteLog();
    Server.Builder builder =
        server()
            .route(
                "/",
                (connection, message) -> {
                  throw new IllegalStateException("planted");
                })
            .onUpgrade(request -> Upgrade.accept().principal(() -> "ada\r\nadmin logged in"));
    if (redacted) {
      builder.redactPrincipals(name -> name.length() + " characters\n");
    }
    Server server = start(builder);
    String expected =
        redacted ? "peer=20 characters\\u000a]" : "peer=ada\\u000d\\u000aadmin logged in]";
    RawClient client = connect(server);
    client.write(Frame.text("log"));
    client.expectCloseAndEnd(CloseCode.INTERNAL_ERROR);
    String line = Deadline.take(lines, "a line that the handler threw");
    while (!line.contains("threw")) {
      line = Deadline.take(lines, "a line that the handler threw");
    }
    assertTrue(line.endsWith(expected), line);
    assertTrue(line.chars().noneMatch(Character::isISOControl), line);
  }

  /** What is logged, without its stack. */
  private static final class LogLines extends java.util.logging.Handler {
    private final BlockingQueue<String> lines;

    LogLines(BlockingQueue<String> lines) {
      this.lines = lines;
    }

    @Override
    public void publish(LogRecord record) {
      lines.add(record.getMessage());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @Test
  void slowHandshakeEndsByItsAbsoluteDeadline() throws Exception {
    Duration timeout = Duration.ofMillis(500);
    Server server = start(routed().limits(Limits.defaults().withHandshakeTimeout(timeout)));
    byte[] request = upgrade().with("X-Slow", "s".repeat(8000)).bytes();
    long start = System.nanoTime();
    RawClient client = open(server);
    AtomicInteger sent = new AtomicInteger();
    ScheduledExecutorService drip = Executors.newSingleThreadScheduledExecutor();
    closeLater(drip::shutdownNow);
    drip.scheduleAtFixedRate(
        () -> {
          int next = sent.getAndIncrement();
          try {
            client.write(request, next, next + 1);
          } catch (IOException ended) {
            drip.shutdown();
          }
        },
        0,
        5,
        TimeUnit.MILLISECONDS);
    client.awaitGone();
    Duration taken = Duration.ofNanos(System.nanoTime() - start);
    assertTrue(taken.compareTo(timeout.minusMillis(20)) > 0, "ended early: " + taken);
    assertTrue(taken.compareTo(timeout.multipliedBy(6)) < 0, "ended late: " + taken);
    awaitNoConnections(server);
    connect(server).write(Frame.text("next")).expectText("next");
  }

  @Test
  void silentConnectionEndsByTheHandshakeDeadline() throws Exception {
    Limits limits = Limits.defaults().withHandshakeTimeout(Duration.ofMillis(300));
    Server server = start(routed().limits(limits));
    RawClient silent = open(server);
    RawClient half = open(server).write(upgrade().bytes(), 0, 40);
    silent.awaitGone();
    half.awaitGone();
    awaitNoConnections(server);
  }

  /** What a peer had sent when its reset came; CVE-2024-1635, CVE-2026-42577: such were kept. */
  private static Stream<Arguments> streamsToReset() {
    byte[] request = UpgradeRequestText.to("/recorded").bytes();
    byte[] message = Frame.binary(new byte[100_000]).bytes();
    return Stream.of(
        Arguments.of("nothing", new byte[0]),
        Arguments.of("half a request", Arrays.copyOf(request, 60)),
        Arguments.of("a request", request),
        Arguments.of("a refused request", UpgradeRequestText.to("/nowhere").bytes()),
        Arguments.of("a message", Frame.join(request, message)),
        Arguments.of("half a header", Frame.join(request, Arrays.copyOf(message, 3))),
        Arguments.of("half a message", Frame.join(request, Arrays.copyOf(message, 70_000))),
        Arguments.of(
            "half a fragmented message",
            Frame.join(request, Frame.text("half").unfinished().bytes())),
        Arguments.of("a broken rule", Frame.join(request, Frame.text("x").unmasked().bytes())),
        Arguments.of("a Close", Frame.join(request, Frame.close(1000, "").bytes())));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("streamsToReset")
  void cve_2026_42577_resetInEveryState(String name, byte[] stream) throws Exception {
    Server server = startRouted();
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      for (int run = 0; run < 20; run++) {
        RawClient client = RawClient.open(address(server));
        client.write(stream);
        if (run % 2 == 0) {
          probe.awaitTurn(); // every other time the server has read it all
        }
        if (run % 4 >= 2) {
          client.shutdownOutput(); // FIN, then RST
        }
        client.reset();
      }
      probe.awaitTurn(); // nobody waits to be accepted any more
    }
    awaitNoConnections(server);
    Deadline.until(() -> recorder.count("open") == recorder.count("close"), "every onClose");
    connect(server).write(Frame.text("next")).expectText("next");
  }

  @Test
  void connectionsBeyondTheLimitDoNotHarmTheOthers() throws Exception {
    Server server = start(routed().limits(Limits.defaults().withMaxConnections(16)));
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      clients.add(connect(server));
    }
    for (int i = 0; i < 4; i++) {
      try {
        open(server);
      } catch (IOException refused) {
        // left waiting or ended at once, as the system and the engine like
      }
    }
    for (RawClient client : clients) {
      client.write(Frame.text("served"));
      client.expectText("served");
    }
    assertTrue(server.connectionCount() <= 16, "connections: " + server.connectionCount());
    for (RawClient client : clients) {
      client.close();
    }
    connect(server).write(Frame.text("room again")).expectText("room again");
  }
}
