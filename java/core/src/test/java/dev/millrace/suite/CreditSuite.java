// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Client;
import dev.millrace.CloseCode;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.HandlerExecutor;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Credits: exactly so many messages and bytes as were requested, and what becomes of the rest. */
public abstract class CreditSuite extends ClientEngineSuite {

  private static final Duration LONG = Duration.ofMinutes(10);

  /** Nothing but credits ends or delays anything. */
  private static final Limits LIMITS =
      Limits.defaults()
          .withPingInterval(Duration.ZERO)
          .withWriteTimeout(Duration.ZERO)
          .withCloseTimeout(LONG);

  /** Runs on credits from the first moment on. */
  private static final class Credited extends Recorder {
    private final Consumer<Connection> first;
    private final Consumer<Connection> each;

    Credited(Consumer<Connection> first) {
      this(first, connection -> {});
    }

    Credited(Consumer<Connection> first, Consumer<Connection> each) {
      this.first = first;
      this.each = each;
    }

    @Override
    public void onOpen(Connection connection) throws Exception {
      first.accept(connection);
      super.onOpen(connection);
    }

    @Override
    public void onMessage(Connection connection, Message message) throws Exception {
      super.onMessage(connection, message);
      each.accept(connection);
    }
  }

  private Server start(Recorder recorder) throws Exception {
    return start(recorder, LIMITS);
  }

  private Server start(Recorder recorder, Limits limits) throws Exception {
    return start(server().limits(limits).route("/", recorder).route("/probe", ECHO));
  }

  private static String text(int number) {
    return "message " + number;
  }

  private static Frame[] texts(int count) {
    Frame[] frames = new Frame[count];
    Arrays.setAll(frames, number -> Frame.text(text(number)));
    return frames;
  }

  private static void expectNext(Recorder recorder, String text) throws Exception {
    assertEquals(text, new String(recorder.awaitMessage().payload(), StandardCharsets.UTF_8));
  }

  /** These come, in their order, and none behind them. */
  private static void expectExactly(Server server, Recorder recorder, int from, int to)
      throws Exception {
    for (int number = from; number < to; number++) {
      expectNext(recorder, text(number));
    }
    awaitTurns(server);
    assertEquals(to, recorder.deliveries(), "delivered");
  }

