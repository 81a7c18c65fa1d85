// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.Connection;
import dev.millrace.Handshake;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import dev.millrace.UpgradeRequest;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.security.Principal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Opening handshakes that the application decides on in its own time. */
public abstract class AsyncUpgradeSuite extends EngineSuite {

  private static final Duration LONG = Duration.ofMinutes(5);

  /** So many that none is refused; but they are counted, and a count shows what was given back. */
  private static final Limits COUNTED =
      Limits.defaults().withMaxConnectionsPerRoute(10_000).withMaxConnectionsPerAddress(10_000);

  private record Asked(UpgradeRequest request, CompletableFuture<Upgrade> answer) {
    void accept() {
      answer.complete(Upgrade.accept());
    }
  }

  private final BlockingQueue<Asked> asked = new LinkedBlockingQueue<>();
  private final AtomicInteger handlers = new AtomicInteger();
  private final Recorder recorder =
      new Recorder() {
        @Override
        public void onMessage(Connection connection, Message message) throws Exception {
          super.onMessage(connection, message);
          ECHO.onMessage(connection, message);
        }
      };

  @BeforeEach
  final void expectPlantedFailures() {
    muteLog();
  }

  private CompletionStage<Upgrade> ask(UpgradeRequest request) {
    Asked one = new Asked(request, new CompletableFuture<>());
    asked.add(one);
    return one.answer();
  }

  /** Everybody is asked for on "/", and nobody has to wait on "/probe". */
  private Server.Builder deciding(Duration deadline) {
    return server()
        .limits(COUNTED)
        .route("/probe", recorder)
        .route(
            "/",
            () -> {
              handlers.incrementAndGet();
              return recorder;
            })
        .onUpgradeAsync(
            request ->
                request.path().equals("/probe")
                    ? CompletableFuture.completedFuture(Upgrade.accept())
                    : ask(request),
            deadline);
  }

  private Server startDeciding() throws Exception {
    return start(deciding(LONG));
  }

  private RawClient request(Server server) throws Exception {
    return open(server).write(UpgradeRequestText.to("/").bytes());
  }

  private Asked awaitAsked() throws InterruptedException {
    return Deadline.take(asked, "the application to be asked");
  }

  private static int held(Server server) {
    return server.admission().connectionsByRoute().getOrDefault("/", 0);
  }

  private static void awaitNothingHeld(Server server) {
    Deadline.until(
        () ->
            server.admission().connectionsByRoute().isEmpty()
                && server.admission().addresses() == 0,
        "no place held");
  }

  @Test
  void acceptedLater() throws Exception {
    RawClient client =
        open(startDeciding())
            .write(
                UpgradeRequestText.to("/?a=b")
                    .with("Authorization", "Bearer t")
                    .with("Sec-WebSocket-Protocol", "v1, v2")
                    .bytes());
    Asked one = awaitAsked();
    // On another thread than it was made on, and while the loop does other things.
    assertEquals("/", one.request().path());
    assertEquals("a=b", one.request().query().orElseThrow());
    assertEquals("Bearer t", one.request().header("authorization").orElseThrow());
    assertEquals(List.of("v1", "v2"), one.request().subprotocols());
    assertTrue(one.request().remoteAddress().toString().contains("127.0.0.1"));
    Principal ada = () -> "ada";
    one.answer()
        .complete(
            Upgrade.accept()
                .subprotocol("v2")
                .header("X-Decided", "later")
                .attribute("role", "countess")
                .principal(ada));
    HttpResponse response = client.expectAccepted();
    assertEquals("v2", response.header("Sec-WebSocket-Protocol"));
    assertEquals("later", response.header("X-Decided"));
    client.write(Frame.text("in")).expectText("in");
    Handshake handshake = recorder.awaitOpen().handshake();
    assertEquals(Map.of("role", "countess"), handshake.attributes());
    assertEquals("v2", handshake.subprotocol().orElseThrow());
    assertSame(ada, handshake.peer().orElseThrow());
  }

