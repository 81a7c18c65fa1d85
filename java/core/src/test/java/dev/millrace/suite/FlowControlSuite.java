// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Slow readers: what is refused, what is kept, and that both are bounded and told. */
public abstract class FlowControlSuite extends EngineSuite {

  private static final int MARK = 256 << 10;
  private static final int LENGTH = 1000;

  /** A message of this suite, its frame header included. */
  private static final int FRAME = LENGTH + 4;

  private static final Limits LIMITS = Limits.defaults().withHighWaterMarkBytes(MARK);

  private static byte[] numbered(int number) {
    return Stamp.of(0, 0, number, LENGTH - 12);
  }

  private static void expectNumbered(RawClient client, int from, int to) throws Exception {
    for (int number = from; number < to; number++) {
      client.expectBinary(numbered(number));
    }
  }

  /** Sends numbered messages whenever it may, and checks every answer against the mark. */
  private static final class Producer implements Handler {
    private final int count;
    private final CountDownLatch refused = new CountDownLatch(1);
    private final AtomicInteger writable = new AtomicInteger();
    private final AtomicLong mostBuffered = new AtomicLong();
    private int next;

    Producer(int count) {
      this.count = count;
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      produce(connection);
    }

    @Override
    public void onWritable(Connection connection) {
      writable.incrementAndGet();
      assertTrue(connection.isWritable());
      long buffered = connection.bufferedBytes();
      assertTrue(buffered <= MARK / 2, "onWritable with " + buffered + " bytes buffered");
      produce(connection);
    }

    private void produce(Connection connection) {
      while (next < count) {
        long before = connection.bufferedBytes();
        SendResult result = connection.send(ByteBuffer.wrap(numbered(next)));
        if (result == SendResult.REFUSED) {
          assertTrue(before >= MARK, "refused at " + before + " bytes, mark " + MARK);
          assertEquals(before, connection.bufferedBytes(), "a refused message takes no room");
          assertFalse(connection.isWritable());
          refused.countDown();
          return;
        }
        assertEquals(SendResult.ACCEPTED, result);
        assertTrue(before < MARK, "accepted at " + before + " bytes, mark " + MARK);
        mostBuffered.accumulateAndGet(connection.bufferedBytes(), Math::max);
        next++;
      }
      accept(connection.send("done"));
    }

    private static void accept(SendResult result) {
      assertEquals(SendResult.ACCEPTED, result);
    }

    @Override
    public void onError(Connection connection, Throwable cause) {
      cause.printStackTrace();
    }
  }

  @Test
  void refusedExactlyAtTheMarkOnTheLoop() throws Exception {
    int count = 20_000;
    Producer producer = new Producer(count);
    Server server = start(server().limits(LIMITS).route("/", producer));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    client.write(Frame.text("go"));
    Deadline.await(producer.refused, "a refusal");
    expectNumbered(client, 0, count);
    client.expectText("done");
    assertTrue(producer.writable.get() > 0);
    long most = producer.mostBuffered.get();
    assertTrue(most >= MARK && most <= MARK + FRAME, "most buffered: " + most);
  }

  @Test
  void refusedAtTheMarkFromAnotherThread() throws Exception {
    int count = 20_000;
    Semaphore writable = new Semaphore(0);
    Recorder recorder =
        new Recorder() {
          @Override
          public void onWritable(Connection connection) {
            writable.release();
          }
        };
    Server server = start(server().limits(LIMITS).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    AtomicInteger refusals = new AtomicInteger();
    CountDownLatch refused = new CountDownLatch(1);
    Task sender =
        Task.start(
            "sender",
            () -> {
              for (int number = 0; number < count; number++) {
                while (connection.send(ByteBuffer.wrap(numbered(number))) == SendResult.REFUSED) {
                  refusals.incrementAndGet();
                  refused.countDown();
                  assertTrue(
                      writable.tryAcquire(Deadline.WAIT.toMillis(), TimeUnit.MILLISECONDS),
                      "onWritable after a refusal");
                }
              }
            });
    Deadline.await(refused, "a refusal");
    expectNumbered(client, 0, count);
    sender.join();
    assertTrue(refusals.get() > 0);
  }

  /** Of several threads at once, each may be one message beyond the mark, and no more. */
  @Test
  void eightThreadsStayBoundedTogether() throws Exception {
    int threads = 8;
    Recorder recorder = new Recorder();
    Server server = start(server().limits(LIMITS).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    AtomicLong accepted = new AtomicLong();
    List<Task> senders = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      senders.add(
          Task.start(
              "sender " + t,
              () -> {
                int refusals = 0;
                while (refusals < 1000) {
                  if (connection.send(ByteBuffer.allocate(LENGTH)) == SendResult.ACCEPTED) {
                    accepted.incrementAndGet();
                  } else {
                    refusals++;
                  }
                }
              }));
    }
    for (Task sender : senders) {
      sender.join();
    }
    // Nobody reads, so what is buffered has only grown. On the loop it is exact.
    CompletableFuture<Long> buffered = new CompletableFuture<>();
    connection.execute(() -> buffered.complete(connection.bufferedBytes()));
    long most = Deadline.await(buffered, "the loop");
    assertTrue(most <= MARK + threads * FRAME, "buffered: " + most);
    connection.close(1000, "");
    for (long i = 0; i < accepted.get(); i++) {
      client.expectBinary(new byte[LENGTH]);
    }
    client.expectCloseAndEnd(1000);
  }

  /** An echo is never refused: the engine stops reading from a peer that does not read. */
  @ParameterizedTest
  @ValueSource(ints = {100, 5_000, 300_000, 1 << 20})
  void echoesToASlowReaderAreNeverLost(int length) throws Exception {
    int count = Math.min(100_000, (48 << 20) / length);
    AtomicLong mostBuffered = new AtomicLong();
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            ECHO.onMessage(connection, message);
            mostBuffered.accumulateAndGet(connection.bufferedBytes(), Math::max);
          }
        };
    Server server = start(server().limits(LIMITS).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    byte[][] frames = new byte[count][];
    for (int i = 0; i < count; i++) {
      frames[i] = Frame.binary(Stamp.of(1, 2, i, length - 12)).bytes();
    }
    CompletableFuture<Void> writing = client.writeMeanwhile(Frame.join(frames));
    Deadline.until(() -> connection.bufferedBytes() >= MARK / 2, "a reader that is felt");
    for (int i = 0; i < count; i++) {
      client.expectBinary(Stamp.of(1, 2, i, length - 12));
    }
    Deadline.await(writing, "the write");
    // What one receive of a quantum held may be echoed beyond the mark where reading stops.
    long limit = MARK / 2 + (128 << 10) + length + 14;
    long most = mostBuffered.get();
    assertTrue(most <= limit, "most buffered: " + most + ", limit " + limit);
  }