  /** The loop has looked at its sockets, and could have delivered more. */
  private static void awaitTurns(Server server) throws Exception {
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      for (int i = 0; i < 5; i++) {
        probe.awaitTurn();
      }
    }
  }

  private static LoopStatistics statistics(Server server) {
    return server.statistics().get(0);
  }

  // ---- Counts.

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void asManyMessagesAsWereRequested(boolean atOnce) throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(3));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    if (atOnce) {
      client.write(texts(10));
    } else {
      try (LoopProbe probe = new LoopProbe(server, "/probe")) {
        for (Frame frame : texts(10)) {
          client.write(frame);
          probe.awaitTurn();
        }
      }
    }
    expectExactly(server, recorder, 0, 3);
    assertEquals(1, statistics(server).creditStops());
    connection.request(1);
    expectExactly(server, recorder, 3, 4);
    assertEquals(2, statistics(server).creditStops());
    connection.request(2);
    connection.request(3);
    expectExactly(server, recorder, 4, 9);
    connection.request(100);
    expectExactly(server, recorder, 9, 10);
    client.write(Frame.text(text(10)));
    expectExactly(server, recorder, 10, 11);
    assertEquals(0, statistics(server).inboundBytesPinned());
  }

  /** A message is delivered whole while any credit is left, and the rest is owed. */
  @Test
  void bytesThatAMessageTakesBeyondItsCreditAreOwed() throws Exception {
    Recorder recorder = new Credited(connection -> connection.requestBytes(19));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    int length = text(0).length(); // 9
    client.write(texts(10));
    expectExactly(server, recorder, 0, 3); // 19 - 27 = -8
    connection.requestBytes(8); // 0
    expectExactly(server, recorder, 3, 3);
    connection.requestBytes(1); // 1 - 9 = -8
    expectExactly(server, recorder, 3, 4);
    connection.requestBytes(8 + 2 * length); // 18 - 18 = 0
    expectExactly(server, recorder, 4, 6);
    connection.requestBytes(3 * length + 1); // 28 - 36 = -8
    expectExactly(server, recorder, 6, 10);
    client.write(Frame.text(text(10)));
    expectExactly(server, recorder, 10, 10);
    connection.requestBytes(9);
    expectExactly(server, recorder, 10, 11);
  }

  @Test
  void messagesAndBytesAreCountedApart() throws Exception {
    Recorder recorder =
        new Credited(
            connection -> {
              connection.request(2);
              connection.requestBytes(1000);
            });
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(texts(9));
    expectExactly(server, recorder, 0, 2);
    connection.requestBytes(1000);
    expectExactly(server, recorder, 2, 2);
    connection.request(1);
    expectExactly(server, recorder, 2, 3);
    connection.request(100);
    expectExactly(server, recorder, 3, 9);
    client.write(Frame.binary(new byte[3000])); // owes more than a thousand
    assertEquals(3000, recorder.awaitMessage().payload().length);
    client.write(Frame.text("behind"));
    awaitTurns(server);
    assertEquals(10, recorder.deliveries());
    connection.request(100);
    awaitTurns(server);
    assertEquals(10, recorder.deliveries());
    connection.requestBytes(3000);
    expectNext(recorder, "behind");
  }

  @Test
  void emptyMessagesTakeAMessageAndNoBytes() throws Exception {
    Recorder recorder = new Credited(connection -> connection.requestBytes(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Frame[] empty = new Frame[20];
    Arrays.fill(empty, Frame.binary(new byte[0]));
    client.write(empty);
    for (int i = 0; i < empty.length; i++) {
      assertEquals(0, recorder.awaitMessage().payload().length);
    }
    Connection connection = recorder.awaitOpen();
    connection.request(3);
    connection.execute(() -> {});
    awaitTurns(server);
    client.write(empty);
    awaitTurns(server);
    assertEquals(23, recorder.deliveries());
  }

  @Test
  void requestedInOnOpenBeforeWhatCameWithTheUpgrade() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = open(server);
    client.write(Frame.join(UpgradeRequestText.to("/").bytes(), RawClient.bytesOf(texts(4))));
    client.expectAccepted();
    expectExactly(server, recorder, 0, 1);
    recorder.awaitOpen().request(2);
    expectExactly(server, recorder, 1, 3);
  }

  /** Who requests one for each never stops. */
  @Test
  void requestedInTheHandlerIsThereForTheNext() throws Exception {
    Recorder recorder =
        new Credited(
            connection -> connection.request(1),
            connection -> {
              connection.request(1);
              accept(connection.send("got it"));
            });
    Server server = start(recorder);
    RawClient client = connect(server);
    int count = 500;
    client.write(texts(count));
    for (int number = 0; number < count; number++) {
      client.expectText("got it");
      expectNext(recorder, text(number));
    }
    assertEquals(0, statistics(server).creditStops());
  }

  @Test
  void requestsOfManyThreadsAddUp() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    int threads = 8;
    int each = 50;
    CompletableFuture<Void> writing =
        client.writeMeanwhile(RawClient.bytesOf(texts(threads * each + 100)));
    List<Task> tasks = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      tasks.add(
          Task.start(
              "requester " + t,
              () -> {
                for (int i = 0; i < each; i++) {
                  connection.request(1);
                }
              }));
    }
    for (Task task : tasks) {
      task.join();
    }
    Deadline.await(writing, "the write");
    expectExactly(server, recorder, 0, 1 + threads * each);
    connection.request(1000);
    expectExactly(server, recorder, 1 + threads * each, threads * each + 100);
  }

  @Test
  void messagesSaturateAndBytesDoSoAtTheirLimit() throws Exception {
    Recorder recorder =
        new Credited(
            connection -> {
              connection.request(Long.MAX_VALUE);
              connection.request(Long.MAX_VALUE);
              connection.request(1);
              connection.requestBytes(Long.MAX_VALUE);
              connection.requestBytes(Long.MAX_VALUE);
            });
    Server server = start(recorder, LIMITS.withMaxCreditBytes(20));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(texts(8));
    expectExactly(server, recorder, 0, 3); // 20 - 27 = -7
    connection.requestBytes(Long.MAX_VALUE); // 20 again
    expectExactly(server, recorder, 3, 6);
    connection.requestBytes(26);
    connection.requestBytes(1); // 20 - 18
    expectExactly(server, recorder, 6, 8);
  }

  @Test
  void unlimitedBytesDoNotOverflow() throws Exception {
    Recorder recorder =
        new Credited(
            connection -> {
              connection.requestBytes(1);
              connection.requestBytes(Long.MAX_VALUE);
              connection.requestBytes(Long.MAX_VALUE);
            });
    Server server = start(recorder, LIMITS.withMaxCreditBytes(Long.MAX_VALUE));
    RawClient client = connect(server);
    client.write(texts(8));
    expectExactly(server, recorder, 0, 8);
  }

  /** Against a count of its own, whatever is requested in whatever order. */
  @Test
  void anyRequestsDeliverWhatTheyPayFor() throws Exception {
    int count = 300;
    int most = 700;
    Random random = Seed.random("credits");
    byte[][] payloads = new byte[count][];
    Arrays.setAll(payloads, i -> Seed.bytes(random, random.nextInt(400)));
    Recorder recorder =
        new Credited(
            connection -> {
              connection.request(1);
              connection.requestBytes(1);
            });
    Server server = start(recorder, LIMITS.withMaxCreditBytes(most));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    CompletableFuture<Void> writing =
        client.writeMeanwhile(
            RawClient.bytesOf(Arrays.stream(payloads).map(Frame::binary).toArray(Frame[]::new)));
    long messages = 1;
    long bytes = 1;
    int delivered = 0;
    int seen = 0;
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      while (true) {
        while (delivered < count && messages > 0 && bytes > 0) {
          messages--;
          bytes -= payloads[delivered++].length;
        }
        for (; seen < delivered; seen++) {
          assertTrue(
              Arrays.equals(payloads[seen], recorder.awaitMessage().payload()), "message " + seen);
        }
        probe.awaitTurn();
        assertEquals(delivered, recorder.deliveries());
        if (delivered == count) {
          break;
        }
        if (random.nextBoolean()) {
          int more = 1 + random.nextInt(5);
          messages += more;
          connection.request(more);
        } else {
          int more = 1 + random.nextInt(most);
          bytes = Math.min(bytes + more, most);
          connection.requestBytes(more);
        }
      }
    }
    Deadline.await(writing, "the write");
  }

  @Test
  void onlyPositiveRequestsAreTaken() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    for (long wrong : new long[] {0, -1, Long.MIN_VALUE}) {
      assertThrows(IllegalArgumentException.class, () -> connection.request(wrong));
      assertThrows(IllegalArgumentException.class, () -> connection.requestBytes(wrong));
    }
    client.write(texts(3)); // still without credits
    expectExactly(server, recorder, 0, 3);
    client.close();
    recorder.awaitClose();
    connection.request(1);
    connection.requestBytes(1);
  }

  // ---- What waits.

  /** One long message after the other, in frames that come in pieces. */
  @Test
  void messagesInPiecesAreAssembledWhileThereIsCredit() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    byte[][] payloads = new byte[4][];
    Arrays.setAll(payloads, i -> Stamp.of(i, 0, 0, 300_000));
    List<Frame> frames = new ArrayList<>();
    for (byte[] payload : payloads) {
      frames.add(Frame.binary(Arrays.copyOf(payload, 100_000)).unfinished());
      frames.add(Frame.ping("between"));
      frames.add(Frame.continuation(Arrays.copyOfRange(payload, 100_000, 100_001)).unfinished());
      frames.add(Frame.continuation(Arrays.copyOfRange(payload, 100_001, payload.length)));
    }
    CompletableFuture<Void> writing =
        client.writeMeanwhile(RawClient.bytesOf(frames.toArray(Frame[]::new)));
    for (int i = 0; i < payloads.length; i++) {
      assertTrue(Arrays.equals(payloads[i], recorder.awaitMessage().payload()), "message " + i);
      awaitTurns(server);
      assertEquals(i + 1, recorder.deliveries());
      connection.request(1);
    }
    Deadline.await(writing, "the write");
  }

  @Test
  void messagesInManyFragmentsAreOneMessage() throws Exception {
    Recorder recorder = new Credited(connection -> connection.requestBytes(5));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(
        Frame.text("abc").unfinished(),
        Frame.continuation("def".getBytes(StandardCharsets.UTF_8)).unfinished(),
        Frame.continuation("ghi".getBytes(StandardCharsets.UTF_8)),
        Frame.text("next"));
    expectNext(recorder, "abcdefghi");
    awaitTurns(server);
    assertEquals(1, recorder.deliveries());
    connection.requestBytes(5);
    expectNext(recorder, "next");
  }

  /** Control frames in front of what waits are answered, those behind wait. */
  @Test
  void controlFramesBehindWhatWaitsWait() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(
        Frame.ping("a"),
        Frame.text(text(0)),
        Frame.ping("b"),
        Frame.text(text(1)),
        Frame.ping("c"));
    expectPong(client, "a");
    expectExactly(server, recorder, 0, 1);
    accept(connection.send("nothing before"));
    assertEquals("nothing before", client.readFrame().text());
    connection.request(1);
    expectPong(client, "b");
    expectExactly(server, recorder, 1, 2);
    accept(connection.send("nothing before"));
    assertEquals("nothing before", client.readFrame().text());
    connection.request(1);
    expectPong(client, "c");
  }

  private static void expectPong(RawClient client, String payload) throws Exception {
    ServerFrame frame = client.readFrame();
    assertEquals(Frame.PONG, frame.opcode(), frame::toString);
    assertEquals(payload, frame.text());
  }

  /** What would be read without end is not read: TCP holds the peer back. */
  @Test
  void readingStopsAndGoesOn() throws Exception {
    int length = 16 << 10;
    int count = 3000;
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    long before = statistics(server).bytesReceived();
    byte[][] frames = new byte[count][];
    Arrays.setAll(frames, i -> Frame.binary(Stamp.of(7, 0, i, length - 12)).bytes());
    CompletableFuture<Void> writing = client.writeMeanwhile(Frame.join(frames));
    recorder.awaitMessage();
    awaitTurns(server);
    assertFalse(writing.isDone(), "48 MiB fit into the kernel");
    long received = statistics(server).bytesReceived() - before;
    assertTrue(received <= (512 << 10), "read on without credits: " + received);
    long pinned = connection.pinnedBytes();
    assertTrue(pinned <= (256 << 10), "pinned: " + pinned);
    assertEquals(pinned, statistics(server).inboundBytesPinned());
    connection.request(Long.MAX_VALUE);
    for (int i = 1; i < count; i++) {
      byte[] payload = recorder.awaitMessage().payload();
      assertEquals(i, Stamp.sequenceOf(payload));
      Stamp.check(payload, 7);
    }
    Deadline.await(writing, "the write");
    awaitTurns(server);
    assertEquals(0, connection.pinnedBytes());
    assertEquals(0, statistics(server).inboundBytesPinned());
  }

  @Test
  void whatWaitsForCreditsWaitsForResumeToo() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(texts(6));
    expectExactly(server, recorder, 0, 1);
    connection.pause();
    connection.request(2);
    expectExactly(server, recorder, 1, 1);
    connection.resume();
    expectExactly(server, recorder, 1, 3);
    connection.pause();
    connection.resume();
    expectExactly(server, recorder, 3, 3);
    connection.request(1);
    expectExactly(server, recorder, 3, 4);
    connection.pause();
    connection.request(100);
    connection.resume();
    expectExactly(server, recorder, 4, 6);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void compressedMessagesTakeWhatTheyInflateTo(boolean inPieces) throws Exception {
    Recorder recorder = new Credited(connection -> connection.requestBytes(1500));
    Server server =
        start(
            server()
                .limits(LIMITS)
                .compression(Compression.enabled())
                .route("/", recorder)
                .route("/probe", ECHO));
    DeflateClient client =
        closeLater(DeflateClient.connect(address(server), "/", "permessage-deflate"));
    Connection connection = recorder.awaitOpen();
    byte[][] payloads = new byte[6][];
    Arrays.setAll(
        payloads, i -> ("letter " + i + " ").repeat(111).getBytes(StandardCharsets.UTF_8));
    for (byte[] payload : payloads) { // 999 bytes
      if (inPieces) {
        client.sendFragments(Frame.TEXT, client.compress(payload), 7);
      } else {
        client.send(Frame.TEXT, payload);
      }
    }
    int[] total = {2, 2, 4, 6};
    int[] requests = {0, 498, 1001, 10_000}; // -498, 0, 1001 - 1998 = -997
    int seen = 0;
    for (int step = 0; step < total.length; step++) {
      if (requests[step] > 0) {
        connection.requestBytes(requests[step]);
      }
      for (; seen < total[step]; seen++) {
        assertTrue(Arrays.equals(payloads[seen], recorder.awaitMessage().payload()));
      }
      awaitTurns(server);
      assertEquals(total[step], recorder.deliveries());
    }
  }

  @Test
  void routesWithAnExecutorRunOnCreditsToo() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(2);
    closeLater((AutoCloseable) pool::shutdownNow);
    Recorder recorder = new Recorder();
    Server server =
        start(
            server()
                .limits(LIMITS)
                .route("/", recorder, HandlerExecutor.of(pool))
                .route("/probe", ECHO));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.request(2);
    awaitTurn(connection);
    client.write(texts(10));
    expectExactly(server, recorder, 0, 2);
    connection.request(3);
    expectExactly(server, recorder, 2, 5);
    CountDownLatch end = new CountDownLatch(1);
    client.write(Frame.close(CloseCode.NORMAL_CLOSURE, ""));
    connection.closed().thenRun(end::countDown);
    awaitTurns(server);
    assertEquals(1, end.getCount(), "the Close behind what waits was seen");
    connection.request(5);
    expectExactly(server, recorder, 5, 10);
    connection.request(1);
    client.expectCloseAndEnd(CloseCode.NORMAL_CLOSURE);
    client.close();
    Deadline.await(end, "the end");
  }

  @Test
  void executorThatRequestsOneForEachGetsThemAll() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(2);
    closeLater((AutoCloseable) pool::shutdownNow);
    Recorder recorder =
        new Credited(connection -> connection.request(1), connection -> connection.request(1));
    Server server = start(server().limits(LIMITS).route("/", recorder, HandlerExecutor.of(pool)));
    RawClient client = connect(server);
    int count = 500;
    client.write(texts(count));
    for (int number = 0; number < count; number++) {
      expectNext(recorder, text(number));
    }
  }

  // ---- Ends.

  @Test
  void peersCloseBehindWhatWaitsComesBehindIt() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(texts(3));
    client.write(Frame.close(CloseCode.GOING_AWAY, "enough"));
    expectExactly(server, recorder, 0, 1);
    assertTrue(connection.isOpen());
    connection.request(1);
    expectExactly(server, recorder, 1, 2);
    assertTrue(connection.isOpen());
    connection.request(2);
    expectNext(recorder, text(2));
    client.expectCloseAndEnd(CloseCode.GOING_AWAY);
    client.close();
    assertEquals("enough", recorder.awaitClose().text());
    assertEquals(List.of("open", "message", "message", "message", "close"), recorder.order());
    awaitNoConnections(server);
    assertEquals(0, statistics(server).inboundBytesPinned());
    assertEquals(0, connection.pinnedBytes());
  }

  /** Also when the Close takes the last credit with it: it needs none. */
  @Test
  void peersCloseBehindTheLastCreditWaits() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    client.write(Frame.text(text(0)), Frame.close(CloseCode.NORMAL_CLOSURE, ""));
    expectExactly(server, recorder, 0, 1);
    Connection connection = recorder.awaitOpen();
    assertTrue(connection.isOpen());
    connection.request(1);
    client.expectCloseAndEnd(CloseCode.NORMAL_CLOSURE);
  }

  @Test
  void finBehindWhatWaitsEndsItBehindThat() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(texts(4));
    client.close();
    expectExactly(server, recorder, 0, 1);
    assertIdleFor(Duration.ofMillis(200), connection);
    connection.request(2);
    expectExactly(server, recorder, 1, 3);
    connection.request(2);
    expectNext(recorder, text(3));
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
    awaitNoConnections(server);
  }

  @Test
  void resetWhileSpentIsNoticedWhenCreditsCome() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(texts(4));
    expectExactly(server, recorder, 0, 1);
    client.reset();
    awaitTurns(server);
    assertIdleFor(Duration.ofMillis(200), connection);
    connection.request(100);
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
    awaitNoConnections(server);
    assertEquals(0, statistics(server).inboundBytesPinned());
  }

  /** What waits is skipped, and the closing handshake goes on at once. */
  @ParameterizedTest
  @ValueSource(ints = {3, 20_000})
  void ourCloseSkipsWhatWaits(int count) throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    byte[] frames = RawClient.bytesOf(texts(count));
    byte[] close = Frame.close(CloseCode.NORMAL_CLOSURE, "").bytes();
    CompletableFuture<Void> writing = client.writeMeanwhile(Frame.join(frames, close));
    expectExactly(server, recorder, 0, 1);
    connection.close(CloseCode.NORMAL_CLOSURE, "");
    Deadline.await(writing, "the write");
    client.expectCloseAndEnd(CloseCode.NORMAL_CLOSURE);
    client.close();
    assertEquals(CloseCode.NORMAL_CLOSURE, recorder.awaitClose().code());
    assertEquals(1, recorder.deliveries());
    awaitNoConnections(server);
    assertEquals(0, statistics(server).inboundBytesPinned());
  }

  @Test
  void shutdownWaitsForNoCredits() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    client.write(texts(5));
    expectExactly(server, recorder, 0, 1);
    Task shutdown = Task.start("shutdown", () -> server.shutdown(LONG));
    client.expectClose(CloseCode.GOING_AWAY);
    client.write(Frame.close(CloseCode.GOING_AWAY, ""));
    client.expectEnd();
    client.close();
    assertEquals(CloseCode.GOING_AWAY, recorder.awaitClose().code());
    shutdown.join();
    assertEquals(1, recorder.deliveries());
  }

  /** Close, FIN, or a rule that is broken in what waits: nothing of it is known before its turn. */
  @Test
  void brokenRuleBehindWhatWaitsIsFoundInItsTurn() throws Exception {
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server = start(recorder);
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(Frame.text(text(0)), Frame.text(text(1)), Frame.text("unmasked").unmasked());
    expectExactly(server, recorder, 0, 1);
    assertTrue(connection.isOpen());
    connection.request(2);
    expectNext(recorder, text(1));
    client.expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
    client.close();
    assertEquals(CloseCode.PROTOCOL_ERROR, recorder.awaitClose().code());
  }

  /** The peer is not idle while it is not read. */
  @Test
  void deadlinesOfThePeerRestWhileItIsNotRead() throws Exception {
    Duration timeout = Duration.ofMillis(150);
    Recorder recorder = new Credited(connection -> connection.request(1));
    Server server =
        start(
            recorder,
            LIMITS
                .withIdleTimeout(timeout)
                .withCloseTimeout(timeout)
                .withPingInterval(Duration.ofMillis(40))
                .withPongTimeout(timeout));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(texts(2));
    expectNext(recorder, text(0));
    CountDownLatch rested = new CountDownLatch(1);
    connection.schedule(rested::countDown, timeout.multipliedBy(4));
    Deadline.await(rested, "the end of the rest");
    assertTrue(connection.isOpen(), "closed for what the server did not read");
    connection.request(100);
    expectNext(recorder, text(1));
    // Now it is held to them again.
    assertFalse(recorder.awaitClose().text().isEmpty());
  }

  // ---- The other role.

  @Test
  void clientsRunOnCreditsToo() throws Exception {
    Recorder sender = new Recorder();
    Server server = start(sender);
    Client client = start(client().limits(LIMITS));
    Recorder recorder = new Credited(connection -> connection.request(2));
    Connection connection = connect(client, address(server), recorder);
    Connection other = sender.awaitOpen();
    for (int number = 0; number < 10; number++) {
      accept(other.send(text(number)));
    }
    other.close();
    for (int number = 0; number < 10; number++) {
      expectNext(recorder, text(number));
      awaitTurns(server);
      awaitTurn(connection);
      assertEquals(Math.max(2, number + 1), recorder.deliveries());
      if (number > 0) {
        connection.request(1);
      }
    }
    assertEquals(CloseCode.NORMAL_CLOSURE, recorder.awaitClose().code());
  }

  private static void accept(SendResult result) {
    assertEquals(SendResult.ACCEPTED, result);
  }
}