  @Test
  void rejectedLater() throws Exception {
    Server server = startDeciding();
    RawClient client = request(server);
    awaitAsked()
        .answer()
        .complete(Upgrade.reject(401, "token expired").header("WWW-Authenticate", "Bearer"));
    HttpResponse response = client.readResponse();
    assertEquals(401, response.status());
    assertEquals("Bearer", response.header("WWW-Authenticate"));
    assertEquals("token expired\n", response.text());
    client.expectEnd();
    client.close();
    awaitNothingHeld(server);
    assertEquals(0, handlers.get());
  }

  @Test
  void decisionThatTakesTooLongIs503AndComesToNothing() throws Exception {
    Duration deadline = Duration.ofMillis(250);
    Server server = start(deciding(deadline));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = request(server);
    Asked one = awaitAsked();
    HttpResponse response = client.readResponse();
    elapsed.assertDue(deadline, "the answer of the deadline");
    assertEquals(503, response.status());
    assertEquals("1", response.header("Retry-After"));
    client.expectEnd();
    client.close();
    awaitNothingHeld(server);
    one.accept();
    connect(server, "/probe").write(Frame.text("next")).expectText("next");
    assertEquals(0, handlers.get());
    assertEquals(1, recorder.count("open"));
  }

  /** The handshake's own deadline ends with the request. */
  @Test
  void decisionMayTakeLongerThanTheRequest() throws Exception {
    Limits limits = COUNTED.withHandshakeTimeout(Duration.ofMillis(150));
    RawClient client = request(start(deciding(LONG).limits(limits)));
    Asked one = awaitAsked();
    CompletableFuture.runAsync(
        one::accept, CompletableFuture.delayedExecutor(400, TimeUnit.MILLISECONDS));
    client.expectAccepted();
    client.write(Frame.text("in")).expectText("in");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void decisionThatFailsIsAnInternalError(boolean withNull) throws Exception {
    Server server = startDeciding();
    RawClient client = request(server);
    Asked one = awaitAsked();
    if (withNull) {
      one.answer().complete(null);
    } else {
      one.answer().completeExceptionally(new IllegalStateException("planted"));
    }
    HttpResponse response = client.readResponse();
    assertEquals(500, response.status());
    assertFalse(response.text().contains("planted"), response.text());
    client.expectEnd();
    client.close();
    awaitNothingHeld(server);
    connect(server, "/probe").write(Frame.text("alive")).expectText("alive");
  }

  @Test
  void decisionOnTheLoopItself() throws Exception {
    Server server = startDeciding();
    connect(server, "/probe");
    Connection neighbour = recorder.awaitOpen();
    RawClient client = request(server);
    Asked one = awaitAsked();
    assertTrue(neighbour.execute(one::accept));
    client.expectAccepted();
    client.write(Frame.text("in")).expectText("in");
  }

  /** Before the hook has returned, or while its loop looks at what it gave. */
  @Test
  void decisionThatIsThereAtOnceOrNearly() throws Exception {
    Server server =
        start(
            server()
                .loops(2)
                .route("/", ECHO)
                .onUpgradeAsync(
                    request ->
                        request.query().isPresent()
                            ? CompletableFuture.supplyAsync(Upgrade::accept)
                            : CompletableFuture.completedFuture(Upgrade.accept()),
                    LONG));
    for (int i = 0; i < 200; i++) {
      try (RawClient client = RawClient.connect(address(server), i % 2 == 0 ? "/" : "/?later")) {
        client.write(Frame.text("in")).expectText("in");
      }
    }
  }

  @Test
  void whateverIsBehindTheRequestWaitsFor101() throws Exception {
    byte[] large = Seed.bytes(Seed.random("behind the request"), 900_000);
    Server server = startDeciding();
    byte[] stream =
        Frame.join(
            UpgradeRequestText.to("/").bytes(),
            Frame.text("eager").bytes(),
            Frame.ping("p").bytes(),
            Frame.text("cut").bytes(),
            Frame.binary(large).bytes());
    int cut = UpgradeRequestText.to("/").bytes().length + 11 + 7 + 3;
    RawClient client = open(server).write(stream, 0, cut);
    Asked one = awaitAsked();
    CompletableFuture<Void> writing =
        client.writeMeanwhile(Arrays.copyOfRange(stream, cut, stream.length));
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      for (int i = 0; i < 20; i++) {
        probe.awaitTurn();
      }
    }
    assertEquals(0, recorder.deliveries());
    assertEquals(0, handlers.get());
    one.accept();
    client.expectAccepted();
    client.expectText("eager");
    client.expectText("cut");
    client.expectBinary(large);
    client.expectPongs("p");
    Deadline.await(writing, "the write");
    assertEquals(3, recorder.deliveries());
  }

