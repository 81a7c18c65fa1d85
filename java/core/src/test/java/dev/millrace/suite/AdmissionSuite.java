// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.AdmissionStatistics;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How many connections there may be, whose, and where; and that every place is given back. */
public abstract class AdmissionSuite extends EngineSuite {

  private static final Limits NONE = Limits.defaults();

  /** Another address of this machine than clients have by default. */
  private static final String OTHER = "127.0.0.2";

  private final AtomicInteger asked = new AtomicInteger();
  private final AtomicInteger handlers = new AtomicInteger();

  @BeforeEach
  final void expectPlantedFailures() {
    muteLog();
  }

  private static final Handler THROWING =
      (connection, message) -> {
        throw new IllegalStateException("planted");
      };

  private static void reject(Runnable task) {
    throw new RejectedExecutionException("planted");
  }

  private Server.Builder counting(Limits limits) {
    return server()
        .limits(limits)
        .route("/", ECHO)
        .route("/other", ECHO)
        .route("/throwing", THROWING)
        .route("/pool", ECHO, HandlerExecutor.of(task -> new Thread(task, "pool").start()))
        .route("/rejecting", ECHO, HandlerExecutor.of(AdmissionSuite::reject))
        .route(
            "/failing",
            () -> {
              throw new IllegalStateException("planted");
            })
        .get("/page", "text/plain", () -> "page")
        .onUpgrade(
            request -> {
              asked.incrementAndGet();
              return request.query().isPresent() ? Upgrade.reject(401, "who?") : Upgrade.accept();
            });
  }

  private static RawClient request(RawClient client, String target) throws IOException {
    return client.write(UpgradeRequestText.to(target).bytes());
  }

  private int status(Server server, String target) throws IOException {
    try (RawClient client = RawClient.open(address(server))) {
      return request(client, target).readResponse().status();
    }
  }

  private void expectRefused(RawClient client, String target, String sentence) throws IOException {
    int before = asked.get();
    HttpResponse response = request(client, target).readResponse();
    assertEquals(503, response.status(), response::text);
    assertEquals("1", response.header("Retry-After"));
    assertEquals(sentence + "\n", response.text());
    client.expectEnd();
    assertEquals(before, asked.get(), "the application was asked");
  }

  private static void awaitNothingHeld(Server server) {
    Deadline.until(
        () -> {
          AdmissionStatistics now = server.admission();
          return now.connectionsByRoute().isEmpty() && now.addresses() == 0;
        },
        "no place held");
  }

  // ---- By server.

  @Test
  void serverHoldsItsConnectionsAndNoMore() throws Exception {
    Server server = start(counting(NONE.withMaxConnections(5)).loops(2));
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      clients.add(connect(server));
    }
    for (int i = 0; i < 5; i++) {
      RawClient refused = request(open(server), "/");
      assertEquals(503, refused.readResponse().status());
      refused.expectEnd();
    }
    assertEquals(5, asked.get(), "the application was asked for one too many");
    assertEquals(5, server.connectionCount());
    RawClient page = open(server);
    page.write("GET /page HTTP/1.1\r\nHost: h\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    assertEquals(200, page.readResponse().status(), "a page is no connection");
    for (RawClient client : clients) {
      client.write(Frame.text("served")).expectText("served");
    }
    clients.get(0).reset();
    clients.get(1).write(Frame.close(1000, ""));
    clients.get(1).expectCloseAndEnd(1000);
    clients.get(1).close();
    for (int i = 0; i < 2; i++) {
      Deadline.until(() -> server.connectionCount() < 5, "room for another");
      clients.add(connect(server));
    }
    assertEquals(503, status(server, "/"));
  }

