// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Handlers away from the loop: order, validity, bounds, and the ends of all that. */
public abstract class ExecutorSuite extends EngineSuite {

  private static final String LOOP_THREAD = "millrace-loop-";
  private static final long STANDSTILL_NANOS = 300_000_000;

  /** Where handlers run in these tests. */
  enum Kind {
    POOL,
    ONE_THREAD,
    /** Runs everything on the caller, which is the loop. */
    DIRECT,
    /** Takes turns between its one thread and the loop. */
    CALLER_RUNS,
    VIRTUAL
  }

  private HandlerExecutor executor(Kind kind) {
    return switch (kind) {
      case POOL -> pool(3);
      case ONE_THREAD -> pool(1);
      case DIRECT -> HandlerExecutor.of(Runnable::run);
      case CALLER_RUNS -> HandlerExecutor.of(closeLaterPool(callerRuns()));
      case VIRTUAL -> virtualThreads();
    };
  }

  private static HandlerExecutor virtualThreads() {
    assumeTrue(Runtime.version().feature() >= 21, "this JDK has no virtual threads");
    return HandlerExecutor.virtualThreads();
  }

  private static ExecutorService callerRuns() {
    return new ThreadPoolExecutor(
        1,
        1,
        1,
        TimeUnit.MINUTES,
        new SynchronousQueue<>(),
        new ThreadPoolExecutor.CallerRunsPolicy());
  }

  private HandlerExecutor pool(int threads) {
    return HandlerExecutor.of(closeLaterPool(Executors.newFixedThreadPool(threads)));
  }

  private Executor closeLaterPool(ExecutorService pool) {
    closeLater((AutoCloseable) pool::shutdownNow);
    return pool;
  }

  /** Opened by the end of the test at the latest, so that no handler outlives it. */
  private CountDownLatch gate() {
    CountDownLatch gate = new CountDownLatch(1);
    closeLater((AutoCloseable) gate::countDown);
    return gate;
  }

  private static SendResult requireAccepted(SendResult result) {
    if (result != SendResult.ACCEPTED) {
      throw new AssertionError("a send was not accepted: " + result);
    }
    return result;
  }

  /** Answers, after its gate was opened. */
  private static class Gated extends Recorder {
    private final CountDownLatch gate;
    private final CountDownLatch entered = new CountDownLatch(1);

    Gated(CountDownLatch gate) {
      this.gate = gate;
    }

    @Override
    public void onMessage(Connection connection, Message message) throws Exception {
      super.onMessage(connection, message);
      entered.countDown();
      gate.await();
      if (connection.isOpen()) {
        requireAccepted(connection.send(message));
      }
    }

    void awaitEntered() throws InterruptedException {
      Deadline.await(entered, "a handler that waits");
    }
  }

  // ---- Order.

  /** Finds calls that overlap, and which threads make them. */
  private static class Serial extends Recorder {
    private final AtomicInteger inside = new AtomicInteger();
    private final AtomicBoolean overlapped = new AtomicBoolean();
    private final AtomicInteger onLoop = new AtomicInteger();
    private final AtomicInteger elsewhere = new AtomicInteger();

    void enter() {
      if (inside.getAndIncrement() != 0) {
        overlapped.set(true);
      }
      boolean loop = Thread.currentThread().getName().startsWith(LOOP_THREAD);
      (loop ? onLoop : elsewhere).incrementAndGet();
    }

    void leave() {
      inside.decrementAndGet();
    }

    @Override
    public void onOpen(Connection connection) throws Exception {
      enter();
      super.onOpen(connection);
      requireAccepted(connection.send("welcome"));
      leave();
    }