  @Test
  void whatIsBehindARejectedRequestIsNothing() throws Exception {
    RawClient client = open(startDeciding());
    byte[] request = UpgradeRequestText.to("/").bytes();
    client.write(Frame.join(request, Frame.text("smuggled").bytes(), request));
    awaitAsked().answer().complete(Upgrade.reject(403, "no"));
    assertEquals(403, client.readResponse().status());
    client.expectEnd();
    assertTrue(asked.isEmpty(), "a request behind the request was asked for");
    assertEquals(List.of(), recorder.order());
  }

  /** A peer that is gone gives its place back at once, and what is decided later is nothing. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void peerThatResetsWhileItIsDecidedOn(boolean behindFrames) throws Exception {
    Server server = startDeciding();
    RawClient probe = connect(server, "/probe");
    Connection neighbour = recorder.awaitOpen();
    RawClient client = request(server);
    Asked one = awaitAsked();
    assertEquals(1, held(server));
    if (behindFrames) {
      client.write(Frame.text("behind"));
      probe.write(Frame.text("turn")).expectText("turn");
    }
    client.reset();
    Deadline.until(() -> held(server) == 0, "the place of a peer that is gone");
    assertIdleFor(Duration.ofMillis(100), neighbour);
    one.accept();
    probe.write(Frame.text("alive")).expectText("alive");
    assertEquals(0, handlers.get());
    assertEquals(1, server.connectionCount());
  }

  /** On a Unix socket an end is an end of both directions: nobody reads the answer any more. */
  @Test
  void localPeerThatIsGoneWhileItIsDecidedOn(@TempDir Path directory) throws Exception {
    Server server = start(deciding(LONG).listen("ws+unix://" + directory.resolve("socket")));
    connect(server, "/probe");
    Connection neighbour = recorder.awaitOpen();
    for (boolean behindFrames : new boolean[] {false, true}) {
      RawClient client = closeLater(RawClient.open(server.addresses().get(1)));
      client.write(UpgradeRequestText.to("/").bytes());
      Asked one = awaitAsked();
      if (behindFrames) {
        client.write(Frame.text("behind"));
      }
      client.close();
      if (noticesLocalEndsAtOnce()) {
        Deadline.until(() -> held(server) == 0, "the place of a peer that is gone");
      }
      assertIdleFor(Duration.ofMillis(100), neighbour);
      one.accept();
      Deadline.until(() -> held(server) == 0, "the place of a peer that is gone");
    }
    Deadline.until(() -> server.connectionCount() == 1, "its end");
    Deadline.until(() -> recorder.count("open") == 1 + recorder.count("close"), "every onClose");
  }

