// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@link Connection#pinnedBytes} and the loop's own statistics tell of what peers pin. */
public abstract class PinnedBytesSuite extends EngineSuite {

  private static final int LENGTH = 256 << 10;

  private final Recorder recorder = new Recorder();

  private Server startRecording() throws Exception {
    return start(server().route("/", recorder).route("/probe", ECHO));
  }

  private static void awaitTurns(Server server) throws Exception {
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      for (int i = 0; i < 3; i++) {
        probe.awaitTurn();
      }
    }
  }

  private static long inbound(Server server) {
    return server.statistics().get(0).inboundBytesPinned();
  }

  @Test
  void messageInPiecesPinsItsBlock() throws Exception {
    Server server = startRecording();
    RawClient client = connect(server);
    RawClient other = connect(server);
    Connection connection = recorder.awaitOpen();
    Connection idle = recorder.awaitOpen();
    byte[] payload = Stamp.of(1, 0, 0, LENGTH - 12);
    byte[] frame = Frame.binary(payload).bytes();
    int header = frame.length - LENGTH;
    int sent = 0;
    for (int part : new int[] {1000, 40_000, 100_000, LENGTH - 1}) {
      client.write(frame, sent, header + part);
      sent = header + part;
      Deadline.until(() -> inbound(server) >= part, "so many bytes pinned: " + part);
      awaitTurns(server);
      long pinned = connection.pinnedBytes();
      long most = Math.max(LENGTH, 2L * part + (64 << 10));
      assertTrue(pinned >= part && pinned <= most, part + " pin " + pinned);
      assertEquals(pinned, inbound(server));
      assertEquals(0, idle.pinnedBytes());
    }
    client.write(frame, sent, frame.length);
    assertArrayEquals(payload, recorder.awaitMessage().payload());
    awaitTurns(server);
    assertEquals(0, connection.pinnedBytes());
    assertEquals(0, inbound(server));
    other.close();
  }

  @Test
  void inputThatWaitsIsPinned() throws Exception {
    Server server = startRecording();
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.request(1);
    awaitTurn(connection);
    Frame[] frames = new Frame[50];
    Arrays.fill(frames, Frame.binary(new byte[1000]));
    client.write(frames);
    recorder.awaitMessage();
    awaitTurns(server);
    long pinned = connection.pinnedBytes();
    assertTrue(pinned > 0 && pinned <= (256 << 10), "pinned: " + pinned);
    assertEquals(pinned, inbound(server));
    connection.request(100);
    for (int i = 1; i < frames.length; i++) {
      recorder.awaitMessage();
    }
    awaitTurns(server);
    assertEquals(0, connection.pinnedBytes());
    assertEquals(0, inbound(server));
  }

  private static void awaitTurn(Connection connection) throws Exception {
    CompletableFuture<Void> turn = new CompletableFuture<>();
    connection.execute(() -> turn.complete(null));
    Deadline.await(turn, "a turn of the loop");
  }

  @Test
  void messagesThatWaitForAnExecutorArePinned() throws Exception {
    ExecutorService pool = Executors.newSingleThreadExecutor();
    closeLater((AutoCloseable) pool::shutdownNow);
    CountDownLatch gate = new CountDownLatch(1);
    closeLater((AutoCloseable) gate::countDown);
    Recorder waiting =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            gate.await();
            super.onMessage(connection, message);
          }
        };
    Server server =
        start(server().route("/", waiting, HandlerExecutor.of(pool)).route("/probe", ECHO));
    RawClient client = connect(server);
    Connection connection = waiting.awaitOpen();
    Frame[] frames = new Frame[10];
    Arrays.fill(frames, Frame.binary(new byte[1000]));
    client.write(frames);
    Deadline.until(() -> connection.pinnedBytes() >= 10_000, "ten messages that wait");
    awaitTurns(server);
    assertTrue(connection.pinnedBytes() <= 20_480, () -> "pinned: " + connection.pinnedBytes());
    assertEquals(connection.pinnedBytes(), inbound(server));
    gate.countDown();
    for (int i = 0; i < frames.length; i++) {
      waiting.awaitMessage();
    }
    Deadline.until(() -> connection.pinnedBytes() == 0, "nothing pinned");
    Deadline.until(() -> inbound(server) == 0, "nothing pinned");
  }

  @Test
  void nothingIsPinnedBehindTheEnd() throws Exception {
    Server server = startRecording();
    for (boolean reset : new boolean[] {true, false}) {
      RawClient client = connect(server);
      Connection connection = recorder.awaitOpen();
      byte[] frame = Frame.binary(new byte[LENGTH]).bytes();
      client.write(frame, 0, frame.length - 1);
      Deadline.until(() -> connection.pinnedBytes() >= LENGTH - 1, "a message in pieces");
      if (reset) {
        client.reset();
      } else {
        client.close();
      }
      recorder.awaitClose();
      assertEquals(0, connection.pinnedBytes());
      Deadline.until(() -> inbound(server) == 0, "nothing pinned");
    }
  }

  private static long blocks(Server server) {
    LoopStatistics now = server.statistics().get(0);
    return now.use(MemoryArea.BLOCKS) + now.use(MemoryArea.SHARED);
  }

  /**
   * Messages a little longer than a power of two have blocks of nearly twice their length. While
   * the peer does not read they take little more than they are long, however they were sent.
   */
  @ParameterizedTest
  @CsvSource({
    "2100, COPY", "2100, LEASE", "2100, LOOP",
    "3590, COPY", "3590, LEASE", "3590, LOOP",
    "5000, COPY", "5000, LEASE", "5000, LOOP",
    "17000, COPY", "17000, LEASE", "17000, LOOP",
    "70000, COPY", "70000, LEASE", "70000, LOOP"
  })
  void whatWaitsPinsLittleMoreThanItIsLong(int length, Way way) throws Exception {
    Server server = startRecording();
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    long before = blocks(server);
    int sent = 0;
    do {
      while (way.send(connection, Stamp.of(1, 0, sent, length - 12)) == SendResult.ACCEPTED) {
        sent++;
      }
      awaitTurn(connection); // the kernel may take what is only posted yet
      awaitTurn(connection);
    } while (connection.isWritable());
    long pinned = blocks(server) - before;
    long queued = connection.bufferedBytes();
    assertTrue(queued >= server.limits().highWaterMarkBytes(), "queued: " + queued);
    // The first that waits stays in its block, and the last block of copies may be nearly empty.
    long most = queued * 5 / 4 + 2L * length + (8 << 10);
    assertTrue(pinned < most, "pinned " + pinned + " for " + queued + ", limit " + most);
    for (int sequence = 0; sequence < sent; sequence++) {
      client.expectBinary(Stamp.of(1, 0, sequence, length - 12));
    }
    Deadline.until(() -> blocks(server) <= before, "nothing pinned");
  }

  enum Way {
    COPY {
      @Override
      SendResult send(Connection connection, byte[] payload) {
        return connection.send(ByteBuffer.wrap(payload));
      }
    },
    LEASE {
      @Override
      SendResult send(Connection connection, byte[] payload) {
        return sendLease(connection, payload);
      }
    },
    LOOP {
      @Override
      SendResult send(Connection connection, byte[] payload) throws Exception {
        CompletableFuture<SendResult> result = new CompletableFuture<>();
        connection.execute(() -> result.complete(sendLease(connection, payload)));
        return Deadline.await(result, "a send on the loop");
      }
    };

    abstract SendResult send(Connection connection, byte[] payload) throws Exception;

    private static SendResult sendLease(Connection connection, byte[] payload) {
      Lease lease = connection.lease(payload.length);
      lease.buffer().put(payload);
      return connection.send(lease);
    }
  }

  /** Nearly all the time of a loop that has nothing to do, and never more than there was. */
  @Test
  void waitingIsTold() throws Exception {
    Server server = startRecording();
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    awaitTurns(server);
    LoopStatistics before = server.statistics().get(0);
    long outside = System.nanoTime();
    Elapsed elapsed = Elapsed.begin();
    CompletableFuture<Void> quiet = new CompletableFuture<>();
    connection.schedule(() -> quiet.complete(null), Duration.ofMillis(300));
    Deadline.await(quiet, "a quiet time");
    long waited = server.statistics().get(0).waitedNanos() - before.waitedNanos();
    elapsed.assertNotBefore(Duration.ofMillis(300), "a quiet time");
    long passed = System.nanoTime() - outside;
    assertTrue(waited <= passed + 1_000_000, "waited " + waited + " of " + passed);
    assertTrue(waited >= 100_000_000, "waited " + waited + " of " + passed);
    // Of a loop that sleeps it goes on.
    long asleep = server.statistics().get(0).waitedNanos();
    Deadline.until(
        () -> server.statistics().get(0).waitedNanos() > asleep + 20_000_000, "a loop that sleeps");
    client.close();
  }
}