    @Override
    public void onMessage(Connection connection, Message message) throws Exception {
      enter();
      super.onMessage(connection, message);
      requireAccepted(connection.send(message));
      leave();
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) throws Exception {
      enter();
      super.onClose(connection, reason);
      leave();
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void callsComeInOrderAndAnswersTooAndTheCloseAfterThem(Kind kind) throws Exception {
    int count = 3000;
    Serial handler = new Serial();
    Server server = start(server().route("/", handler, executor(kind)));
    RawClient client = connect(server);
    Frame[] frames = new Frame[count + 1];
    for (int i = 0; i < count; i++) {
      frames[i] = Frame.text("message " + i);
    }
    frames[count] = Frame.close(1000, "bye");
    CompletableFuture<Void> written = client.writeMeanwhile(RawClient.bytesOf(frames));
    client.expectText("welcome");
    for (int i = 0; i < count; i++) {
      client.expectText("message " + i);
    }
    client.expectCloseAndEnd(1000);
    Deadline.await(written, "the writer");
    client.close();
    assertEquals(new CloseReason(1000, "bye", Initiator.PEER, null), handler.awaitClose());
    List<String> order = handler.order();
    assertEquals(count + 2, order.size());
    assertEquals("open", order.get(0));
    assertEquals("close", order.get(count + 1));
    assertEquals(count, handler.count("message"));
    assertFalse(handler.overlapped.get(), "two calls of one connection at once");
    switch (kind) {
      case DIRECT -> assertEquals(0, handler.elsewhere.get());
      case CALLER_RUNS -> assertTrue(handler.elsewhere.get() > 0);
      default -> assertEquals(0, handler.onLoop.get(), "calls on the loop's thread");
    }
    awaitNoConnections(server);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void everyLengthComesBack(Kind kind) throws Exception {
    Handler echo = (connection, message) -> requireAccepted(connection.send(message));
    Server server = start(server().route("/", echo, executor(kind)));
    RawClient client = connect(server);
    Random random = new Random(kind.ordinal());
    for (int length : new int[] {0, 1, 125, 126, 2048, 2049, 65_535, 65_536, 300_000, 1 << 20}) {
      byte[] payload = new byte[length];
      random.nextBytes(payload);
      CompletableFuture<Void> written =
          client.writeMeanwhile(RawClient.bytesOf(Frame.binary(payload)));
      client.expectBinary(payload);
      Deadline.await(written, "the writer");
    }
    client.write(Frame.text("a \u20ac").unfinished(), Frame.continuation(new byte[] {'!'}));
    client.expectText("a \u20ac!");
  }

  /** Each way to send, from the handler's thread, in one order. */
  @ParameterizedTest
  @EnumSource(Kind.class)
  void everyWayToSendKeepsTheOrder(Kind kind) throws Exception {
    Handler handler =
        (connection, message) -> {
          String name = message.text();
          requireAccepted(connection.send(name + " text"));
          requireAccepted(connection.send(message));
          requireAccepted(connection.send(ByteBuffer.wrap((name + " bytes").getBytes())));
          Lease written = connection.lease(64);
          written.buffer().put((name + " lease").getBytes());
          requireAccepted(connection.send(written));
          requireAccepted(connection.send(message.retain()));
          requireAccepted(connection.sendAll(List.of(message.retain(), message.retain())));
          connection.sendAsync(name + " async");
        };
    Server server = start(server().route("/", handler, executor(kind)));
    RawClient client = connect(server);
    int count = 200;
    Frame[] frames = new Frame[count];
    Arrays.setAll(frames, i -> Frame.text("m" + i));
    client.write(frames);
    for (int i = 0; i < count; i++) {
      String name = "m" + i;
      client.expectText(name + " text");
      client.expectText(name);
      client.expectBinary((name + " bytes").getBytes());
      client.expectBinary((name + " lease").getBytes());
      client.expectText(name);
      client.expectText(name);
      client.expectText(name);
      client.expectText(name + " async");
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void manyConnectionsShareAnExecutor(Kind kind) throws Exception {
    int clients = 24;
    int rounds = 40;
    Handler echo = (connection, message) -> requireAccepted(connection.send(message));
    Server server = start(server().loops(2).route("/", echo, executor(kind)));
    List<Task> tasks = new ArrayList<>();
    for (int c = 0; c < clients; c++) {
      int number = c;
      RawClient client = connect(server);
      tasks.add(
          Task.start(
              "client-" + c,
              () -> {
                Random random = new Random(number);
                for (int round = 0; round < rounds; round++) {
                  byte[] payload = new byte[random.nextInt(20_000)];
                  random.nextBytes(payload);
                  client.write(Frame.binary(payload), Frame.text(number + " " + round));
                  client.expectBinary(payload);
                  client.expectText(number + " " + round);
                }
              }));
    }
    for (Task task : tasks) {
      task.join();
    }
  }

  /** Forwarded from an executor to connections of other loops, with and without executors. */
  @Test
  void messagesAreForwardedToOtherConnections() throws Exception {
    Recorder listeners = new Recorder();
    HandlerExecutor pool = pool(2);
    List<Connection> targets = new ArrayList<>();
    Handler speaker =
        (connection, message) -> {
          for (Connection target : targets) {
            requireAccepted(target.send(message));
          }
        };
    Server server =
        start(
            server()
                .loops(3)
                .route("/loop", listeners)
                .route("/pool", listeners, pool)
                .route("/speak", speaker, pool)
                .route("/speak/loop", speaker));
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      clients.add(connect(server, i % 2 == 0 ? "/loop" : "/pool"));
      targets.add(listeners.awaitOpen());
    }
    for (String path : List.of("/speak", "/speak/loop")) {
      byte[] payload = new byte[5000];
      new Random(1).nextBytes(payload);
      connect(server, path).write(Frame.text("small"), Frame.binary(payload));
      for (RawClient client : clients) {
        client.expectText("small");
        client.expectBinary(payload);
      }
    }
  }

  // ---- The message.

  @ParameterizedTest
  @EnumSource(Kind.class)
  void messageIsValidOnItsThreadForItsCall(Kind kind) throws Exception {
    BlockingQueue<Message> kept = new LinkedBlockingQueue<>();
    BlockingQueue<Lease> retained = new LinkedBlockingQueue<>();
    BlockingQueue<Connection> from = new LinkedBlockingQueue<>();
    AtomicBoolean refusedElsewhere = new AtomicBoolean();
    AtomicReference<Message> earlier = new AtomicReference<>();
    Handler handler =
        (connection, message) -> {
          Message before = earlier.getAndSet(message);
          if (before != null) {
            // On the same thread too, where there is only one.
            assertThrows(IllegalStateException.class, before::length);
            connection.send("gone");
            return;
          }
          assertEquals(Message.Kind.BINARY, message.kind());
          assertEquals(3, message.length());
          ByteBuffer payload = message.payload();
          assertTrue(payload.isReadOnly());
          assertTrue(payload.isDirect());
          assertEquals(3, payload.capacity());
          assertEquals(0x0102, payload.getShort(0));
          assertArrayEquals(new byte[] {1, 2, 3}, message.toByteArray());
          Task.start(
                  "other thread",
                  () -> {
                    assertThrows(IllegalStateException.class, message::length);
                    refusedElsewhere.set(true);
                  })
              .join();
          retained.add(message.retain());
          from.add(connection);
          kept.add(message);
        };
    Server server = start(server().route("/", handler, executor(kind)));
    RawClient client = connect(server);
    client.write(Frame.binary(new byte[] {1, 2, 3}));
    Message message = Deadline.take(kept, "onMessage");
    Lease lease = Deadline.take(retained, "the lease");
    Connection connection = Deadline.take(from, "the connection");
    assertThrows(IllegalStateException.class, message::payload);
    assertThrows(IllegalStateException.class, message::retain);
    assertThrows(IllegalStateException.class, () -> connection.send(message));
    assertTrue(refusedElsewhere.get());
    byte[] bytes = new byte[3];
    lease.buffer().get(0, bytes);
    assertArrayEquals(new byte[] {1, 2, 3}, bytes);
    assertEquals(SendResult.ACCEPTED, connection.send(lease));
    client.expectBinary(new byte[] {1, 2, 3});
    client.write(Frame.text("second"));
    client.expectText("gone");
  }

  // ---- Handlers that block.

  @Test
  void aHandlerThatBlocksHoldsUpNobodyElse() throws Exception {
    CountDownLatch gate = gate();
    Gated gated = new Gated(gate);
    Server server = start(server().route("/slow", gated, pool(1)).route("/", ECHO));
    RawClient slow = connect(server, "/slow");
    slow.write(Frame.text("first"), Frame.ping("alive"));
    slow.expectPongs("alive");
    gated.awaitEntered();
    RawClient quick = connect(server);
    quick.write(Frame.text("quick"));
    quick.expectText("quick");
    gate.countDown();
    slow.expectText("first");
  }

  /**
   * The queue is bounded: while the handler blocks, a peer that sends more than any buffer on the
   * way holds comes to a halt. It goes on, and nothing is lost, when the handler does.
   */
  @ParameterizedTest
  @ValueSource(ints = {100, 60_000})
  void aHandlerThatBlocksStopsItsPeer(int length) throws Exception {
    int total = 64 << 20;
    int count = total / (length + 8);
    CountDownLatch gate = gate();
    CountDownLatch entered = new CountDownLatch(1);
    AtomicInteger handled = new AtomicInteger();
    CompletableFuture<String> fault = new CompletableFuture<>();
    Handler handler =
        (connection, message) -> {
          entered.countDown();
          gate.await();
          int number = handled.getAndIncrement();
          if (message.length() != length || message.payload().getInt(0) != number) {
            fault.complete("message " + number + " is not itself");
          }
        };
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 10);
    Server server =
        start(server().limits(limits).route("/", handler, pool(1)).route("/echo", ECHO));
    RawClient client = connect(server);
    AtomicLong progress = new AtomicLong();
    Task writer =
        Task.start(
            "writer",
            () -> {
              for (int i = 0; i < count; i++) {
                client.write(Frame.binary(ByteBuffer.allocate(length).putInt(i).array()));
                progress.incrementAndGet();
              }
            });
    Deadline.await(entered, "the handler");
    LoopProbe probe = closeLater(new LoopProbe(server, "/echo"));
    awaitStandstill(probe, progress);
    assertTrue(progress.get() < count, "everything was taken while the handler blocked");
    assertEquals(0, handled.get());
    gate.countDown();
    writer.join();
    Deadline.until(() -> handled.get() == count || fault.isDone(), "all messages");
    assertFalse(fault.isDone(), () -> fault.join());
  }

  /**
   * Nothing was written for many turns of the loop, in each of which it might have read, and long
   * enough that the writer had every chance too: a writer that is merely late would let a test pass
   * that ought to fail.
   */
  private static void awaitStandstill(LoopProbe probe, AtomicLong progress) throws IOException {
    long last = -1;
    long since = System.nanoTime();
    for (int still = 0; still < 200 || System.nanoTime() - since < STANDSTILL_NANOS; still++) {
      probe.awaitTurn();
      long now = progress.get();
      if (now != last) {
        still = 0;
        last = now;
        since = System.nanoTime();
      }
    }
  }

  /** Paused by both, and then by the application alone. */
  @Test
  void applicationsPauseOutlivesTheQueues() throws Exception {
    int length = 10_000;
    int count = 6500;
    CountDownLatch gate = gate();
    CompletableFuture<Connection> opened = new CompletableFuture<>();
    AtomicInteger handled = new AtomicInteger();
    Handler handler =
        (connection, message) -> {
          opened.complete(connection);
          gate.await();
          handled.incrementAndGet();
        };
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 10);
    Server server =
        start(server().limits(limits).route("/", handler, pool(1)).route("/echo", ECHO));
    RawClient client = connect(server);
    AtomicLong progress = new AtomicLong();
    Task writer =
        Task.start(
            "writer",
            () -> {
              for (int i = 0; i < count; i++) {
                client.write(Frame.binary(new byte[length]));
                progress.incrementAndGet();
              }
            });
    Connection connection = Deadline.await(opened, "the first message");
    LoopProbe probe = closeLater(new LoopProbe(server, "/echo"));
    awaitStandstill(probe, progress);
    connection.pause();
    gate.countDown();
    awaitStandstill(probe, progress);
    assertTrue(handled.get() > 0 && handled.get() < count / 2, "handled: " + handled.get());
    assertTrue(progress.get() < count, "read on although the application had paused");
    connection.resume();
    Deadline.until(() -> handled.get() == count, "all messages");
    writer.join();
  }

  // ---- Peers that do not read.

  /** As on the loop: a handler that answers each message once is never refused. */
  @ParameterizedTest
  @EnumSource(Kind.class)
  void anEchoIsNeverRefusedHoweverSlowlyItsPeerReads(Kind kind) throws Exception {
    int length = 1000;
    int count = 20_000;
    Recorder echo =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) {
            requireAccepted(connection.send(message));
          }
        };
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 10);
    Server server =
        start(server().limits(limits).route("/", echo, executor(kind)).route("/echo", ECHO));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    AtomicLong progress = new AtomicLong();
    Task writer =
        Task.start(
            "writer",
            () -> {
              for (int i = 0; i < count; i++) {
                client.write(Frame.binary(Stamp.of(0, 0, i, length)));
                progress.incrementAndGet();
              }
            });
    awaitStandstill(closeLater(new LoopProbe(server, "/echo")), progress);
    for (int i = 0; i < count; i++) {
      client.expectBinary(Stamp.of(0, 0, i, length));
    }
    writer.join();
    assertEquals(0, echo.count("error"));
  }

  /** Not for a full inbox either. */
  @ParameterizedTest
  @EnumSource(Kind.class)
  void anEchoIsNotRefusedForASmallInbox(Kind kind) throws Exception {
    int count = 2000;
    Handler echo = (connection, message) -> requireAccepted(connection.send(message));
    Limits limits = Limits.defaults().withInboxCapacity(16);
    Server server = start(server().limits(limits).route("/", echo, executor(kind)));
    List<RawClient> clients = new ArrayList<>();
    List<CompletableFuture<Void>> writers = new ArrayList<>();
    for (int c = 0; c < 8; c++) {
      RawClient client = connect(server);
      clients.add(client);
      Frame[] frames = new Frame[count];
      Arrays.setAll(frames, i -> Frame.text("" + i));
      writers.add(client.writeMeanwhile(RawClient.bytesOf(frames)));
    }
    for (RawClient client : clients) {
      for (int i = 0; i < count; i++) {
        client.expectText("" + i);
      }
    }
    for (CompletableFuture<Void> writer : writers) {
      Deadline.await(writer, "a writer");
    }
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void onWritableComesInItsTurn(Kind kind) throws Exception {
    int count = 20_000;
    int length = 1000;
    CountDownLatch refused = new CountDownLatch(1);
    Serial producer =
        new Serial() {
          private int next;

          @Override
          public void onMessage(Connection connection, Message message) {
            enter();
            produce(connection);
            leave();
          }

          @Override
          public void onWritable(Connection connection) throws Exception {
            enter();
            super.onWritable(connection);
            produce(connection);
            leave();
          }

          private void produce(Connection connection) {
            while (next < count) {
              SendResult sent = connection.send(ByteBuffer.wrap(Stamp.of(0, 0, next, length)));
              if (sent == SendResult.REFUSED) {
                refused.countDown();
                return;
              }
              requireAccepted(sent);
              next++;
            }
          }
        };
    Limits limits = Limits.defaults().withHighWaterMarkBytes(256 << 10);
    Server server = start(server().limits(limits).route("/", producer, executor(kind)));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    client.write(Frame.text("go"));
    Deadline.await(refused, "a refusal");
    client.expectText("welcome");
    for (int i = 0; i < count; i++) {
      client.expectBinary(Stamp.of(0, 0, i, length));
    }
    assertTrue(producer.count("writable") > 0);
    assertFalse(producer.overlapped.get());
    assertEquals(0, producer.count("error"));
  }

  // ---- Rejection.

  /** Takes some tasks and rejects the others. */
  private static final class Rejecting implements Executor {
    private final Executor behind;
    private final AtomicInteger left;
    private final RuntimeException thrown;

    Rejecting(Executor behind, int taken, RuntimeException thrown) {
      this.behind = behind;
      this.left = new AtomicInteger(taken);
      this.thrown = thrown;
    }

    @Override
    public void execute(Runnable task) {
      if (left.getAndDecrement() <= 0) {
        throw thrown;
      }
      behind.execute(task);
    }
  }

  @Test
  void anExecutorThatRejectsTheFirstCallClosesWith1013() throws Exception {
    Recorder recorder = new Recorder();
    Executor rejecting = new Rejecting(Runnable::run, 0, new RejectedExecutionException("full"));
    Server server =
        start(server().route("/", recorder, HandlerExecutor.of(rejecting)).route("/echo", ECHO));
    RawClient client = connect(server);
    client.expectCloseAndEnd(CloseCode.TRY_AGAIN_LATER);
    client.close();
    awaitNoConnections(server);
    RawClient other = connect(server, "/echo").write(Frame.text("alive"));
    other.expectText("alive");
    other.close();
    server.close();
    assertEquals(List.of(), recorder.order(), "no onClose without onOpen");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void anExecutorThatRejectsLaterClosesWith1013AndOwesOnClose(boolean regular) throws Exception {
    RuntimeException thrown =
        regular ? new RejectedExecutionException("full") : new IllegalStateException("broken");
    BlockingQueue<String> closer = new LinkedBlockingQueue<>();
    Recorder recorder =
        new Recorder() {
          @Override
          public void onClose(Connection connection, CloseReason reason) throws Exception {
            super.onClose(connection, reason);
            closer.add(Thread.currentThread().getName());
          }
        };
    ExecutorService pool = Executors.newSingleThreadExecutor();
    Executor rejecting = new Rejecting(closeLaterPool(pool), 1, thrown);
    Server server =
        start(server().route("/", recorder, HandlerExecutor.of(rejecting)).route("/echo", ECHO));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    // onOpen is written down within its turn: the turn after it must be another.
    Deadline.await(CompletableFuture.runAsync(() -> {}, pool), "the end of the first turn");
    client.write(Frame.text("rejected"), Frame.text("dropped"));
    client.expectCloseAndEnd(CloseCode.TRY_AGAIN_LATER);
    client.close();
    CloseReason reason = recorder.awaitClose();
    assertEquals(CloseCode.TRY_AGAIN_LATER, reason.code());
    assertEquals(Initiator.LOCAL, reason.initiator());
    assertSame(thrown, reason.cause());
    assertEquals(reason, Deadline.await(connection.closed(), "closed()"));
    assertFalse(Deadline.take(closer, "the thread of onClose").startsWith(LOOP_THREAD));
    assertEquals(List.of("open", "close"), recorder.order());
    connect(server, "/echo").write(Frame.text("alive")).expectText("alive");
  }

  /** The application has ended its pool before its server. */
  @Test
  void aServerWhoseExecutorIsGoneShutsDownInOrder() throws Exception {
    Recorder recorder = new Recorder();
    ExecutorService pool = Executors.newFixedThreadPool(2);
    Server server = start(server().route("/", recorder, HandlerExecutor.of(pool)));
    RawClient client = connect(server);
    recorder.awaitOpen();
    pool.shutdown();
    assertTrue(pool.awaitTermination(10, TimeUnit.SECONDS));
    Task shutdown = Task.start("shutdown", server::close);
    client.expectCloseAndEnd(CloseCode.GOING_AWAY);
    client.close();
    shutdown.join();
    assertEquals(List.of("open", "close"), recorder.order());
    assertEquals(CloseCode.GOING_AWAY, recorder.awaitClose().code());
  }

  // ---- Ends.

  @ParameterizedTest
  @EnumSource(Kind.class)
  void aHandlerThatThrowsEndsItsConnectionWith1011(Kind kind) throws Exception {
    RuntimeException planted = new IllegalStateException("planted by the test");
    Recorder thrower =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            super.onMessage(connection, message);
            connection.send("last words");
            throw planted;
          }
        };
    Server server = start(server().route("/", thrower, executor(kind)).route("/echo", ECHO));
    RawClient client = connect(server);
    client.write(Frame.text("first"), Frame.text("never delivered"));
    client.expectText("last words");
    client.expectCloseAndEnd(CloseCode.INTERNAL_ERROR);
    client.close();
    assertSame(planted, thrower.awaitError());
    CloseReason reason = thrower.awaitClose();
    assertEquals(CloseCode.INTERNAL_ERROR, reason.code());
    assertSame(planted, reason.cause());
    assertEquals(List.of("open", "message", "error", "close"), thrower.order());
    connect(server, "/echo").write(Frame.text("alive")).expectText("alive");
  }

  @Test
  void thePeersCloseIsAnsweredBehindQueuedEchoes() throws Exception {
    CountDownLatch gate = gate();
    Gated gated = new Gated(gate);
    Server server = start(server().route("/", gated, pool(1)).route("/echo", ECHO));
    RawClient client = connect(server);
    Frame[] frames = new Frame[21];
    Arrays.setAll(frames, i -> Frame.text("message " + i));
    frames[20] = Frame.close(4711, "enough");
    client.write(frames);
    gated.awaitEntered();
    closeLater(new LoopProbe(server, "/echo")).awaitTurn();
    gate.countDown();
    for (int i = 0; i < 20; i++) {
      client.expectText("message " + i);
    }
    client.expectCloseAndEnd(4711);
    client.close();
    assertEquals(new CloseReason(4711, "enough", Initiator.PEER, null), gated.awaitClose());
  }

  /** What was received is handled, though nobody is left to answer. */
  @Test
  void messagesBeforeABrokenConnectionAreHandledBeforeOnClose() throws Exception {
    CountDownLatch gate = gate();
    Gated gated = new Gated(gate);
    Server server = start(server().route("/", gated, pool(1)));
    RawClient client = connect(server);
    Frame[] frames = new Frame[10];
    Arrays.setAll(frames, i -> Frame.text("message " + i));
    client.write(frames);
    gated.awaitEntered();
    client.close();
    awaitNoConnections(server);
    gate.countDown();
    CloseReason reason = gated.awaitClose();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, reason.code());
    assertEquals(Initiator.NETWORK, reason.initiator());
    assertEquals(10, gated.deliveries());
    assertEquals("close", gated.order().get(11));
  }

  @Test
  void aCloseOfThisSideDropsWhatWaits() throws Exception {
    CountDownLatch gate = gate();
    Gated gated =
        new Gated(gate) {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            super.onMessage(connection, message);
            connection.close(4000, "seen enough");
          }
        };
    Server server = start(server().route("/", gated, pool(1)).route("/echo", ECHO));
    RawClient client = connect(server);
    client.write(Frame.text("first"), Frame.text("second"), Frame.text("third"));
    gated.awaitEntered();
    closeLater(new LoopProbe(server, "/echo")).awaitTurn();
    gate.countDown();
    client.expectText("first");
    client.expectCloseAndEnd(4000);
    client.close();
    assertEquals(4000, gated.awaitClose().code());
    assertEquals(List.of("open", "message", "close"), gated.order());
  }

  @Test
  void shutdownLetsQueuedHandlersFinish() throws Exception {
    CountDownLatch gate = gate();
    Gated gated = new Gated(gate);
    Server server = start(server().route("/", gated, pool(1)).route("/echo", ECHO));
    RawClient client = connect(server);
    client.write(Frame.text("0"), Frame.text("1"), Frame.text("2"));
    gated.awaitEntered();
    RawClient bystander = connect(server, "/echo");
    Task shutdown = Task.start("shutdown", () -> server.shutdown(Deadline.WAIT));
    bystander.expectCloseAndEnd(CloseCode.GOING_AWAY); // so the drain has begun
    bystander.close();
    gate.countDown();
    for (int i = 0; i < 3; i++) {
      client.expectText("" + i);
    }
    client.expectCloseAndEnd(CloseCode.GOING_AWAY);
    client.close();
    shutdown.join();
    assertEquals(List.of("open", "message", "message", "message", "close"), gated.order());
    assertEquals(CloseCode.GOING_AWAY, gated.awaitClose().code());
  }

  /** The connection may be gone by then: shutdown still waits for what its handler has to do. */
  @Test
  void shutdownWaitsForOnClose() throws Exception {
    CountDownLatch gate = gate();
    CountDownLatch closing = new CountDownLatch(1);
    Recorder recorder =
        new Recorder() {
          @Override
          public void onClose(Connection connection, CloseReason reason) throws Exception {
            closing.countDown();
            gate.await();
            super.onClose(connection, reason);
          }
        };
    Server server = start(server().route("/", recorder, pool(1)).route("/echo", ECHO));
    RawClient client = connect(server);
    client.write(Frame.close(1000, ""));
    client.expectCloseAndEnd(1000);
    client.close();
    Deadline.await(closing, "onClose");
    awaitNoConnections(server);
    RawClient bystander = connect(server, "/echo");
    CompletableFuture<Long> closesAtReturn = new CompletableFuture<>();
    Task shutdown =
        Task.start(
            "shutdown",
            () -> {
              server.shutdown(Deadline.WAIT);
              closesAtReturn.complete(recorder.count("close"));
            });
    bystander.expectCloseAndEnd(CloseCode.GOING_AWAY);
    bystander.close();
    awaitNoConnections(server);
    // One that does not wait has nothing left to do.
    assertThrows(
        TimeoutException.class, () -> closesAtReturn.get(STANDSTILL_NANOS, TimeUnit.NANOSECONDS));
    gate.countDown();
    shutdown.join();
    assertEquals(1L, closesAtReturn.join());
  }

  @Test
  void shutdownDoesNotWaitForAHandlerThatBlocksForEver() throws Exception {
    CountDownLatch gate = gate();
    Gated gated = new Gated(gate);
    Server server = start(server().route("/", gated, pool(1)));
    RawClient client = connect(server);
    client.write(Frame.text("first"), Frame.text("second"));
    gated.awaitEntered();
    Task.start("shutdown", () -> server.shutdown(Duration.ofMillis(200))).join();
    client.awaitGone();
    assertEquals(List.of("open", "message"), gated.order());
    gate.countDown();
    gated.awaitClose();
    assertEquals(List.of("open", "message", "close"), gated.order());
  }
}