  /** It may read on (RFC 6455 7.1.1 speaks of both directions): it gets its answer. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void peerThatHalfClosesWhileItIsDecidedOnIsAnswered(boolean accepted) throws Exception {
    Server server = startDeciding();
    connect(server, "/probe");
    Connection neighbour = recorder.awaitOpen();
    RawClient client = request(server);
    Asked one = awaitAsked();
    client.shutdownOutput();
    assertIdleFor(Duration.ofMillis(200), neighbour);
    one.answer().complete(accepted ? Upgrade.accept() : Upgrade.reject(401, "who?"));
    if (accepted) {
      client.expectAccepted();
      client.awaitGone();
      assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
    } else {
      assertEquals(401, client.readResponse().status());
      client.expectEnd();
    }
    client.close();
    Deadline.until(() -> held(server) == 0, "its place");
  }

  /** Its answer is 503, whatever the application says. */
  @Test
  void shutdownWhileItIsDecidedOn() throws Exception {
    Server server = startDeciding();
    RawClient other = connect(server, "/probe");
    RawClient client = request(server);
    Asked one = awaitAsked();
    Task shutdown = Task.start("shutdown", () -> server.shutdown(Deadline.WAIT));
    other.expectClose(CloseCode.GOING_AWAY);
    one.accept();
    assertEquals(503, client.readResponse().status());
    client.expectEnd();
    client.close();
    other.write(Frame.close(CloseCode.GOING_AWAY, ""));
    other.expectEnd();
    other.close();
    shutdown.join();
    awaitNothingHeld(server);
    assertEquals(1, recorder.count("open"), "opened while shutting down");
  }

  /** Though no connection is open any more. */
  @Test
  void shutdownWaitsForADecisionAlone() throws Exception {
    Server server = startDeciding();
    RawClient client = request(server);
    Asked one = awaitAsked();
    Task shutdown = Task.start("shutdown", () -> server.shutdown(Deadline.WAIT));
    Deadline.until(() -> isRefused(server), "the listener to be closed");
    one.accept();
    assertEquals(503, client.readResponse().status());
    client.expectEnd();
    client.close();
    shutdown.join();
    awaitNothingHeld(server);
  }

  private static boolean isRefused(Server server) {
    URI address = address(server);
    try (Socket socket = new Socket(address.getHost(), address.getPort())) {
      return !socket.isConnected();
    } catch (ConnectException refused) {
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void shutdownDoesNotWaitForADecisionThatNeverComes() throws Exception {
    Server server = startDeciding();
    RawClient client = request(server);
    Asked one = awaitAsked();
    Elapsed elapsed = Elapsed.begin();
    server.shutdown(Duration.ofMillis(200));
    assertTrue(elapsed.time().compareTo(Duration.ofSeconds(2)) < 0, "took " + elapsed.time());
    client.awaitGone();
    awaitNothingHeld(server);
    one.accept(); // nobody is there any more
    assertEquals(0, handlers.get());
  }

  @Test
  void theLastHookCounts() throws Exception {
    Server atOnce = start(deciding(LONG).onUpgrade(request -> Upgrade.accept()));
    connect(atOnce).write(Frame.text("in")).expectText("in");
    Server.Builder builder =
        server().route("/", ECHO).onUpgrade(request -> Upgrade.reject(403, "not asked for"));
    Server inTime = start(builder.onUpgradeAsync(this::ask, LONG));
    RawClient client = request(inTime);
    awaitAsked().accept();
    client.expectAccepted();
  }

  /** Decided on in any order, by several threads, while some leave in their ways. */
  @Test
  void manyAtOnce() throws Exception {
    int count = 120;
    Server server = start(deciding(LONG).loops(2));
    List<RawClient> clients = new ArrayList<>();
    List<Asked> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      clients.add(request(server));
      all.add(awaitAsked());
    }
    assertEquals(count, held(server));
    for (int i = 0; i < count; i += 3) {
      clients.get(i).reset();
    }
    Collections.shuffle(all, Seed.random("order of decisions"));
    List<Task> deciders = new ArrayList<>();
    for (int t = 0; t < 3; t++) {
      List<Asked> part = all.subList(t * count / 3, (t + 1) * count / 3);
      deciders.add(Task.start("decider " + t, () -> part.forEach(Asked::accept)));
    }
    for (Task decider : deciders) {
      decider.join();
    }
    for (int i = 0; i < count; i++) {
      if (i % 3 != 0) {
        clients.get(i).expectAccepted();
        clients.get(i).write(Frame.text("in " + i)).expectText("in " + i);
        clients.get(i).close();
      }
    }
    awaitNoConnections(server);
    awaitNothingHeld(server);
    Deadline.until(() -> recorder.count("open") == recorder.count("close"), "every onClose");
  }
}