  @Test
  void pausedConnectionDeliversNothingUntilItResumes() throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(server().route("/", recorder).route("/probe", ECHO));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(Frame.text("before"));
    recorder.awaitMessage();
    connection.pause();
    connection.pause();
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      probe.awaitTurn();
      client.write(Frame.text("while"), Frame.text("paused"));
      for (int i = 0; i < 20; i++) {
        probe.awaitTurn();
      }
      assertEquals(1, recorder.deliveries());
      accept(connection.send("sending goes on"));
      client.expectText("sending goes on");
    }
    connection.resume();
    assertEquals("while", new String(recorder.awaitMessage().payload(), "US-ASCII"));
    assertEquals("paused", new String(recorder.awaitMessage().payload(), "US-ASCII"));
  }

  @Test
  void pauseInTheHandlerStillDeliversWhatCameWithTheMessage() throws Exception {
    AtomicInteger delivered = new AtomicInteger();
    Handler handler =
        (connection, message) -> {
          delivered.incrementAndGet();
          if (message.text().equals("pause")) {
            connection.pause();
            connection.execute(connection::resume);
          }
          accept(connection.send(message));
        };
    RawClient client = connect(start(server().route("/", handler)));
    for (int i = 0; i < 200; i++) {
      client.write(Frame.text("pause"), Frame.text("one"), Frame.text("pause"), Frame.text("two"));
      client.expectText("pause");
      client.expectText("one");
      client.expectText("pause");
      client.expectText("two");
    }
    assertEquals(800, delivered.get());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void peerThatLeavesWhileWePausedIsNoticed(boolean reset) throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(server().route("/", recorder).route("/probe", ECHO));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.pause();
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      probe.awaitTurn();
      client.write(Frame.text("last"));
      if (reset) {
        client.reset();
      } else {
        client.close();
      }
      probe.awaitTurn();
    }
    // HUP cannot be masked: a loop that keeps such a socket in its poller would spin.
    assertIdleFor(Duration.ofMillis(300), connection);
    connection.resume();
    assertEquals(1006, recorder.awaitClose().code());
    awaitNoConnections(server);
    if (!reset) {
      assertEquals("last", new String(recorder.awaitMessage().payload(), "US-ASCII"));
    }
  }

  @Test
  void fullInboxRefusesAndTellsWhenThereIsRoom() throws Exception {
    CountDownLatch blocked = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    CountDownLatch writable = new CountDownLatch(1);
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            blocked.countDown();
            Deadline.await(release, "the test");
          }

          @Override
          public void onWritable(Connection connection) {
            writable.countDown();
          }
        };
    Server server =
        start(server().limits(Limits.defaults().withInboxCapacity(16)).route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    client.write(Frame.text("block"));
    Deadline.await(blocked, "a loop that is busy");
    int accepted = 0;
    while (connection.send("message " + accepted) == SendResult.ACCEPTED) {
      accepted++;
      assertTrue(accepted <= 16, "the inbox holds 16");
    }
    connection.pause(); // rides a list that is never full
    connection.resume();
    release.countDown();
    for (int i = 0; i < accepted; i++) {
      client.expectText("message " + i);
    }
    Deadline.await(writable, "onWritable after a refusal");
    accept(connection.send("room again"));
    client.expectText("room again");
  }

  /** Reading stops for the slow one only. */
  @Test
  void slowReaderDoesNotHoldUpTheOthers() throws Exception {
    Server server = start(server().limits(LIMITS).route("/", ECHO));
    RawClient slow = closeLater(RawClient.connectSlow(address(server), "/"));
    byte[] large = Frame.binary(new byte[1 << 20]).bytes();
    byte[][] flood = new byte[32][];
    Arrays.fill(flood, large);
    CompletableFuture<Void> writing = slow.writeMeanwhile(Frame.join(flood));
    RawClient quick = connect(server);
    for (int i = 0; i < 2000; i++) {
      quick.write(Frame.text("quick " + i));
      quick.expectText("quick " + i);
    }
    assertFalse(writing.isDone(), "the slow one was felt");
    slow.reset();
    Deadline.await(writing.handle((done, cut) -> true), "the end of the write");
    quick.write(Frame.text("alive"));
    quick.expectText("alive");
  }

  private static void accept(SendResult result) {
    assertEquals(SendResult.ACCEPTED, result);
  }
}
