// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Batching;
import dev.millrace.Client;
import dev.millrace.CloseCode;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Message;
import dev.millrace.SendException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Batches: what waits for how long, what makes it leave, and that nothing is lost or turned. */
public abstract class BatchSuite extends ClientEngineSuite {

  /** Never by itself within a test. */
  private static final Duration LONG = Duration.ofSeconds(10);

  private static final int MANY = 65_536;
  private static final int MUCH = 16 << 20;

  private static final Limits LIMITS = Limits.defaults().withPingInterval(Duration.ZERO);

  private final Recorder recorder = new Recorder();
  private Server server;
  private RawClient client;
  private Connection connection;
  private LoopProbe probe;

  private void start(Limits limits) throws Exception {
    server = start(server().limits(limits).route("/", recorder).route("/probe", ECHO));
    client = connect(server);
    connection = recorder.awaitOpen();
    probe = closeLater(new LoopProbe(server, "/probe"));
  }

  private static String text(int number) {
    return "message " + number;
  }

  /** In front of a payload of up to 125 bytes. */
  private static int frame(String text) {
    return 2 + text.length();
  }

  private static void accept(SendResult result) {
    assertEquals(SendResult.ACCEPTED, result);
  }

  private <T> T onLoop(Function<Connection, T> action) throws Exception {
    CompletableFuture<T> done = new CompletableFuture<>();
    connection.execute(
        () -> {
          try {
            done.complete(action.apply(connection));
          } catch (Throwable t) {
            done.completeExceptionally(t);
          }
        });
    return Deadline.await(done, "the loop");
  }

  /** One message in a turn of its own. */
  private void sendInATurn(String text) throws Exception {
    accept(onLoop(c -> c.send(text)));
    probe.awaitTurn();
  }

  private LoopStatistics statistics() {
    return server.statistics().get(0);
  }

  /** Nothing has left: the next frame that comes is an answer to this. */
  private void expectKept(int bytes) throws Exception {
    probe.awaitTurn();
    assertEquals(bytes, onLoop(Connection::bufferedBytes));
  }

  private void expectTexts(int from, int to) throws Exception {
    for (int number = from; number < to; number++) {
      client.expectText(text(number));
    }
  }

  private void awaitDrained() {
    Deadline.until(() -> connection.bufferedBytes() == 0, "everything sent");
  }

  // ---- What makes it leave.

