// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.millrace.Client;
import dev.millrace.ClientStatistics;
import dev.millrace.CloseCode;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.ServerStatistics;
import dev.millrace.SocketOptions;
import dev.millrace.Upgrade;
import dev.millrace.UpgradeResult;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** What a server and a client count of themselves: each number against what was done. */
public abstract class StatisticsSuite extends EngineSuite {

  private static final int SAMPLED_ONE_IN = 64;
  private static final long SPIN_NANOS = 2_000_000;

  private static ServerStatistics statistics(Server server) {
    ServerStatistics statistics = new ServerStatistics();
    server.statistics(statistics);
    return statistics;
  }

  private static ServerStatistics await(
      Server server, Predicate<ServerStatistics> condition, String what) {
    ServerStatistics statistics = new ServerStatistics();
    Deadline.until(
        () -> {
          server.statistics(statistics);
          return condition.test(statistics);
        },
        what);
    return statistics;
  }

  private int status(Server server, UpgradeRequestText request) throws IOException {
    try (RawClient client = RawClient.open(address(server))) {
      return client.write(request.bytes()).readResponse().status();
    }
  }

  private int status(Server server, String target) throws IOException {
    return status(server, UpgradeRequestText.to(target));
  }

  private int statusOfPlain(Server server, String target) throws IOException {
    try (RawClient client = RawClient.open(address(server))) {
      byte[] request =
          ("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
              .getBytes(StandardCharsets.US_ASCII);
      return client.write(request).readResponse().status();
    }
  }

  // ---- Connections.

  @Test
  void upgradesAreCountedByWhatBecameOfThem() throws Exception {
    muteLog();
    Server server =
        start(
            server()
                .loops(2)
                .limits(
                    Limits.defaults()
                        .withMaxConnections(3)
                        .withMaxConnectionsPerRoute(2)
                        .withMaxConnectionsPerAddress(100))
                .route("/", ECHO)
                .route("/other", ECHO)
                .route(
                    "/broken",
                    () -> {
                      throw new IllegalStateException("planted");
                    })
                .onUpgradeAsync(
                    request ->
                        switch (request.query().orElse("")) {
                          case "no" -> CompletableFuture.completedStage(Upgrade.reject(401, "no"));
                          case "never" -> new CompletableFuture<>();
                          default -> CompletableFuture.completedStage(Upgrade.accept());
                        },
                    Duration.ofMillis(20)));
    assertEquals(404, status(server, "/nowhere"));
    assertEquals(404, status(server, "/nowhere/else"));
    assertEquals(
        403, status(server, UpgradeRequestText.to("/").with("Origin", "http://evil.example")));
    assertEquals(401, status(server, "/?no"));
    assertEquals(503, status(server, "/?never"));
    assertEquals(500, status(server, "/broken"));
    assertEquals(400, status(server, UpgradeRequestText.to("/").without("Sec-WebSocket-Key")));
    assertEquals(400, status(server, "/%zz"));
    assertEquals(400, statusOfPlain(server, "/%zz"));
    assertEquals(426, statusOfPlain(server, "/"));
    assertEquals(404, statusOfPlain(server, "/nowhere"));
    connect(server);
    connect(server);
    assertEquals(503, status(server, "/"));
    connect(server, "/other");
    assertEquals(503, status(server, "/other"));

    Map<UpgradeResult, Long> expected = new EnumMap<>(UpgradeResult.class);
    expected.put(UpgradeResult.ACCEPTED, 3L);
    expected.put(UpgradeResult.MALFORMED, 4L);
    expected.put(UpgradeResult.NOT_FOUND, 2L);
    expected.put(UpgradeResult.ORIGIN, 1L);
    expected.put(UpgradeResult.ROUTE_LIMIT, 1L);
    expected.put(UpgradeResult.FULL, 1L);
    expected.put(UpgradeResult.REJECTED, 1L);
    expected.put(UpgradeResult.TIMED_OUT, 1L);
    expected.put(UpgradeResult.FAILED, 1L);
    ServerStatistics seen = statistics(server);
    for (UpgradeResult result : UpgradeResult.values()) {
      assertEquals(expected.getOrDefault(result, 0L), seen.upgraded(result), result::name);
    }
    assertEquals(3, seen.opened());
    assertEquals(0, seen.closed());
  }

  @Test
  void aLimitByAddressAndByRateIsCountedApart() throws Exception {
    Server server =
        start(
            server()
                .limits(
                    Limits.defaults().withMaxConnectionsPerAddress(1).withMaxUpgradesPerSecond(3))
                .route("/", ECHO));
    connect(server);
    assertEquals(503, status(server, "/"));
    assertEquals(1, statistics(server).upgraded(UpgradeResult.ADDRESS_LIMIT));
    Deadline.until(
        () -> {
          try {
            status(server, "/");
          } catch (IOException e) {
            throw new AssertionError(e);
          }
          return statistics(server).upgraded(UpgradeResult.RATE_LIMIT) > 0;
        },
        "one too many in a second");
  }

  @Test
  void closesAreCountedByCode() throws Exception {
    muteLog();
    Handler handler =
        (connection, message) -> {
          switch (message.text()) {
            case "throw" -> throw new IllegalStateException("planted");
            case "later" -> connection.close(CloseCode.TRY_AGAIN_LATER, "");
            default -> connection.send(message);
          }
        };
    ExecutorService pool = closeLater(new Pool()).threads;
    Server server =
        start(
            server()
                .loops(2)
                .route("/", handler)
                .route("/pool", handler, HandlerExecutor.of(pool)));
    for (String target : List.of("/", "/pool")) {
      for (int code : new int[] {1000, 1001, 3000, 3999, 4000, 4321}) {
        expectClose(server, target, Frame.close(code, ""), code);
      }
      expectClose(server, target, Frame.text("throw"), 1011);
      expectClose(server, target, Frame.text("later"), 1013);
      expectClose(server, target, Frame.text("x").withReservedBits(4), 1002);
      try (RawClient without = connect(server, target)) {
        without.write(Frame.close()).readFrame();
      }
      connect(server, target).reset();
    }
    ServerStatistics seen = await(server, s -> s.closed() == 22, "ends");
    assertEquals(22, seen.opened());
    assertEquals(2, seen.closed(1000));
    assertEquals(2, seen.closed(1001));
    assertEquals(2, seen.closed(1002));
    assertEquals(2, seen.closed(CloseCode.NO_STATUS_RECEIVED));
    assertEquals(2, seen.closed(CloseCode.ABNORMAL_CLOSURE));
    assertEquals(2, seen.closed(1011));
    assertEquals(2, seen.closed(1013));
    assertEquals(4, seen.closed(3000));
    assertEquals(4, seen.closed(3777), "all of 3000 to 3999");
    assertEquals(4, seen.closed(4999), "all of 4000 to 4999");
    assertEquals(0, seen.closed(2000), "all others");
  }

  private void expectClose(Server server, String target, Frame frame, int code) throws Exception {
    try (RawClient client = connect(server, target)) {
      client.write(frame).expectCloseAndEnd(code);
    }
  }

  // ---- Traffic, queues, memory.

  @Test
  void messagesAndBytesOfAllLoopsAreAddedUp() throws Exception {
    Server server = start(server().loops(2).route("/", ECHO));
    byte[] payload = new byte[1000];
    for (int i = 0; i < 4; i++) {
      RawClient client = connect(server);
      for (int message = 0; message < 5; message++) {
        client.write(Frame.binary(payload)).expectBinary(payload);
      }
    }
    ServerStatistics seen =
        await(
            server,
            s -> s.messagesSent() == 20 && s.systemCalls() >= s.total().ticks() + 40,
            "20 messages");
    assertEquals(20, seen.messagesReceived());
    assertEquals(2, seen.loops());
    assertEquals(4, seen.connections());
    assertEquals(10, seen.loop(0).messagesReceived());
    assertEquals(10, seen.loop(1).messagesReceived());
    assertTrue(seen.bytesReceived() >= 20 * 1008, seen.total()::toString);
    assertTrue(seen.eventsPerTick() > 0);
    assertEquals(server.limits().maxMemoryBytes(), seen.memoryLimit());
    assertTrue(seen.memoryInUse() >= 0);
    assertThrows(IndexOutOfBoundsException.class, () -> seen.loop(2));
  }

  @Test
  void bytesThatWaitForASlowPeerAreTheQueue() throws Exception {
    Recorder recorder = new Recorder();
    Server server =
        start(
            server()
                .limits(Limits.defaults().withHighWaterMarkBytes(4 << 20))
                // So that the sockets hold less than that, and a part of it stays.
                .socketOptions(SocketOptions.defaults().withSendBufferBytes(64 << 10))
                .route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    ByteBuffer payload = ByteBuffer.allocate(64 << 10);
    int sent = 0;
    while (connection.send(payload) == SendResult.ACCEPTED) {
      sent++;
    }
    await(
        server,
        seen -> seen.queuedBytes() > 0 && seen.queuedBytes() == connection.bufferedBytes(),
        "the queue of one");
    assertEquals(1, statistics(server).refusedSends());
    for (int i = 0; i < sent; i++) {
      client.expectBinary(new byte[64 << 10]);
    }
    await(server, seen -> seen.queuedBytes() == 0, "an empty queue");
  }

  @Test
  void whatWaitsForAPolicyIsQueuedAndWhatItDropsIsCounted() throws Exception {
    Recorder recorder = new Recorder();
    Server server =
        start(
            server()
                .limits(Limits.defaults().withHighWaterMarkBytes(4 << 20))
                .socketOptions(SocketOptions.defaults().withSendBufferBytes(64 << 10))
                .route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    SendOptions options = SendOptions.defaults().withPolicy(SendOptions.Policy.DROP_OLDEST);
    ByteBuffer payload = ByteBuffer.allocate(64 << 10);
    int sent = 0;
    while (connection.droppedMessages() < 3) {
      assertEquals(SendResult.ACCEPTED, connection.send(payload, options));
      sent++;
    }
    ServerStatistics seen =
        await(
            server,
            s -> s.queuedMessages() > 0 && s.queuedMessages() == connection.queuedMessages(),
            "the queue of one");
    assertEquals(3, seen.dropped(SendOptions.Policy.DROP_OLDEST));
    assertEquals(0, seen.dropped(SendOptions.Policy.DROP_NEWEST));
    assertTrue(seen.queuedBytes() >= seen.queuedMessages() * payload.capacity());
    for (int i = 0; i < sent - 3; i++) {
      client.expectBinary(payload.array());
    }
    await(server, s -> s.queuedMessages() == 0 && s.queuedBytes() == 0, "an empty queue");
  }

  @Test
  void aDifferenceIsWhatHappenedBetween() throws Exception {
    Server server = startEcho();
    RawClient client = connect(server);
    client.write(Frame.text("before")).expectText("before");
    ServerStatistics before = await(server, s -> s.messagesSent() == 1, "one message");
    for (int i = 0; i < 2 * SAMPLED_ONE_IN; i++) {
      client.write(Frame.text("between")).expectText("between");
    }
    expectClose(server, "/", Frame.close(1000, ""), 1000);
    ServerStatistics after =
        await(
            server,
            s -> s.messagesSent() == 1 + 2 * SAMPLED_ONE_IN && s.closed() == 1,
            "all of them");
    ServerStatistics between = after.since(before);
    assertEquals(2 * SAMPLED_ONE_IN, between.messagesReceived());
    assertEquals(1, between.opened());
    assertEquals(1, between.closed(1000));
    assertEquals(after.connections(), between.connections(), "no count but a level");
    assertEquals(2, between.handlerTime().count());
    assertTrue(between.elapsed().compareTo(after.elapsed()) < 0);
    assertEquals(
        between.messagesReceived() / (between.elapsed().toNanos() / 1e9),
        between.perSecond(between.messagesReceived()),
        0.001);
    assertThrows(IllegalArgumentException.class, () -> before.since(after));
  }

  @Test
  void readingAllocatesNothing() throws Exception {
    Server server = start(server().loops(2).route("/", ECHO));
    RawClient client = connect(server);
    client.write(Frame.text("x")).expectText("x");
    ServerStatistics statistics = new ServerStatistics();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long least = Long.MAX_VALUE;
    // The first rounds also load and compile.
    for (int round = 0; round < 20 && least > 0; round++) {
      long before = threads.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < 200; i++) {
        server.statistics(statistics);
        statistics.handlerTime().nanosAt(99);
        statistics.busyRatio();
      }
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
    }
    assertEquals(0, least, "bytes for 200 snapshots");
  }

  // ---- Times.

  private static void spin(Connection connection, Message message) {
    long begin = System.nanoTime();
    while (System.nanoTime() - begin < SPIN_NANOS) {
      Thread.onSpinWait();
    }
    connection.send(message);
  }

  private void expectTimesOfOneIn64(Server server) throws Exception {
    int messages = 3 * SAMPLED_ONE_IN;
    RawClient client = connect(server);
    List<Frame> frames = new ArrayList<>();
    for (int i = 0; i < messages; i++) {
      frames.add(Frame.text("m" + i));
    }
    CompletableFuture<Void> written =
        client.writeMeanwhile(RawClient.bytesOf(frames.toArray(Frame[]::new)));
    for (int i = 0; i < messages; i++) {
      client.expectText("m" + i);
    }
    Deadline.await(written, "all written");
    ServerStatistics seen = await(server, s -> s.handlerTime().count() == 3, "three samples");
    assertEquals(3, seen.queueTime().count());
    assertTrue(seen.handlerTime().nanosAt(1) >= SPIN_NANOS, seen.handlerTime()::toString);
    // All came at once: the last of them waited for those before it.
    assertTrue(seen.queueTime().maxNanos() >= 50 * SPIN_NANOS, seen.queueTime()::toString);
    assertTrue(seen.queueTime().nanosAt(50) <= seen.queueTime().maxNanos());
  }

  @Test
  void handlersOnTheLoopAreMeasured() throws Exception {
    expectTimesOfOneIn64(start(server().route("/", StatisticsSuite::spin)));
  }

  @Test
  void handlersOnExecutorsAreMeasured() throws Exception {
    ExecutorService pool = closeLater(new Pool()).threads;
    expectTimesOfOneIn64(
        start(server().route("/", StatisticsSuite::spin, HandlerExecutor.of(pool))));
  }

  @Test
  void everyAnsweredPingIsARoundTrip() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(server().route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    for (int i = 0; i < 3; i++) {
      connection.webSocket().ping();
      ServerFrame ping = client.readFrame();
      assertEquals(Frame.PING, ping.opcode());
      client.write(Frame.of(Frame.PONG, ping.payload()));
      long expected = i + 1;
      await(server, s -> s.roundTrip().count() == expected, "a round trip");
    }
    long last = connection.webSocket().roundTripTime().orElseThrow().toNanos();
    ServerStatistics seen = statistics(server);
    assertTrue(seen.roundTrip().maxNanos() >= last, seen.roundTrip()::toString);
    client.write(Frame.pong("nobody asked"));
    client.write(Frame.text("behind"));
    recorder.awaitMessage();
    assertEquals(3, statistics(server).roundTrip().count());
  }

  /** A loop that waits is not busy, also while its wait is not over. */
  @Test
  void aLoopThatWaitsIsNotBusy() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(server().route("/", recorder));
    connect(server);
    Connection connection = recorder.awaitOpen();
    ServerStatistics before = statistics(server);
    assertIdleFor(Duration.ofMillis(200), connection);
    ServerStatistics between = statistics(server).since(before);
    assertTrue(between.busyRatio() < 0.5, () -> "busy: " + between.busyRatio());
    assertTrue(between.busyRatio(0) >= 0);
  }

  // ---- Clients.

  @Test
  void aClientCountsTheSame() throws Exception {
    Server server = startEcho();
    Client client = closeLater(Client.builder().engine(engine()).build());
    Recorder recorder = new Recorder();
    Connection connection =
        Deadline.await(client.connect(address(server), recorder), "an open connection");
    for (int i = 0; i < SAMPLED_ONE_IN; i++) {
      connection.send("m" + i);
      recorder.awaitMessage();
    }
    connection.close(4000, "");
    recorder.awaitClose();
    ClientStatistics seen = new ClientStatistics();
    Deadline.until(
        () -> {
          client.statistics(seen);
          return seen.closed(4000) == 1 && seen.handlerTime().count() == 1;
        },
        "an end");
    assertEquals(1, seen.opened());
    assertEquals(SAMPLED_ONE_IN, seen.messagesReceived());
    ClientStatistics later = new ClientStatistics();
    client.statistics(later);
    assertEquals(0, later.since(seen).messagesReceived());
  }

  private static final class Pool implements AutoCloseable {
    final ExecutorService threads = Executors.newFixedThreadPool(2);

    @Override
    public void close() {
      threads.shutdownNow();
    }
  }
}
