// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.Client;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.LoopStatistics;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.LeaseWatch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What nobody should do: each has an exception or a status that the Javadoc names, and none of it
 * reaches another peer. {@code MisuseProperties} tries the same at random.
 */
public abstract class MisuseSuite extends ClientEngineSuite {

  private static final int HUGE = 256 << 20;

  private final Recorder recorder = new Recorder();

  /** What may be called, by name, to see what it throws. */
  private static final class Calls extends LinkedHashMap<String, Executable> {
    private static final long serialVersionUID = 1;

    Calls add(String name, Executable call) {
      put(name, call);
      return this;
    }

    void allThrow(Class<? extends Throwable> expected) {
      forEach((name, call) -> assertThrows(expected, call, name));
    }
  }

  private static Calls usesOf(Lease lease) {
    return new Calls()
        .add("buffer", lease::buffer)
        .add("capacity", lease::capacity)
        .add("offset", lease::offset)
        .add("length", lease::length)
        .add("range", () -> lease.range(0, 0))
        .add("kind", lease::kind);
  }

  private static Calls sendsOf(Connection connection, Lease lease) {
    return new Calls()
        .add("send", () -> connection.send(lease))
        .add("send with options", () -> connection.send(lease, SendOptions.defaults()))
        .add("send async", () -> connection.sendAsync(lease))
        .add("send all", () -> connection.sendAll(List.of(lease)));
  }

  private Server startRecorder() throws Exception {
    return start(server().route("/", recorder));
  }

  private static long blocksInUse(Server server) {
    return server.statistics().stream().mapToLong(LoopStatistics::blocksInUse).sum();
  }

  /** On the connection's loop, and back with what it threw. */
  private static void onLoop(Connection connection, Executable task) throws Exception {
    BlockingQueue<List<Throwable>> outcome = new LinkedBlockingQueue<>();
    assertTrue(
        connection.execute(
            () -> {
              try {
                task.execute();
                outcome.add(List.of());
              } catch (Throwable t) {
                outcome.add(List.of(t));
              }
            }));
    for (Throwable thrown : Deadline.take(outcome, "a task on the loop")) {
      throw new AssertionError("on the loop", thrown);
    }
  }

  private static void hereAndOnLoop(Connection connection, Executable task) throws Exception {
    try {
      task.execute();
    } catch (Throwable t) {
      throw new AssertionError("on this thread", t);
    }
    onLoop(connection, task);
  }

  private static Lease written(Connection connection, String text) {
    Lease lease = connection.lease(text.length());
    lease.buffer().put(text.getBytes(StandardCharsets.US_ASCII));
    return lease;
  }

  // ---- Leases.

  @Test
  void aLeaseIsReleasedOnce() throws Exception {
    Server server = startRecorder();
    connect(server);
    Connection connection = recorder.awaitOpen();
    Executable twice =
        () -> {
          Lease lease = written(connection, "closed twice");
          lease.close();
          lease.close();
          usesOf(lease).allThrow(IllegalStateException.class);
          sendsOf(connection, lease).allThrow(IllegalStateException.class);
        };
    hereAndOnLoop(connection, twice);
    Deadline.until(() -> blocksInUse(server) == 0, "all blocks are free");
  }

  @Test
  void aLeaseIsSentOnce() throws Exception {
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    Executable once =
        () -> {
          Lease lease = written(connection, "sent once");
          assertEquals(SendResult.ACCEPTED, connection.send(lease));
          usesOf(lease).allThrow(IllegalStateException.class);
          sendsOf(connection, lease).allThrow(IllegalStateException.class);
          lease.close();
          assertEquals(SendResult.ACCEPTED, connection.send("next"));
        };
    hereAndOnLoop(connection, once);
    for (int i = 0; i < 2; i++) {
      client.expectBinary("sent once".getBytes(StandardCharsets.US_ASCII));
      client.expectText("next");
    }
  }