  /** Also one that was let in before the server was full has no place before its 101. */
  @Test
  void decisionThatComesToAFullServerIs503() throws Exception {
    CompletableFuture<Upgrade> first = new CompletableFuture<>();
    Server server =
        start(
            server()
                .limits(NONE.withMaxConnections(1).withMaxConnectionsPerAddress(10))
                .route("/", ECHO)
                .onUpgradeAsync(
                    request ->
                        request.query().isPresent()
                            ? first
                            : CompletableFuture.completedFuture(Upgrade.accept()),
                    Duration.ofMinutes(1)));
    RawClient waiting = request(open(server), "/?first");
    Deadline.until(() -> server.admission().addresses() == 1, "the first request");
    RawClient second = connect(server);
    first.complete(Upgrade.accept());
    assertEquals(503, waiting.readResponse().status());
    waiting.expectEnd();
    second.write(Frame.text("served")).expectText("served");
    second.close();
    awaitNothingHeld(server);
    connect(server).write(Frame.text("room again")).expectText("room again");
  }

  /** Handshakes that do not go on have room of their own, and it is bounded too. */
  @Test
  void silentHandshakesDoNotTakePlaces() throws Exception {
    Server server = start(counting(NONE.withMaxConnections(2)));
    for (int i = 0; i < 30; i++) {
      open(server);
    }
    connect(server).write(Frame.text("served")).expectText("served");
    connect(server).write(Frame.text("served")).expectText("served");
    assertEquals(503, status(server, "/"));
  }

  // ---- By route.

  @Test
  void eachRouteHoldsItsConnectionsAndNoMore() throws Exception {
    Server server = start(counting(NONE.withMaxConnectionsPerRoute(2)).loops(2));
    RawClient first = connect(server);
    RawClient second = connect(server);
    expectRefused(open(server), "/", "too many connections to this path");
    connect(server, "/other").write(Frame.text("served")).expectText("served");
    assertEquals(Map.of("/", 2, "/other", 1), server.admission().connectionsByRoute());
    assertEquals(1, server.admission().refusedByRoute());
    second.write(Frame.text("served")).expectText("served");
    first.close();
    Deadline.until(() -> server.admission().connectionsByRoute().get("/") == 1, "room");
    connect(server).write(Frame.text("room again")).expectText("room again");
  }

  @Test
  void everyWayOutGivesThePlaceBack() throws Exception {
    Server server =
        start(counting(NONE.withMaxConnectionsPerRoute(1).withMaxConnectionsPerAddress(1)));
    for (int round = 0; round < 18; round++) {
      leave(server, round % 9);
      awaitNothingHeld(server);
    }
    assertEquals(0, server.admission().refusedByRoute());
    assertEquals(0, server.admission().refusedByAddress());
  }

  private void leave(Server server, int way) throws IOException {
    RawClient client = RawClient.open(address(server));
    switch (way) {
      case 0 -> client.shakeHands("/").close();
      case 1 -> client.shakeHands("/").reset();
      case 2 -> client.shakeHands("/").write(Frame.close(1000, "")).expectCloseAndEnd(1000);
      case 3 -> client.shakeHands("/").write(Frame.of(3, new byte[0])).expectCloseAndEnd(1002);
      case 4 -> client.shakeHands("/throwing").write(Frame.text("x")).expectCloseAndEnd(1011);
      case 5 -> assertEquals(500, request(client, "/failing").readResponse().status());
      case 6 -> client.shakeHands("/pool").write(Frame.text("x")).expectText("x");
      case 7 -> client.shakeHands("/rejecting").expectCloseAndEnd(1013);
      default -> assertEquals(401, request(client, "/?who").readResponse().status());
    }
    client.close();
  }

  // ---- By address.

  @Test
  void eachAddressHoldsItsConnectionsAndNoMore(@TempDir Path directory) throws Exception {
    Server server =
        start(
            counting(NONE.withMaxConnectionsPerAddress(2))
                .loops(2)
                .listen("ws+unix://" + directory.resolve("socket")));
    RawClient first = connect(server);
    connect(server, "/other");
    expectRefused(open(server), "/", "too many connections from this address");
    RawClient other = closeLater(RawClient.openFrom(OTHER, address(server))).shakeHands("/");
    other.write(Frame.text("served")).expectText("served");
    assertEquals(2, server.admission().addresses());
    assertEquals(1, server.admission().refusedByAddress());
    for (int i = 0; i < 5; i++) {
      RawClient local = closeLater(RawClient.connect(server.addresses().get(1), "/"));
      local.write(Frame.text("not counted")).expectText("not counted");
    }
    other.close();
    Deadline.until(() -> server.admission().addresses() == 1, "the other address to be forgotten");
    first.close();
    awaitAccepted(server);
  }