  @Test
  void leavesWhenItHasSoManyMessages() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(10, MUCH, LONG));
    int bytes = 0;
    for (int number = 0; number < 9; number++) {
      sendInATurn(text(number));
      bytes += frame(text(number));
      expectKept(bytes);
    }
    long sent = statistics().messagesBatched();
    assertEquals(9, sent);
    assertEquals(8, statistics().sendsSaved());
    sendInATurn(text(9));
    expectTexts(0, 10);
    awaitDrained();
    assertEquals(9, statistics().messagesBatched(), "the tenth waited for nobody");
    assertEquals(9, statistics().sendsSaved());
    // The next one begins anew.
    sendInATurn(text(10));
    expectKept(frame(text(10)));
    assertEquals(9, statistics().sendsSaved());
  }

  @Test
  void severalOfOneTurnAreOneSaved() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(10, MUCH, LONG));
    onLoop(
        c -> {
          for (int number = 0; number < 4; number++) {
            accept(c.send(text(number)));
          }
          return null;
        });
    probe.awaitTurn();
    assertEquals(4, statistics().messagesBatched());
    assertEquals(0, statistics().sendsSaved());
    long sends = onLoop(c -> statistics().sends()); // that of the probe's pong is counted there
    onLoop(
        c -> {
          for (int number = 4; number < 10; number++) {
            accept(c.send(text(number)));
          }
          return null;
        });
    expectTexts(0, 10);
    Deadline.until(() -> statistics().sends() > sends, "a system call that is counted");
    assertEquals(sends + 1, statistics().sends());
    assertEquals(1, statistics().sendsSaved());
  }

  @Test
  void leavesWhenItHasSoManyBytes() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, 400, LONG));
    String hundred = "x".repeat(98);
    for (int i = 1; i < 4; i++) {
      sendInATurn(hundred);
      expectKept(100 * i);
    }
    sendInATurn(hundred);
    for (int i = 0; i < 4; i++) {
      client.expectText(hundred);
    }
    awaitDrained();
    sendInATurn("y".repeat(500)); // more than all that may wait
    client.expectText("y".repeat(500));
  }

  @Test
  void leavesWhenTheFirstHasWaitedSoLong() throws Exception {
    Duration delay = Duration.ofMillis(200);
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, delay));
    for (int round = 0; round < 2; round++) {
      Elapsed elapsed = Elapsed.begin();
      sendInATurn(text(0));
      sendInATurn(text(1));
      expectTexts(0, 2);
      elapsed.assertDue(delay, "a batch that nothing fills");
      awaitDrained();
      assertTrue(statistics().sendsSaved() <= round + 1, "at most one of two sends each time");
    }
  }

  @Test
  void leavesAtAFlushAndThoseOfOthersStay() throws Exception {
    start(LIMITS);
    RawClient otherClient = connect(server);
    Connection other = recorder.awaitOpen();
    connection.batch(new Batching(MANY, MUCH, LONG));
    other.batch(new Batching(MANY, MUCH, LONG));
    sendInATurn(text(0));
    sendInATurn(text(1));
    accept(other.send("other"));
    expectKept(frame(text(0)) + frame(text(1)));
    connection.flush(); // on this thread it does nothing
    expectKept(frame(text(0)) + frame(text(1)));
    onLoop(
        c -> {
          c.flush();
          return null;
        });
    expectTexts(0, 2);
    probe.awaitTurn();
    assertEquals(frame("other"), other.bufferedBytes());
    assertEquals(1, statistics().sendsSaved());
    other.batch(Batching.none());
    otherClient.expectText("other");
  }

  @Test
  void leavesWhenItIsGivenUp() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, LONG));
    sendInATurn(text(0));
    expectKept(frame(text(0)));
    connection.batch(Batching.none());
    expectTexts(0, 1);
    long saved = statistics().sendsSaved();
    for (int number = 1; number < 20; number++) {
      accept(connection.send(text(number)));
    }
    expectTexts(1, 20);
    assertEquals(saved, statistics().sendsSaved());
  }

  @Test
  void leavesInFrontOfAClose() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, LONG));
    for (int number = 0; number < 5; number++) {
      sendInATurn(text(number));
    }
    connection.close(CloseCode.GOING_AWAY, "enough");
    expectTexts(0, 5);
    Deadline.until(() -> statistics().sendsSaved() == 5, "the Close with what was kept");
    assertEquals("enough", client.expectClose(CloseCode.GOING_AWAY).closeReason());
    client.write(Frame.close(CloseCode.GOING_AWAY, ""));
    client.expectEnd();
    client.close();
    recorder.awaitClose();
  }

  @Test
  void leavesInFrontOfTheAnswerToAClose() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, LONG));
    sendInATurn(text(0));
    client.write(Frame.close(CloseCode.NORMAL_CLOSURE, ""));
    expectTexts(0, 1);
    client.expectCloseAndEnd(CloseCode.NORMAL_CLOSURE);
  }

  @Test
  void leavesAtAShutdown() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, LONG));
    sendInATurn(text(0));
    Task shutdown = Task.start("shutdown", () -> server.shutdown(LONG));
    expectTexts(0, 1);
    client.expectClose(CloseCode.GOING_AWAY);
    client.write(Frame.close(CloseCode.GOING_AWAY, ""));
    client.expectEnd();
    client.close();
    probe.close();
    shutdown.join();
  }

  /** Who has closed one direction only still reads. */
  @Test
  void leavesWhenThePeerHasFinished() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, LONG));
    sendInATurn(text(0));
    client.shutdownOutput();
    expectTexts(0, 1);
    client.expectEnd();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
  }

  /** A pong waits for nothing, and goes behind what was sent before it. */
  @Test
  void leavesWithAPong() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, LONG));
    sendInATurn(text(0));
    client.write(Frame.ping("alive?"));
    assertEquals(text(0), client.readFrame().text());
    ServerFrame pong = client.readFrame();
    assertEquals(Frame.PONG, pong.opcode());
    assertEquals("alive?", pong.text());
  }

  @Test
  void leavesWithAPing() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, LONG));
    sendInATurn(text(0));
    accept(connection.webSocket().ping());
    assertEquals(text(0), client.readFrame().text());
    assertEquals(Frame.PING, client.readFrame().opcode());
  }

  // ---- What it keeps.

  @Test
  void writeTimeoutDoesNotRunForIt() throws Exception {
    Duration timeout = Duration.ofMillis(50);
    Duration delay = Duration.ofMillis(400);
    start(LIMITS.withWriteTimeout(timeout));
    connection.batch(new Batching(MANY, MUCH, delay));
    Elapsed elapsed = Elapsed.begin();
    sendInATurn(text(0));
    expectTexts(0, 1);
    elapsed.assertNotBefore(delay, "a batch that nothing fills");
    assertTrue(connection.isOpen());
    assertEquals(0, statistics().deadlinesPassed());
  }

  @Test
  void sendAsyncCompletesWhenItHasLeft() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(2, MUCH, LONG));
    CompletableFuture<Void> first = connection.sendAsync(text(0)).toCompletableFuture();
    expectKept(frame(text(0)));
    assertFalse(first.isDone());
    CompletionStage<Void> second = connection.sendAsync(text(1));
    Deadline.await(first, "the first");
    Deadline.await(second, "the second");
    expectTexts(0, 2);
  }

  @Test
  void whatIsKeptAtTheEndIsGivenUp() throws Exception {
    start(LIMITS);
    connection.batch(new Batching(MANY, MUCH, LONG));
    CompletableFuture<Void> text = connection.sendAsync(text(0)).toCompletableFuture();
    Lease lease = connection.lease(100_000);
    lease.range(0, 100_000);
    CompletableFuture<Void> block = connection.sendAsync(lease).toCompletableFuture();
    expectKept(frame(text(0)) + 100_010);
    client.reset();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
    for (CompletableFuture<Void> sent : List.of(text, block)) {
      SendException failure =
          assertThrows(SendException.class, () -> Deadline.await(sent, "the end of a send"));
      assertEquals(SendResult.CLOSED, failure.result());
    }
    Deadline.until(() -> statistics().use(MemoryArea.BLOCKS) == 0, "memory given back");
  }

  /** What is beyond the low mark would stop reads, and is not kept. */
  @Test
  void neverKeepsMoreThanTheLowMark() throws Exception {
    start(LIMITS.withHighWaterMarkBytes(64 << 10));
    connection.batch(new Batching(MANY, MUCH, LONG));
    int length = 1000;
    int count = 200;
    for (int i = 0; i < count; i++) {
      byte[] payload = Stamp.of(9, 0, i, length - 12);
      Deadline.until(connection::isWritable, "a batch that leaves");
      accept(connection.send(ByteBuffer.wrap(payload)));
    }
    connection.close();
    for (int i = 0; i < count; i++) {
      client.expectBinary(Stamp.of(9, 0, i, length - 12));
    }
    client.expectClose(CloseCode.NORMAL_CLOSURE);
    assertEquals(0, statistics().readsStopped());
  }

  // ---- Order and contents.

  /** Long echoes, which else leave from where they were received. */
  @Test
  void echoesOfAllLengthsComeInOrder() throws Exception {
    Handler handler =
        (c, message) -> {
          if (message.kind() == Message.Kind.TEXT) {
            c.batch(new Batching(7, 1 << 20, LONG));
          }
          accept(c.send(message));
        };
    RawClient peer = connect(start(server().route("/", handler)));
    int count = 70;
    byte[][] frames = new byte[count][];
    frames[0] = Frame.text("begin").bytes();
    for (int i = 1; i < count; i++) {
      frames[i] = Frame.binary(Stamp.of(2, 0, i, i * 450)).bytes();
    }
    CompletableFuture<Void> writing = peer.writeMeanwhile(Frame.join(frames));
    Deadline.await(writing, "the write");
    peer.write(Frame.close(CloseCode.NORMAL_CLOSURE, ""));
    peer.expectText("begin");
    for (int i = 1; i < count; i++) {
      peer.expectBinary(Stamp.of(2, 0, i, i * 450));
    }
    peer.expectCloseAndEnd(CloseCode.NORMAL_CLOSURE);
  }

  @Test
  void messagesOfOtherThreadsAreGathered() throws Exception {
    int count = 5000;
    start(LIMITS.withInboxCapacity(8192));
    connection.batch(new Batching(100, MUCH, Duration.ofMillis(20)));
    for (int number = 0; number < count; number++) {
      accept(connection.send(text(number)));
    }
    expectTexts(0, count);
    Deadline.until(() -> statistics().messagesSent() >= count, "messages that are counted");
    assertTrue(statistics().sends() < count / 2, () -> statistics().toString());
  }

  @Test
  void routesWithAnExecutorBatchToo() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(2);
    closeLater((AutoCloseable) pool::shutdownNow);
    Handler handler =
        new Handler() {
          @Override
          public void onOpen(Connection opened) {
            opened.batch(new Batching(10, MUCH, Duration.ofMillis(50)));
          }

          @Override
          public void onMessage(Connection from, Message message) {
            accept(from.send(message));
          }
        };
    Server echo = start(server().route("/", handler, HandlerExecutor.of(pool)));
    RawClient peer = connect(echo);
    for (int number = 0; number < 30; number++) {
      peer.write(Frame.text(text(number)));
    }
    for (int number = 0; number < 30; number++) {
      peer.expectText(text(number));
    }
    assertTrue(echo.statistics().get(0).messagesBatched() <= 27);
  }

  @Test
  void compressedMessagesAreGatheredToo() throws Exception {
    Server compressing =
        start(server().limits(LIMITS).compression(Compression.enabled()).route("/", recorder));
    DeflateClient peer =
        closeLater(DeflateClient.connect(address(compressing), "/", "permessage-deflate"));
    connection = recorder.awaitOpen();
    connection.batch(new Batching(5, MUCH, LONG));
    String letter = "to be or not to be ".repeat(200);
    for (int number = 0; number < 5; number++) {
      String text = letter + number;
      accept(onLoop(c -> c.send(text)));
    }
    for (int number = 0; number < 5; number++) {
      ServerFrame message = peer.readMessage();
      assertEquals(letter + number, new String(message.payload(), StandardCharsets.UTF_8));
    }
  }

  /** What a client keeps is masked already, and stays as it was sent. */
  @Test
  void clientsBatchToo() throws Exception {
    Server receiving = start(server().limits(LIMITS).route("/", recorder));
    Client dialing = start(client().limits(LIMITS));
    connection = connect(dialing, address(receiving), new Recorder());
    connection.batch(new Batching(6, MUCH, LONG));
    byte[][] payloads = new byte[6][];
    for (int i = 0; i < payloads.length; i++) {
      byte[] payload = Stamp.of(4, 0, i, 1500 * i);
      payloads[i] = payload.clone();
      accept(onLoop(c -> c.send(ByteBuffer.wrap(payload))));
      Arrays.fill(payload, (byte) 0);
      awaitTurn(connection);
      assertTrue(i == 5 || recorder.deliveries() == 0, "left before it was full");
    }
    for (byte[] payload : payloads) {
      assertArrayEquals(payload, recorder.awaitMessage().payload());
    }
  }

  @Test
  void mayBeAskedForAfterTheEnd() throws Exception {
    start(LIMITS);
    client.close();
    recorder.awaitClose();
    connection.batch(Batching.defaults());
    connection.batch(Batching.none());
    assertThrows(NullPointerException.class, () -> connection.batch(null));
  }
}