  /** Whoever comes first has it, the others are told; it is given up once. */
  @Test
  void oneOfManyThreadsEndsALease() throws Exception {
    Server server = startRecorder();
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    int accepted = 0;
    for (int run = 0; run < 50; run++) {
      Lease lease = written(connection, "one of many");
      CountDownLatch go = new CountDownLatch(1);
      AtomicInteger sent = new AtomicInteger();
      List<Task> tasks = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        boolean sends = i % 2 == 0;
        tasks.add(
            Task.start(
                "ends " + i,
                () -> {
                  go.await();
                  try {
                    if (sends && connection.send(lease) == SendResult.ACCEPTED) {
                      sent.incrementAndGet();
                    }
                  } catch (IllegalStateException usedBefore) {
                    // As documented.
                  }
                  lease.close();
                }));
      }
      go.countDown();
      for (Task task : tasks) {
        task.join();
      }
      assertTrue(sent.get() <= 1, "sent " + sent + " times");
      accepted += sent.get();
    }
    assertEquals(SendResult.ACCEPTED, connection.send("last"));
    for (int i = 0; i < accepted; i++) {
      client.expectBinary("one of many".getBytes(StandardCharsets.US_ASCII));
    }
    client.expectText("last");
    Deadline.until(() -> blocksInUse(server) == 0, "all blocks are free");
  }

  @Test
  void aListWithAUsedLeaseConsumesNone() throws Exception {
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    Lease used = written(connection, "used");
    used.close();
    Lease good = written(connection, "good");
    assertThrows(
        IllegalStateException.class, () -> connection.sendAll(List.of(good, used)), "used");
    assertThrows(
        IllegalStateException.class, () -> connection.sendAll(List.of(good, good)), "twice");
    assertThrows(
        NullPointerException.class, () -> connection.sendAll(Arrays.asList(good, null)), "null");
    assertEquals(4, good.length());
    assertEquals(SendResult.ACCEPTED, connection.sendAll(List.of(good)));
    assertEquals(SendResult.ACCEPTED, connection.sendAll(List.of()));
    client.expectBinary("good".getBytes(StandardCharsets.US_ASCII));
  }

  @Test
  void rangesOutsideALeaseAreRefused() throws Exception {
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    Lease lease = written(connection, "0123456789");
    int capacity = lease.capacity();
    int[][] ranges = {
      {-1, 1},
      {0, -1},
      {0, capacity + 1},
      {capacity, 1},
      {capacity + 1, 0},
      {1, capacity},
      {Integer.MAX_VALUE, Integer.MAX_VALUE},
      {Integer.MIN_VALUE, Integer.MAX_VALUE},
      {Integer.MIN_VALUE, Integer.MIN_VALUE},
      {Integer.MAX_VALUE, 1},
      {1, Integer.MAX_VALUE}
    };
    for (int[] range : ranges) {
      assertThrows(
          IllegalArgumentException.class,
          () -> lease.range(range[0], range[1]),
          Arrays.toString(range));
    }
    assertEquals(SendResult.ACCEPTED, connection.send(lease.range(2, 3)));
    client.expectBinary("234".getBytes(StandardCharsets.US_ASCII));
    for (int wrong : new int[] {0, -1, Integer.MIN_VALUE, HUGE + 1, Integer.MAX_VALUE}) {
      assertThrows(
          IllegalArgumentException.class, () -> connection.lease(wrong), "capacity " + wrong);
    }
  }

  /** A buffer outlives its lease: touching it harms nobody. */
  @Test
  void aBufferKeptTooLongReachesNobody() throws Exception {
    assumeTrue(CheckedMode.isOn(), "without it the memory may be another's by then");
    Server server = startEcho();
    RawClient victim = connect(server);
    RawClient[] others = {connect(server), connect(server)};
    Server own = startRecorder();
    connect(own);
    Connection connection = recorder.awaitOpen();
    List<ByteBuffer> kept = Collections.synchronizedList(new ArrayList<>());
    Executable keep =
        () -> {
          Lease lease = connection.lease(1000);
          kept.add(lease.buffer());
          lease.close();
        };
    hereAndOnLoop(connection, keep);
    byte[] payload = Seed.bytes(Seed.random("kept"), 900);
    for (int i = 0; i < 100; i++) {
      for (ByteBuffer buffer : kept) {
        buffer.put(i, (byte) i);
        assertEquals((byte) i, buffer.get(i));
      }
      for (RawClient other : others) {
        other.write(Frame.binary(payload));
        other.expectBinary(payload);
      }
      victim.write(Frame.binary(payload));
      victim.expectBinary(payload);
    }
  }

  // ---- Messages.

  @Test
  void aMessageKeptForOnCloseThrows() throws Exception {
    List<Message> kept = new ArrayList<>();
    BlockingQueue<String> outcome = new LinkedBlockingQueue<>();
    Handler handler =
        new Handler() {
          @Override
          public void onMessage(Connection connection, Message message) {
            kept.add(message);
          }

          @Override
          public void onClose(Connection connection, CloseReason reason) {
            try {
              for (Message message : kept) {
                assertThrows(IllegalStateException.class, message::payload);
                assertThrows(IllegalStateException.class, message::retain);
                assertThrows(IllegalStateException.class, () -> connection.send(message));
              }
              outcome.add(kept.size() + " throw");
            } catch (Throwable t) {
              outcome.add(t.toString());
            }
          }
        };
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.text("kept"), Frame.close(1000, ""));
    assertEquals("1 throw", Deadline.take(outcome, "onClose"));
  }

  /** A slice that outlives its handler shows what is freed, not what another peer has sent. */
  @Test
  void aPayloadKeptTooLongShowsFreedMemory() throws Exception {
    assumeTrue(CheckedMode.isOn(), "without it the memory may be another's by then");
    BlockingQueue<ByteBuffer> kept = new LinkedBlockingQueue<>();
    Server server =
        start(server().route("/", (connection, message) -> kept.add(message.payload())));
    RawClient client = connect(server);
    RawClient other = connect(server);
    LoopProbe probe = closeLater(new LoopProbe(server, "/"));
    for (int length : new int[] {1, 100, 5000, 70_000}) {
      client.write(Frame.binary(new byte[length]));
      ByteBuffer payload = Deadline.take(kept, "onMessage");
      other.write(Frame.text("another peer's secret"));
      Deadline.take(kept, "onMessage");
      probe.awaitTurn();
      assertEquals(length, payload.capacity());
      for (int at = 0; at < length; at++) {
        assertEquals(CheckedMode.FREED, payload.get(at), "length=" + length + ", at=" + at);
      }
    }
  }

  @Test
  void checkedMessagesAreObjectsOfTheirOwn() throws Exception {
    assumeTrue(CheckedMode.isOn(), "without it they take turns");
    List<Message> kept = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger count = new AtomicInteger();
    Handler handler =
        (connection, message) -> {
          kept.add(message);
          count.incrementAndGet();
        };
    RawClient client = connect(start(server().route("/", handler)));
    for (int i = 0; i < 600; i++) {
      client.write(Frame.text("m" + i));
    }
    Deadline.until(() -> count.get() == 600, "all messages");
    assertEquals(600, kept.stream().map(System::identityHashCode).distinct().count(), 5);
    for (Message message : kept) {
      assertThrows(IllegalStateException.class, message::text);
    }
  }

  // ---- Connections that have ended.

  /** Everything that a connection's end leaves without an effect, or gives a status. */
  private static void useEnded(Connection connection, boolean serverRuns) throws Exception {
    ByteBuffer bytes = ByteBuffer.wrap(new byte[10]);
    SendOptions options = SendOptions.defaults();
    assertEquals(SendResult.CLOSED, connection.send("text"));
    assertEquals(SendResult.CLOSED, connection.send("text", options));
    assertEquals(SendResult.CLOSED, connection.send(bytes));
    assertEquals(SendResult.CLOSED, connection.send(bytes, options));
    assertEquals(SendResult.CLOSED, connection.sendAll(List.of()));
    assertEquals(SendResult.CLOSED, connection.webSocket().ping());
    if (serverRuns) {
      Lease lease = connection.lease(100);
      assertEquals(SendResult.CLOSED, connection.send(lease));
      assertThrows(IllegalStateException.class, lease::buffer);
      Lease other = connection.lease(100);
      assertEquals(SendResult.CLOSED, connection.sendAll(List.of(other)));
      assertThrows(IllegalStateException.class, other::buffer);
    } else {
      assertThrows(IllegalStateException.class, () -> connection.lease(100));
    }
    assertNotNull(failureOf(connection.sendAsync("text")));
    assertNotNull(failureOf(connection.sendAsync(bytes)));
    connection.flush();
    connection.pause();
    connection.resume();
    connection.close();
    connection.close(1000, "again");
    assertFalse(connection.isOpen());
    assertFalse(connection.isWritable());
    assertEquals(0, connection.bufferedBytes());
    assertNotNull(connection.handshake().path());
    assertNotNull(connection.toString());
    assertEquals(serverRuns, connection.execute(() -> {}));
    assertNotNull(connection.schedule(() -> {}, Duration.ZERO));
    assertTrue(connection.closed().toCompletableFuture().isDone());
  }

  @Test
  void anEndedConnectionAnswersClosed() throws Exception {
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    client.close();
    recorder.awaitClose();
    Deadline.await(connection.closed(), "the end");
    useEnded(connection, true);
    onLoop(connection, () -> useEnded(connection, true));
  }

  @Test
  void inOnCloseEverySendAnswersClosed() throws Exception {
    BlockingQueue<String> outcome = new LinkedBlockingQueue<>();
    Handler handler =
        new Handler() {
          @Override
          public void onMessage(Connection connection, Message message) {}

          @Override
          public void onClose(Connection connection, CloseReason reason) {
            try {
              assertEquals(SendResult.CLOSED, connection.send("text"));
              Lease lease = connection.lease(10);
              assertEquals(SendResult.CLOSED, connection.send(lease));
              assertThrows(IllegalStateException.class, lease::buffer);
              connection.close();
              connection.pause();
              connection.resume();
              connection.flush();
              assertTrue(connection.execute(() -> outcome.add("task")));
              outcome.add("closed");
            } catch (Throwable t) {
              outcome.add(t.toString());
            }
          }
        };
    RawClient client = connect(start(server().route("/", handler)));
    client.reset();
    assertEquals("closed", Deadline.take(outcome, "onClose"));
    assertEquals("task", Deadline.take(outcome, "its task"));
  }

  @Test
  void afterTheServerShutDownEverythingHasAStatus() throws Exception {
    BlockingQueue<Lease> kept = new LinkedBlockingQueue<>();
    Handler keeps =
        new Recorder() {
          @Override
          public void onOpen(Connection connection) throws Exception {
            recorder.onOpen(connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) {
            kept.add(message.retain());
            kept.add(message.retain());
          }
        };
    Server server = start(server().route("/", keeps));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(Frame.text("kept"));
    Lease received = Deadline.take(kept, "onMessage");
    Lease second = Deadline.take(kept, "onMessage");
    Lease written = written(connection, "never sent");
    long before = LeaseWatch.leaked();
    muteLog();
    server.shutdown(Duration.ZERO);
    if (CheckedMode.isOn()) {
      assertEquals(before + 3, LeaseWatch.leaked(), "leases still open when the server ended");
    }
    useEnded(connection, false);
    assertEquals("kept", StandardCharsets.US_ASCII.decode(received.buffer()).toString());
    assertEquals(SendResult.CLOSED, connection.send(received));
    assertEquals(SendResult.CLOSED, connection.sendAll(List.of(second)));
    assertThrows(IllegalStateException.class, received::buffer);
    assertThrows(IllegalStateException.class, second::buffer);
    assertEquals(10, written.length());
    written.close();
    written.close();
    server.shutdown(Duration.ZERO);
    server.close();
    Server another = startEcho();
    RawClient other = connect(another);
    other.write(Frame.text("others live"));
    other.expectText("others live");
  }

  // ---- Interrupts.

  @Test
  void anInterruptedThreadSendsAndStaysInterrupted() throws Exception {
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    Task.start(
            "interrupted",
            () -> {
              Thread.currentThread().interrupt();
              assertEquals(SendResult.ACCEPTED, connection.send("text"));
              assertEquals(
                  SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(new byte[] {1, 2, 3})));
              assertEquals(SendResult.ACCEPTED, connection.send(written(connection, "lease")));
              connection.flush();
              assertTrue(connection.execute(() -> {}));
              assertTrue(Thread.interrupted(), "the interrupt is the caller's");
            })
        .join();
    onLoop(
        connection,
        () -> {
          Thread.currentThread().interrupt();
          assertEquals(SendResult.ACCEPTED, connection.send("on the loop"));
          connection.flush();
        });
    client.expectText("text");
    client.expectBinary(new byte[] {1, 2, 3});
    client.expectBinary("lease".getBytes(StandardCharsets.US_ASCII));
    client.expectText("on the loop");
    onLoop(connection, Thread::interrupted);
    assertEquals(SendResult.ACCEPTED, connection.send("the loop lives"));
    client.expectText("the loop lives");
  }

  // ---- Arguments.

  private static Calls withNull(Connection connection) {
    SendOptions options = SendOptions.defaults();
    return new Calls()
        .add("send message", () -> connection.send((Message) null))
        .add("send lease", () -> connection.send((Lease) null))
        .add("send bytes", () -> connection.send((ByteBuffer) null))
        .add("send text", () -> connection.send((CharSequence) null))
        .add("send message, options", () -> connection.send((Message) null, options))
        .add("send lease, options", () -> connection.send((Lease) null, options))
        .add("send bytes, options", () -> connection.send((ByteBuffer) null, options))
        .add("send text, options", () -> connection.send((CharSequence) null, options))
        .add("send text, no options", () -> connection.send("text", null))
        .add("sendAsync lease", () -> connection.sendAsync((Lease) null))
        .add("sendAsync bytes", () -> connection.sendAsync((ByteBuffer) null))
        .add("sendAsync text", () -> connection.sendAsync((CharSequence) null))
        .add("sendAll", () -> connection.sendAll(null))
        .add("close", () -> connection.close(1000, null))
        .add("execute", () -> connection.execute(null))
        .add("schedule nothing", () -> connection.schedule(null, Duration.ZERO))
        .add("schedule never", () -> connection.schedule(() -> {}, null))
        .add("attachment", () -> connection.attachment((Class<?>) null))
        .add("parameter", () -> connection.handshake().header(null))
        .add("attribute", () -> connection.handshake().attribute("a", null));
  }

  @Test
  void nullIsRefusedAndHarmsNothing() throws Exception {
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    connection.attach("attached");
    withNull(connection).allThrow(NullPointerException.class);
    onLoop(connection, () -> withNull(connection).allThrow(NullPointerException.class));
    assertEquals(0, connection.bufferedBytes());
    assertEquals(SendResult.ACCEPTED, connection.send("after"));
    client.expectText("after");
    client.close();
    recorder.awaitClose();
    Calls ended = withNull(connection);
    ended.allThrow(NullPointerException.class);
  }

  @Test
  void closesThatMayNotBeSentAreRefused() throws Exception {
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    for (int code :
        new int[] {Integer.MIN_VALUE, -1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1 << 16}) {
      assertThrows(
          IllegalArgumentException.class, () -> connection.close(code, ""), "code " + code);
    }
    for (String reason : List.of("x".repeat(124), "é".repeat(62), "\ud800", "a\udc00b")) {
      assertThrows(IllegalArgumentException.class, () -> connection.close(1000, reason), reason);
    }
    assertTrue(connection.isOpen());
    connection.close(4999, "é".repeat(61));
    client.expectClose(4999);
  }

  @Test
  void delaysAndTasksOfAnyKind() throws Exception {
    connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    CountDownLatch ran = new CountDownLatch(2);
    connection.schedule(ran::countDown, Duration.ofSeconds(Long.MIN_VALUE));
    connection.schedule(ran::countDown, Duration.ofNanos(-1));
    Deadline.await(ran, "what is overdue");
    assertTrue(
        connection
            .schedule(
                () -> {
                  throw new AssertionError("forever has passed");
                },
                Duration.ofSeconds(Long.MAX_VALUE))
            .cancel());
    muteLog();
    assertTrue(
        connection.execute(
            () -> {
              throw new Error("planted");
            }));
    onLoop(connection, () -> {});
  }

  /** Text that is not what it says: no send of it may reach memory that is not its own. */
  private record Liar(int claimed, int real) implements CharSequence {
    @Override
    public int length() {
      return claimed;
    }

    @Override
    public char charAt(int index) {
      if (index >= real) {
        throw new IndexOutOfBoundsException("planted: index=" + index);
      }
      return 'x';
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return this;
    }
  }

  /** Longer at each look. */
  private static final class Grower implements CharSequence {
    private int looks;

    @Override
    public int length() {
      return 100 * ++looks;
    }

    @Override
    public char charAt(int index) {
      return looks % 2 == 0 ? 'x' : '\u20ac';
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return this;
    }
  }

  @Test
  void textThatLiesIsNotSentAndNobodyIsHarmed() throws Exception {
    Server server = startRecorder();
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    Consumer<CharSequence> send =
        text -> {
          try {
            connection.send(text);
          } catch (IllegalStateException | IllegalArgumentException changed) {
            // As documented.
          } catch (IndexOutOfBoundsException planted) {
            assertTrue(planted.getMessage().startsWith("planted"), planted::toString);
          }
        };
    Executable all =
        () -> {
          send.accept(new Liar(10, 5));
          send.accept(new Liar(100_000, 99_999));
          send.accept(new Liar(Integer.MAX_VALUE, 1000));
          send.accept(new Liar(-1, 0));
          send.accept(new Liar(Integer.MIN_VALUE, 0));
          send.accept(new Grower());
        };
    hereAndOnLoop(connection, all);
    assertTrue(connection.isOpen());
    assertEquals(SendResult.ACCEPTED, connection.send("the end"));
    for (ServerFrame frame = client.readMessage(); ; frame = client.readMessage()) {
      String text = new String(frame.payload(), StandardCharsets.UTF_8);
      if (text.equals("the end")) {
        break;
      }
      assertTrue(text.matches("[x\u20ac]*"), text);
    }
    Deadline.until(() -> blocksInUse(server) == 0, "all blocks are free");
    Deadline.until(() -> connection.bufferedBytes() == 0, "nothing is counted that was not sent");
  }

  @Test
  void messagesTooLongToSendAreRefused(@TempDir Path folder) throws Exception {
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    ByteBuffer sparse = sparse(folder.resolve("sparse"), HUGE + 1L);
    Executable tooLong =
        () -> {
          assertThrows(IllegalArgumentException.class, () -> connection.send(sparse));
          assertThrows(IllegalArgumentException.class, () -> connection.sendAsync(sparse));
        };
    hereAndOnLoop(connection, tooLong);
    assertEquals(SendResult.ACCEPTED, connection.send("after"));
    client.expectText("after");
  }

  private static ByteBuffer sparse(Path file, long length) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      return channel.map(FileChannel.MapMode.READ_WRITE, 0, length);
    } finally {
      Files.deleteIfExists(file);
    }
  }

  // ---- What is reported.

  /** From now on, by what they say. */
  private BlockingQueue<LogRecord> reports(String what) {
    BlockingQueue<LogRecord> records = new LinkedBlockingQueue<>();
    Logger logger = Logger.getLogger("dev.millrace");
    java.util.logging.Handler listener =
        new java.util.logging.Handler() {
          @Override
          public void publish(LogRecord record) {
            if (record.getMessage().contains(what)) {
              records.add(record);
            }
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    muteLog();
    logger.addHandler(listener);
    closeLater(() -> logger.removeHandler(listener));
    return records;
  }

  private static boolean isThrownBy(String method, LogRecord record) {
    return record.getThrown() != null
        && Arrays.stream(record.getThrown().getStackTrace())
            .anyMatch(frame -> frame.getMethodName().equals(method));
  }

  private static ByteBuffer writtenLateHere(Connection connection, boolean isSent) {
    Lease lease = connection.lease(777);
    ByteBuffer kept = lease.buffer().put("mine".getBytes(StandardCharsets.US_ASCII));
    if (isSent) {
      assertEquals(SendResult.ACCEPTED, connection.send(lease));
    } else {
      lease.close();
    }
    return kept;
  }

  @ParameterizedTest
  @CsvSource({"false, false", "false, true", "true, false", "true, true"})
  void writingToFreedMemoryIsReportedWithTheStackOfWhoHadLeasedIt(boolean onLoop, boolean isSent)
      throws Exception {
    assumeTrue(CheckedMode.isOn(), "nobody looks for late writes");
    RawClient client = connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    BlockingQueue<LogRecord> records = reports("memory was written to");
    CompletableFuture<ByteBuffer> late = new CompletableFuture<>();
    Runnable misuse = () -> late.complete(writtenLateHere(connection, isSent));
    if (onLoop) {
      connection.execute(misuse);
    } else {
      misuse.run();
    }
    ByteBuffer kept = Deadline.await(late, "the lease");
    if (isSent) {
      client.expectBinary("mine".getBytes(StandardCharsets.US_ASCII));
    }
    // What other tests have written may be reported meanwhile.
    Deadline.until(
        () -> {
          kept.put(kept.capacity() - 1, (byte) 'x');
          connection.execute(() -> {});
          LogRecord told = records.poll();
          return told != null && isThrownBy("writtenLateHere", told);
        },
        "a report");
  }

  private static void leakHere(Connection connection) {
    connection.lease(777);
  }

  @Test
  void aLeakIsReportedOnceWithTheStackOfWhoTookIt() throws Exception {
    assumeTrue(CheckedMode.isOn(), "nobody looks for leaks");
    connect(startRecorder());
    Connection connection = recorder.awaitOpen();
    BlockingQueue<LogRecord> records = reports("a lease was collected");
    long before = LeaseWatch.leaked();
    leakHere(connection);
    connection.lease(888).close();
    connection.send(written(connection, "sent"));
    Deadline.until(
        () -> {
          System.gc();
          return LeaseWatch.leaked() > before;
        },
        "a report");
    LogRecord told = Deadline.take(records, "a record");
    assertTrue(isThrownBy("leakHere", told), () -> String.valueOf(told.getThrown()));
    System.gc();
    assertEquals(before + 1, LeaseWatch.leaked());
    assertTrue(records.isEmpty());
  }

  // ---- Clients.

  @Test
  void aClosedClientRefuses() throws Exception {
    Server server = startEcho();
    Client client = start(client());
    Connection connection = connect(client, address(server), recorder);
    Lease lease = written(connection, "never sent");
    long before = LeaseWatch.leaked();
    muteLog();
    client.close();
    client.close();
    if (CheckedMode.isOn()) {
      assertEquals(before + 1, LeaseWatch.leaked(), "a lease still open when its client ended");
    }
    useEnded(connection, false);
    assertEquals(SendResult.CLOSED, connection.send(lease));
    assertThrows(
        IllegalStateException.class, () -> client.connect(address(server), recorder), "connect");
    assertThrows(IllegalStateException.class, () -> client.open(address(server)));
  }

  @Test
  void othersHearTheirOwnWhileOneMisusesEverything() throws Exception {
    Server server = start(server().loops(2).route("/misused", recorder).route("/", ECHO));
    RawClient peer = connect(server, "/");
    connect(server, "/misused");
    Connection connection = recorder.awaitOpen();
    Map<Integer, byte[]> payloads = new LinkedHashMap<>();
    for (int length : new int[] {1, 200, 3000, 40_000}) {
      payloads.put(length, Seed.bytes(Seed.random("peer " + length), length));
    }
    for (int run = 0; run < 20; run++) {
      Executable misuse =
          () -> {
            withNull(connection).allThrow(NullPointerException.class);
            Lease lease = written(connection, "mine");
            lease.close();
            sendsOf(connection, lease).allThrow(IllegalStateException.class);
          };
      hereAndOnLoop(connection, misuse);
      for (byte[] payload : payloads.values()) {
        peer.write(Frame.binary(payload));
        assertArrayEquals(payload, peer.readMessage().payload());
      }
    }
  }
}