  /** Until there is room, as a client does that is told to try again. */
  private void awaitAccepted(Server server) {
    Deadline.until(
        () -> {
          try {
            return status(server, "/") == 101;
          } catch (IOException e) {
            throw new AssertionError(e);
          }
        },
        "room again");
  }

  // ---- By rate.

  @Test
  void anAddressAsksSoOftenAndNoMore(@TempDir Path directory) throws Exception {
    Server server =
        start(
            counting(NONE.withMaxUpgradesPerSecond(1))
                .loops(2)
                .listen("ws+unix://" + directory.resolve("socket")));
    Elapsed elapsed = Elapsed.begin();
    RawClient first = connect(server);
    expectRefused(open(server), "/", "too many upgrades from this address");
    RawClient other = closeLater(RawClient.openFrom(OTHER, address(server)));
    other.shakeHands("/").write(Frame.text("served")).expectText("served");
    for (int i = 0; i < 5; i++) {
      closeLater(RawClient.connect(server.addresses().get(1), "/"));
    }
    assertTrue(server.admission().refusedByRate() >= 1);
    awaitAccepted(server);
    elapsed.assertDue(Duration.ofSeconds(1), "another token");
    first.write(Frame.text("served")).expectText("served");
  }

  // ---- All at once.

  /** Threads come and go in every way; at the end each place is there again, and no more. */
  @Test
  void stormLeavesEveryPlaceFree() throws Exception {
    int places = 12;
    AtomicInteger open = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    Handler counted =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            most.accumulateAndGet(open.incrementAndGet(), Math::max);
          }

          @Override
          public void onMessage(Connection connection, Message message) {
            connection.send(message);
          }

          @Override
          public void onClose(Connection connection, CloseReason reason) {
            open.decrementAndGet();
          }
        };
    Limits limits =
        NONE.withMaxConnections(places)
            .withMaxConnectionsPerRoute(9)
            .withMaxConnectionsPerAddress(8);
    int loops = 3;
    Server server =
        start(counting(limits).loops(loops).route("/counted", counted).route("/more", counted));
    List<Task> storm = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      int thread = t;
      storm.add(Task.start("storm " + t, () -> storm(server, thread)));
    }
    for (Task task : storm) {
      task.join();
    }
    awaitNoConnections(server);
    awaitNothingHeld(server);
    // Between a place that is given back and its onClose another may come, one for each loop.
    assertTrue(most.get() <= places + loops, "open at once: " + most);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < places; i++) {
      RawClient client =
          closeLater(RawClient.openFrom(i < 6 ? OTHER : "127.0.0.1", address(server)));
      clients.add(client.shakeHands(i % 2 == 0 ? "/counted" : "/more"));
    }
    assertEquals(503, status(server, "/other"), "the server is full");
    for (RawClient client : clients) {
      client.write(Frame.text("served")).expectText("served");
    }
  }

  private void storm(Server server, int thread) throws IOException {
    Random random = Seed.random("storm " + thread);
    List<RawClient> open = new ArrayList<>();
    for (int i = 0; i < 250; i++) {
      String from = random.nextBoolean() ? OTHER : "127.0.0.1";
      RawClient client = RawClient.openFrom(from, address(server));
      request(client, List.of("/counted", "/more", "/throwing", "/?who").get(random.nextInt(4)));
      if (random.nextInt(8) == 0) {
        client.reset();
        continue;
      }
      int status = client.readResponse().status();
      assertTrue(status == 101 || status == 503 || status == 401, "status " + status);
      open.add(client);
      while (open.size() > random.nextInt(5)) {
        goAway(open.remove(random.nextInt(open.size())), random.nextInt(3));
      }
    }
    for (RawClient client : open) {
      client.close();
    }
  }

  private static void goAway(RawClient client, int way) throws IOException {
    try {
      switch (way) {
        case 0 -> client.write(Frame.text("x"), Frame.close(1000, "")).awaitGone();
        case 1 -> client.reset();
        default -> client.close();
      }
    } catch (IOException ended) {
      // it was refused, and is gone
    }
    client.close();
  }
}
