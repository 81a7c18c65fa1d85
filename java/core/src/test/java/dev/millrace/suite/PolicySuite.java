// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Batching;
import dev.millrace.CloseCode;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.Message;
import dev.millrace.SendException;
import dev.millrace.SendOptions;
import dev.millrace.SendOptions.Policy;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Policies for full queues: exactly what is dropped, and exactly what arrives.
 *
 * <p>Within one task of the loop nothing leaves, so that what is accepted can be told to the
 * message: messages of {@value #LENGTH} bytes go to the engine while it has no more than 64 KiB
 * with them ({@value #AHEAD}), the next is handed over too, and tells when it has left; further
 * ones are kept, in blocks of 1,024 bytes, until the mark.
 */
public abstract class PolicySuite extends EngineSuite {
  private static final int MARK = 256 << 10;
  static final int LENGTH = 1000;
  private static final int AHEAD = 65;
  static final int WITH_ENGINE = AHEAD + 1;
  static final int KEPT = 192;
  static final int ALL = WITH_ENGINE + KEPT;

  static final Limits LIMITS = Limits.defaults().withHighWaterMarkBytes(MARK);
  static final SendOptions PLAIN = SendOptions.defaults();
  static final SendOptions OLDEST = PLAIN.withPolicy(Policy.DROP_OLDEST);
  static final SendOptions NEWEST = PLAIN.withPolicy(Policy.DROP_NEWEST);
  private static final SendOptions LOWER = PLAIN.withPolicy(Policy.DROP_LOWER_PRIORITY);

  private final Recorder recorder = new Recorder();

  static byte[] numbered(int number) {
    return Stamp.of(5, 0, number, LENGTH - 12);
  }

  static SendResult send(Connection connection, int number, SendOptions options) {
    return connection.send(ByteBuffer.wrap(numbered(number)), options);
  }

  /** Sends these numbers, each of which is accepted. */
  static void sendAll(Connection connection, int from, int to, SendOptions options) {
    for (int number = from; number < to; number++) {
      assertEquals(SendResult.ACCEPTED, send(connection, number, options), "message " + number);
    }
  }

  private static void expect(RawClient client, int from, int to) throws Exception {
    for (int number = from; number < to; number++) {
      client.expectBinary(numbered(number));
    }
  }

  /** Runs it on the loop, within one task. */
  static void onLoop(Connection connection, Task.Body body) throws Exception {
    CompletableFuture<Void> done = new CompletableFuture<>();
    connection.execute(
        () -> {
          try {
            body.run();
            done.complete(null);
          } catch (Throwable failure) {
            done.completeExceptionally(failure);
          }
        });
    Deadline.await(done, "the task");
  }

  private RawClient connected(Limits limits) throws Exception {
    return closeLater(connect(start(server().limits(limits).route("/", recorder))));
  }

  private static void awaitEmpty(Connection connection) {
    Deadline.until(() -> connection.bufferedBytes() == 0, "nothing buffered");
    assertEquals(0, connection.queuedMessages());
    assertTrue(connection.isWritable());
  }

  private static void awaitNoBlocks(Server server) {
    Deadline.until(
        () -> server.statistics().stream().mapToLong(LoopStatistics::blocksInUse).sum() == 0,
        "no block in use");
  }

  // ---- One by one.

  @Test
  void dropNewestGivesUpWhatComesLast() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, ALL, NEWEST);
          assertEquals(KEPT, connection.queuedMessages());
          assertEquals(WITH_ENGINE * 1004 + KEPT * 1024, connection.bufferedBytes());
          assertFalse(connection.isWritable());
          for (int number = ALL; number < ALL + 50; number++) {
            assertEquals(SendResult.DROPPED, send(connection, number, NEWEST));
          }
          assertEquals(50, connection.droppedMessages());
          assertEquals(KEPT, connection.queuedMessages());
        });
    expect(client, 0, ALL);
    awaitEmpty(connection);
    assertEquals(SendResult.ACCEPTED, connection.send("behind it"));
    client.expectText("behind it");
  }

  @Test
  void dropOldestGivesUpWhatHasWaitedLongest() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, ALL + 500, OLDEST);
          assertEquals(500, connection.droppedMessages());
          assertEquals(KEPT, connection.queuedMessages());
        });
    expect(client, 0, WITH_ENGINE);
    expect(client, WITH_ENGINE + 500, ALL + 500);
    awaitEmpty(connection);
  }

  @Test
  void dropOldestDropsNothingThatWasSentPlainly() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, ALL, NEWEST); // neither may be dropped once it is accepted
          assertEquals(SendResult.DROPPED, send(connection, ALL, OLDEST));
          assertEquals(SendResult.DROPPED, send(connection, ALL, OLDEST));
          assertEquals(2, connection.droppedMessages());
        });
    expect(client, 0, ALL);
    awaitEmpty(connection);
  }

  @Test
  void dropLowerPriorityGivesUpTheLeastImportantFirst() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, WITH_ENGINE, LOWER.withPriority(9));
          sendAll(connection, 66, 166, LOWER.withPriority(2));
          sendAll(connection, 166, 258, LOWER.withPriority(1));
          assertEquals(SendResult.DROPPED, send(connection, 1000, LOWER.withPriority(1)));
          assertEquals(1, connection.droppedMessages());
          // All of priority 1, the oldest first, then 8 of priority 2.
          sendAll(connection, 258, 358, LOWER.withPriority(3));
          assertEquals(101, connection.droppedMessages());
          assertEquals(KEPT, connection.queuedMessages());
          assertEquals(SendResult.DROPPED, send(connection, 1000, LOWER.withPriority(2)));
        });
    expect(client, 0, 66);
    expect(client, 74, 166);
    expect(client, 258, 358);
    awaitEmpty(connection);
  }

  @Test
  void keyedMessageIsReplacedInItsPlace() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, WITH_ENGINE, NEWEST);
          accept(connection.send("EUR 1", PLAIN.withReplacementKey("EUR")));
          accept(connection.send("USD 1", PLAIN.withReplacementKey("USD")));
          sendAll(connection, WITH_ENGINE, ALL - 1, NEWEST); // the two keyed ones are short
          assertFalse(connection.isWritable());
          // Also when there is room for nothing else, and whatever the policy.
          for (int i = 2; i < 300; i++) {
            SendOptions options = PLAIN.withPolicy(Policy.values()[i % 5]);
            accept(connection.send("EUR " + i, options.withReplacementKey("EUR")));
          }
          Lease lease = connection.lease(1000);
          lease.buffer().put(numbered(77));
          accept(connection.send(lease, NEWEST.withReplacementKey("USD")));
          assertEquals(299, connection.droppedMessages());
          SendOptions other = PLAIN.withReplacementKey("GBP");
          assertEquals(SendResult.REFUSED, connection.send("GBP", other));
        });
    expect(client, 0, WITH_ENGINE);
    client.expectText("EUR 299");
    client.expectBinary(numbered(77));
    expect(client, WITH_ENGINE, ALL - 1);
    awaitEmpty(connection);
  }

  @Test
  void closePolicyClosesBehindWhatWasAccepted() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    SendOptions closing = PLAIN.withPolicy(Policy.CLOSE);
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, ALL, closing);
          assertEquals(SendResult.CLOSED, send(connection, ALL, closing));
          assertEquals(SendResult.CLOSED, send(connection, ALL, closing));
          assertFalse(connection.isOpen());
        });
    expect(client, 0, ALL);
    client.expectClose(CloseCode.TRY_AGAIN_LATER);
    client.write(Frame.close(CloseCode.TRY_AGAIN_LATER, ""));
    client.expectEnd();
    client.close();
    assertEquals(CloseCode.TRY_AGAIN_LATER, recorder.awaitClose().code());
    assertEquals(0, connection.bufferedBytes());
  }

  @Test
  void plainMessagesTakeThePlaceOfWhatMayBeDroppedAndAreThenRefused() throws Exception {
    AtomicInteger writable = new AtomicInteger();
    Recorder told =
        new Recorder() {
          @Override
          public void onWritable(Connection connection) {
            assertTrue(connection.bufferedBytes() <= MARK / 2);
            writable.incrementAndGet();
            accept(connection.send("writable"));
          }
        };
    RawClient client = closeLater(connect(start(server().limits(LIMITS).route("/", told))));
    Connection connection = told.awaitOpen();
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, ALL, OLDEST);
          sendAll(connection, 1000, 1100, PLAIN);
          assertEquals(100, connection.droppedMessages());
          assertEquals(KEPT, connection.queuedMessages());
          sendAll(connection, 1100, 1000 + KEPT, PLAIN);
          assertEquals(KEPT, connection.droppedMessages());
          // Of those that were promised the bytes that are sent count, and not their blocks.
          int refused = 1000 + KEPT;
          while (send(connection, refused, PLAIN) == SendResult.ACCEPTED) {
            refused++;
          }
          assertEquals(1000 + (MARK - WITH_ENGINE * 1004 + 1003) / 1004, refused);
          assertEquals(SendResult.DROPPED, send(connection, refused, OLDEST));
          assertEquals(0, writable.get());
        });
    expect(client, 0, WITH_ENGINE);
    expect(client, 1000, 1000 + (MARK - WITH_ENGINE * 1004 + 1003) / 1004);
    client.expectText("writable");
    awaitEmpty(connection);
    assertEquals(1, writable.get());
  }

  @Test
  void messageLongerThanTheMarkWaitsWhileThereIsRoom() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    byte[] longer = Stamp.of(6, 0, 0, MARK + 50_000);
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, WITH_ENGINE, OLDEST);
          accept(connection.send(ByteBuffer.wrap(longer), OLDEST));
          accept(connection.send(ByteBuffer.wrap(longer), OLDEST));
          assertEquals(1, connection.droppedMessages());
          assertEquals(SendResult.DROPPED, send(connection, 0, NEWEST));
        });
    expect(client, 0, WITH_ENGINE);
    client.expectBinary(longer);
    awaitEmpty(connection);
  }

  @Test
  void queueIsBoundedByItsNumberOfMessages() throws Exception {
    RawClient client = connected(LIMITS.withMaxQueuedMessages(10));
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          int plain = 0;
          while (connection.send(ByteBuffer.wrap(numbered(plain))) == SendResult.ACCEPTED) {
            plain++;
          }
          // Up to 64 KiB, and one that goes beyond; without options, too, all others are counted.
          assertEquals(66 + 1 + 10, plain);
          assertEquals(10, connection.queuedMessages());
          assertFalse(connection.isWritable());
          assertEquals(SendResult.DROPPED, send(connection, plain, OLDEST));
        });
    expect(client, 0, 77);
    awaitEmpty(connection);
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, 66 + 10 + 7, OLDEST);
          assertEquals(10, connection.queuedMessages());
          assertEquals(1 + 7, connection.droppedMessages());
        });
    expect(client, 0, 66);
    expect(client, 66 + 7, 66 + 10 + 7);
    awaitEmpty(connection);
  }

  @ParameterizedTest
  @EnumSource(value = Policy.class, names = "REFUSE", mode = EnumSource.Mode.EXCLUDE)
  void policyAnswersForAnInboxThatIsFull(Policy policy) throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    CompletableFuture<Void> full = new CompletableFuture<>();
    connection.execute(full::join);
    int accepted = 0;
    SendResult result = SendResult.ACCEPTED;
    for (; result == SendResult.ACCEPTED && accepted < 10_000; accepted++) {
      result = connection.send(ByteBuffer.allocate(1), PLAIN.withPolicy(policy));
    }
    full.complete(null);
    boolean closes = policy == Policy.CLOSE;
    assertEquals(closes ? SendResult.CLOSED : SendResult.DROPPED, result);
    assertEquals(!closes, connection.isOpen());
    assertEquals(closes ? 0 : 1, connection.droppedMessages());
    for (int i = 1; i < accepted; i++) {
      client.expectBinary(new byte[1]);
    }
    if (closes) {
      client.expectClose(CloseCode.TRY_AGAIN_LATER);
    }
  }

  /** Blocks and what text may be at most count more than what is sent. */
  @Test
  void readingGoesOnBehindWhatFitAfterAll() throws Exception {
    Limits small = Limits.defaults().withHighWaterMarkBytes(64 << 10);
    String text = "x".repeat(17_000);
    Recorder answering =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            accept(connection.send(ByteBuffer.allocate(1000)));
            accept(connection.send(text, NEWEST));
          }
        };
    RawClient client = closeLater(connect(start(server().limits(small).route("/", answering))));
    for (int round = 0; round < 3; round++) {
      client.write(Frame.text("go"));
      client.expectBinary(new byte[1000]);
      client.expectText(text);
    }
  }

  @Test
  void batchDoesNotHoldUpWhatWaitsBehindIt() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          connection.batch(new Batching(1000, 1 << 20, Duration.ofSeconds(10)));
          sendAll(connection, 0, ALL, NEWEST);
        });
    long begin = System.nanoTime();
    expect(client, 0, WITH_ENGINE + KEPT / 2);
    assertTrue(System.nanoTime() - begin < Duration.ofSeconds(5).toNanos(), "no delay each");
    connection.execute(() -> connection.batch(Batching.none()));
    expect(client, WITH_ENGINE + KEPT / 2, ALL);
  }

  // ---- Every way to send.

  @Test
  void everythingKeepsItsKindItsBytesAndItsOrder() throws Exception {
    Recorder answering =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            sendAll(connection, 0, WITH_ENGINE, OLDEST);
            for (int i = 0; i < 10; i++) {
              everyWay(connection, message, i);
            }
            assertEquals(0, connection.droppedMessages());
            super.onMessage(connection, message);
          }
        };
    RawClient client = connect(start(server().limits(LIMITS).route("/", answering)));
    Connection connection = answering.awaitOpen();
    for (int round = 0; round < 3; round++) {
      client.write(Frame.text("received"));
      answering.awaitMessage();
      expect(client, 0, WITH_ENGINE);
      for (int i = 0; i < 10; i++) {
        client.expectText("text é " + i);
        client.expectBinary(numbered(i));
        client.expectText("received");
        client.expectBinary(new byte[] {(byte) i, 2});
        client.expectBinary(new byte[] {(byte) i, 3});
        client.expectBinary(new byte[0]);
      }
      awaitEmpty(connection);
    }
  }

  private static void everyWay(Connection connection, Message message, int i) {
    SendOptions options = i % 2 == 0 ? OLDEST : PLAIN;
    accept(connection.send("text é " + i, options));
    accept(connection.send(ByteBuffer.wrap(numbered(i)), options));
    accept(connection.send(message, options));
    Lease lease = connection.lease(100);
    lease.buffer().put((byte) i).put((byte) 2);
    accept(connection.send(lease, options));
    assertThrows(IllegalStateException.class, lease::length);
    Lease range = connection.lease(2000);
    range.buffer().put(1500, (byte) i).put(1501, (byte) 3);
    accept(connection.send(range.range(1500, 2), options));
    accept(connection.send(ByteBuffer.allocate(0), options));
    assertThrows(IllegalArgumentException.class, () -> connection.send("\ud800", options));
  }

  @Test
  void asynchronousAndGatheredSendsWaitInLine() throws Exception {
    Server server = start(server().limits(LIMITS).route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    List<CompletionStage<Void>> sent = new ArrayList<>();
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, WITH_ENGINE, OLDEST);
          sendAll(connection, WITH_ENGINE, WITH_ENGINE + 10, OLDEST);
          for (int i = 0; i < 10; i++) {
            sent.add(connection.sendAsync("asynchronous " + i));
          }
          accept(connection.sendAll(List.of(lease(connection, 1), lease(connection, 2))));
          accept(connection.webSocket().ping());
          connection.flush();
          sendAll(connection, WITH_ENGINE + 10, WITH_ENGINE + 20, PLAIN);
          assertEquals(32, connection.queuedMessages());
        });
    for (int number = 0; number < WITH_ENGINE; number++) {
      ServerFrame frame = client.readMessage();
      number -= frame.opcode() == Frame.PING ? 1 : 0;
    }
    List<String> texts = new ArrayList<>();
    while (texts.size() < 32) {
      ServerFrame frame = client.readMessage();
      if (frame.opcode() != Frame.PING) {
        texts.add(frame.opcode() == Frame.TEXT ? frame.text() : "" + sequence(frame));
      }
    }
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      expected.add(
          i < 10
              ? "" + (WITH_ENGINE + i)
              : i < 20
                  ? "asynchronous " + (i - 10)
                  : i < 22 ? "" + (i - 19) : "" + (WITH_ENGINE + i - 12));
    }
    assertEquals(expected, texts);
    for (CompletionStage<Void> stage : sent) {
      Deadline.await(stage, "a completion");
    }
    // All or none.
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, ALL, NEWEST);
          while (send(connection, 0, PLAIN) == SendResult.ACCEPTED) {}
          List<Lease> none = List.of(lease(connection, 1), lease(connection, 2));
          assertEquals(SendResult.REFUSED, connection.sendAll(none));
          assertThrows(IllegalStateException.class, none.get(0)::length);
          assertThrows(IllegalStateException.class, none.get(1)::length);
          CompletionStage<Void> refused = connection.sendAsync("refused");
          Throwable cause =
              assertThrows(CompletionException.class, () -> refused.toCompletableFuture().join())
                  .getCause();
          assertEquals(SendResult.REFUSED, ((SendException) cause).result());
        });
    client.close();
    assertEquals(1006, recorder.awaitClose().code());
    awaitNoBlocks(server);
  }

  private static int sequence(ServerFrame frame) {
    Stamp.check(frame.payload(), 5);
    return Stamp.sequenceOf(frame.payload());
  }

  private static Lease lease(Connection connection, int number) {
    Lease lease = connection.lease(LENGTH);
    lease.buffer().put(numbered(number));
    return lease;
  }

  @Test
  void compressedOnesWaitAsTheyAre() throws Exception {
    Server server =
        start(
            server()
                .limits(LIMITS)
                .compression(Compression.enabled().withThresholdBytes(1))
                .route("/", recorder));
    DeflateClient client =
        closeLater(DeflateClient.connect(address(server), "/", "permessage-deflate"));
    Connection connection = recorder.awaitOpen();
    String text = "z".repeat(1000);
    onLoop(
        connection,
        () -> {
          // What is compressed is short: the window is filled by what is not.
          sendAll(connection, 0, WITH_ENGINE, OLDEST.withCompress(false));
          for (int i = 0; i < 50; i++) {
            accept(connection.send(text, OLDEST));
            accept(connection.send(text, OLDEST.withCompress(false)));
          }
          assertEquals(100, connection.queuedMessages());
        });
    for (int i = 0; i < WITH_ENGINE; i++) {
      assertFalse(client.expect(Frame.BINARY, numbered(i)).compressed());
    }
    for (int i = 0; i < 50; i++) {
      for (boolean compressed : new boolean[] {true, false}) {
        assertEquals(compressed, client.expectText(text).compressed());
      }
    }
    awaitEmpty(connection);
  }

  // ---- Slow readers.

  /** Four threads, a reader that stops and then reads. */
  @ParameterizedTest
  @EnumSource(
      value = Policy.class,
      names = {"DROP_OLDEST", "DROP_NEWEST", "DROP_LOWER_PRIORITY"})
  void whatWasNotDroppedArrivesInEachThreadsOrder(Policy policy) throws Exception {
    int threads = 4;
    int each = 5000;
    Server server = start(server().limits(LIMITS).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    AtomicInteger dropped = new AtomicInteger();
    List<Task> senders = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int thread = t;
      senders.add(
          Task.start(
              "sender " + t,
              () -> {
                for (int i = 0; i < each; i++) {
                  byte[] bytes = Stamp.of(5, thread, i, LENGTH - 12);
                  SendOptions options = PLAIN.withPolicy(policy).withPriority(i % 3);
                  SendResult result = connection.send(ByteBuffer.wrap(bytes), options);
                  if (result == SendResult.DROPPED) {
                    dropped.incrementAndGet();
                  } else {
                    // A posted send may find the inbox full where the engine's window is open.
                    assertEquals(SendResult.ACCEPTED, result);
                  }
                }
              }));
    }
    for (Task sender : senders) {
      sender.join();
    }
    assertTrue(connection.droppedMessages() > 0, "nothing was dropped");
    assertTrue(connection.bufferedBytes() <= MARK + 5 * 1024, "" + connection.bufferedBytes());
    onLoop(connection, () -> accept(connection.send("the end")));
    int[] next = new int[threads];
    int arrived = 0;
    ServerFrame message = client.readMessage();
    while (message.opcode() == Frame.BINARY) {
      arrived++;
      Stamp.check(message.payload(), 5);
      int thread = Stamp.threadOf(message.payload());
      int sequence = Stamp.sequenceOf(message.payload());
      assertTrue(sequence >= next[thread], "order of thread " + thread);
      next[thread] = sequence + 1;
      message = client.readMessage();
    }
    assertEquals("the end", message.text());
    assertEquals(threads * each, arrived + connection.droppedMessages());
    assertTrue(dropped.get() <= connection.droppedMessages());
    awaitEmpty(connection);
    awaitNoBlocks(server);
  }

  /** What may be dropped stops no echo, and an echo behind it is never refused or lost. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void echoesBehindABacklogAreNeverRefused(boolean onExecutor) throws Exception {
    int count = 20_000;
    Handler handler =
        new Handler() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            connection.send(ByteBuffer.wrap(numbered(0)), OLDEST);
            ECHO.onMessage(connection, message);
            assertTrue(connection.bufferedBytes() <= 2 * MARK, "" + connection.bufferedBytes());
          }

          @Override
          public void onError(Connection connection, Throwable cause) {
            cause.printStackTrace();
          }
        };
    ExecutorService pool = Executors.newSingleThreadExecutor();
    closeLater(pool::shutdown);
    Server.Builder builder = server().limits(LIMITS);
    Server server =
        start(
            onExecutor
                ? builder.route("/", handler, HandlerExecutor.of(pool))
                : builder.route("/", handler));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    byte[][] frames = new byte[count][];
    for (int i = 0; i < count; i++) {
      frames[i] = Frame.binary(Stamp.of(1, 2, i, i % 200)).bytes();
    }
    CompletableFuture<Void> writing = client.writeMeanwhile(Frame.join(frames));
    for (int i = 0; i < count; ) {
      ServerFrame message = client.readMessage();
      assertEquals(Frame.BINARY, message.opcode(), message::toString);
      if (message.payload().length == LENGTH) {
        assertArrayEquals(numbered(0), message.payload());
      } else {
        assertArrayEquals(Stamp.of(1, 2, i, i % 200), message.payload());
        i++;
      }
    }
    Deadline.await(writing, "the write");
  }

  /** From an executor's threads, on their way through the inbox or past it. */
  @Test
  void handlersOnAnExecutorSendInOrder() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(2);
    closeLater(pool::shutdown);
    ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    Handler handler =
        new Handler() {
          private int next;

          @Override
          public void onMessage(Connection connection, Message message) {
            for (int i = 0; i < 10; i++) {
              // Without options, and with some that change nothing until the queue is full.
              accept(send(connection, next, next % 3 == 0 ? PLAIN : NEWEST));
              next++;
            }
          }

          @Override
          public void onError(Connection connection, Throwable cause) {
            failures.add(cause);
          }
        };
    Server server = start(server().limits(LIMITS).route("/", handler, HandlerExecutor.of(pool)));
    RawClient client = connect(server);
    for (int round = 0; round < 100; round++) {
      byte[][] frames = new byte[10][];
      Arrays.fill(frames, Frame.text("go").bytes());
      client.write(Frame.join(frames));
      expect(client, round * 100, round * 100 + 100);
    }
    assertEquals(List.of(), List.copyOf(failures));
    awaitNoBlocks(server);
  }

  /** Builders write at the end of their buffer. */
  @Test
  void leaseCountsWholeWhateverItSends() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    int capacity = 64 << 10;
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, WITH_ENGINE, OLDEST);
          Lease lease = connection.lease(capacity);
          lease.buffer().put(capacity - LENGTH, numbered(WITH_ENGINE));
          lease.range(capacity - LENGTH, LENGTH);
          accept(connection.send(lease, OLDEST));
          long pinned = connection.bufferedBytes() - WITH_ENGINE * 1004;
          assertTrue(pinned >= capacity && pinned <= 2 * capacity, "pinned: " + pinned);
        });
    expect(client, 0, WITH_ENGINE + 1);
    awaitEmpty(connection);
  }

  // ---- The end.

  @Test
  void closeStandsBehindTheBacklog() throws Exception {
    RawClient client = connected(LIMITS);
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, ALL + 20, OLDEST);
          connection.close(4000, "done");
          assertEquals(SendResult.CLOSED, send(connection, 0, OLDEST));
          assertEquals(SendResult.CLOSED, connection.send("late"));
        });
    expect(client, 0, WITH_ENGINE);
    expect(client, WITH_ENGINE + 20, ALL + 20);
    client.expectClose(4000);
    client.write(Frame.close(4000, ""));
    client.expectEnd();
    client.close();
    assertEquals(4000, recorder.awaitClose().code());
  }

  @Test
  void peerThatHasSentFinGetsWhatWasAccepted() throws Exception {
    SocketOptions narrow = SocketOptions.defaults().withSendBufferBytes(16 << 10);
    Server server = start(server().limits(LIMITS).socketOptions(narrow).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    onLoop(connection, () -> sendAll(connection, 0, ALL, OLDEST));
    client.shutdownOutput();
    for (int turns = 0; turns < 50; turns++) {
      onLoop(connection, () -> {}); // so that it is seen before anything more leaves
    }
    expect(client, 0, ALL);
    client.expectEnd();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
    assertEquals(0, connection.droppedMessages());
  }

  @Test
  void peerThatHasSentFinGetsWhatIsAcceptedThen() throws Exception {
    SocketOptions narrow = SocketOptions.defaults().withSendBufferBytes(16 << 10);
    Limits wide = Limits.defaults().withHighWaterMarkBytes(4 << 20); // so that reads go on
    Server server = start(server().limits(wide).socketOptions(narrow).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    onLoop(connection, () -> sendAll(connection, 0, 1000, PLAIN));
    client.shutdownOutput();
    for (int turns = 0; turns < 50; turns++) {
      onLoop(connection, () -> {});
    }
    onLoop(connection, () -> sendAll(connection, 1000, 1100, OLDEST));
    expect(client, 0, 1100);
    client.expectEnd();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
  }

  @Test
  void shutdownSendsWhatWasAccepted() throws Exception {
    Server server = start(server().limits(LIMITS).route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    Task[] shutdown = new Task[1];
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, ALL, OLDEST);
          shutdown[0] = Task.start("shutdown", () -> server.shutdown(Duration.ofSeconds(10)));
        });
    expect(client, 0, ALL);
    client.expectClose(CloseCode.GOING_AWAY);
    client.write(Frame.close(CloseCode.GOING_AWAY, ""));
    client.expectEnd();
    client.close();
    shutdown[0].join();
    awaitNoBlocks(server);
  }

  @Test
  void peerThatDiesLeavesNothingBehind() throws Exception {
    Server server = start(server().limits(LIMITS).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    List<CompletionStage<Void>> asynchronous = new ArrayList<>();
    awaitStuck(connection);
    onLoop(
        connection,
        () -> {
          sendAll(connection, 0, 1, PLAIN);
          asynchronous.add(connection.sendAsync("never"));
        });
    client.reset();
    assertEquals(1006, recorder.awaitClose().code());
    assertThrows(
        Exception.class, () -> asynchronous.get(0).toCompletableFuture().join(), "it was sent");
    assertEquals(0, connection.queuedMessages());
    assertEquals(0, connection.bufferedBytes());
    assertEquals(SendResult.CLOSED, send(connection, 0, OLDEST));
    awaitNoBlocks(server);
  }

  /** Sends until the kernel takes nothing more, for many turns. */
  static void awaitStuck(Connection connection) throws Exception {
    for (int quiet = 0; quiet < 50; ) {
      long before = connection.droppedMessages();
      onLoop(connection, () -> send(connection, 0, OLDEST));
      quiet = connection.droppedMessages() > before ? quiet + 1 : 0;
    }
  }

  private static void accept(SendResult result) {
    assertEquals(SendResult.ACCEPTED, result);
  }
}
