// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.millrace.CloseCode;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import dev.millrace.suite.UpgradeRequestText;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What can only go wrong with selectors, interruptible channels and pooled buffers. */
final class NioFaultTest extends EngineSuite {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final Duration QUIET = Duration.ofMillis(300);

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  // ---- Interrupts: NIO closes channels for them, and a selector does not sleep.

  @Test
  void aHandlerThatInterruptsItsThreadHarmsNobody() throws Exception {
    CompletableFuture<Connection> last = new CompletableFuture<>();
    Handler handler =
        (connection, message) -> {
          Thread.currentThread().interrupt();
          connection.send(message);
          last.complete(connection);
        };
    Server server = start(server().route("/", handler).route("/other", ECHO));
    RawClient other = connect(server, "/other");
    RawClient client = connect(server);
    for (int i = 0; i < 100; i++) {
      client.write(Frame.text("interrupted " + i)).expectText("interrupted " + i);
      other.write(Frame.text("unharmed")).expectText("unharmed");
      connect(server).close(); // accepting goes on
    }
    assertIdleFor(QUIET, Deadline.await(last, "the connection"));
  }

  @Test
  void aLoopThatIsInterruptedFromOutsideGoesOnAndSleeps() throws Exception {
    CompletableFuture<Thread> loop = new CompletableFuture<>();
    CompletableFuture<Connection> opened = new CompletableFuture<>();
    Handler handler =
        (connection, message) -> {
          loop.complete(Thread.currentThread());
          opened.complete(connection);
          connection.send(message);
        };
    Server server = start(server().route("/", handler));
    RawClient client = connect(server);
    client.write(Frame.text("who")).expectText("who");
    Thread thread = Deadline.await(loop, "the loop's thread");
    for (int i = 0; i < 200; i++) {
      thread.interrupt();
      client.write(Frame.text("message " + i)).expectText("message " + i);
    }
    thread.interrupt();
    assertIdleFor(QUIET, Deadline.await(opened, "the connection"));
    client.write(Frame.text("still there")).expectText("still there");
  }

  // ---- Deadlines.

  /** A handler has kept the loop; what came in time is not held against the peer. */
  @Test
  void aRequestThatLiesThereIsNotLate() throws Exception {
    Duration timeout = Duration.ofMillis(200);
    CountDownLatch blocked = new CountDownLatch(1);
    CountDownLatch written = new CountDownLatch(1);
    Handler blocking =
        (connection, message) -> {
          long until = System.nanoTime() + 2 * timeout.toNanos();
          blocked.countDown();
          Deadline.await(written, "the request");
          Deadline.until(() -> System.nanoTime() - until > 0, "its deadline to pass");
        };
    Limits limits = Limits.defaults().withHandshakeTimeout(timeout);
    Server server = start(server().limits(limits).route("/", ECHO).route("/blocking", blocking));
    RawClient busy = connect(server, "/blocking");
    RawClient opening = open(server);
    busy.write(Frame.text("block"));
    Deadline.await(blocked, "the handler");
    opening.write(UpgradeRequestText.to("/").bytes());
    written.countDown();
    opening.expectAccepted();
  }

  @Test
  void whoIsSilentIdleOrDeafIsCounted() throws Exception {
    Duration soon = Duration.ofMillis(100);
    Limits none =
        Limits.defaults()
            .withPingInterval(Duration.ZERO)
            .withPongTimeout(Duration.ZERO)
            .withCloseTimeout(soon);
    Recorder recorder = new Recorder();
    Server idle = start(server().limits(none.withIdleTimeout(soon)).route("/", recorder));
    connect(idle);
    recorder.awaitOpen();
    recorder.awaitClose();
    Limits pings = none.withPingInterval(soon).withPongTimeout(soon);
    Server silent = start(server().limits(pings).route("/", recorder));
    connect(silent);
    recorder.awaitOpen();
    recorder.awaitClose();
    Server deaf = start(server().limits(none.withWriteTimeout(soon)).route("/", recorder));
    closeLater(RawClient.connectSlow(address(deaf), "/"));
    Connection connection = recorder.awaitOpen();
    connection.execute(
        () -> {
          while (connection.send(ByteBuffer.allocate(100_000)) == SendResult.ACCEPTED) {
            connection.flush();
          }
        });
    recorder.awaitClose();
    for (Server server : List.of(idle, silent, deaf)) {
      assertThat(server.statistics().get(0).deadlinesPassed()).isEqualTo(1);
      assertThat(server.statistics().get(0).protocolErrors()).isZero();
      assertThat(server.statistics().get(0).pingsSent()).isEqualTo(server == silent ? 1 : 0);
    }
  }

  // ---- Memory.

  /** A selector's turn, a receive, a message and its answer: nothing for the collector. */
  @Tag("unchecked")
  @Test
  void anEchoAllocatesNothingOnTheLoop() throws Exception {
    for (int length : new int[] {64, 16 << 10, 300_000}) {
      int count = length < 1000 ? 20_000 : length < 100_000 ? 5_000 : 500;
      long allocated = allocated(length, count);
      // The virtual machine compiles and samples meanwhile; an object for each message would be
      // 16 bytes times their number at the least.
      assertThat(allocated)
          .as("bytes for %d messages of %d", count, length)
          .isLessThan(12L * count);
    }
  }

  private long allocated(int length, int count) throws Exception {
    CompletableFuture<Long> allocated = new CompletableFuture<>();
    Handler handler =
        new Handler() {
          private int received;
          private long before;

          @Override
          public void onMessage(Connection connection, Message message) {
            received++;
            if (received == count) {
              before = THREADS.getCurrentThreadAllocatedBytes();
            } else if (received == 2 * count) {
              allocated.complete(THREADS.getCurrentThreadAllocatedBytes() - before);
            }
            connection.send(message);
          }
        };
    Server server = start(server().route("/", handler));
    RawClient client = connect(server);
    byte[] payload = new byte[length];
    byte[] frame = RawClient.bytesOf(Frame.binary(payload));
    for (int i = 0; i < 2 * count; i++) {
      client.write(frame);
      client.expectBinary(payload);
    }
    return Deadline.await(allocated, "the messages");
  }

  /** No memory left: who holds most gives way with 1013, and the loop goes on. */
  @Test
  void whoHoldsMostGivesWay() throws Exception {
    Limits limits =
        Limits.defaults()
            .withRegionBytes(16 << 20)
            .withMaxMessageBytes(4 << 20)
            .withCloseTimeout(QUIET);
    Recorder recorder = new Recorder();
    Server server = start(server().limits(limits).route("/", recorder).route("/echo", ECHO));
    List<RawClient> clients = new ArrayList<>();
    byte[] most = new byte[(4 << 20) - 1000];
    for (int i = 0; i < 6; i++) {
      RawClient client = connect(server);
      clients.add(client);
      // All but the end of it: the block stays.
      byte[] frame = RawClient.bytesOf(Frame.binary(most));
      client.writeMeanwhile(Arrays.copyOf(frame, frame.length - 500));
    }
    assertThat(recorder.awaitClose().code()).isEqualTo(CloseCode.TRY_AGAIN_LATER);
    RawClient small = connect(server, "/echo");
    small.write(Frame.text("served")).expectText("served");
    assertThat(server.statistics().get(0).regionFull()).isPositive();
  }

  /** Who sends while sends are accepted must come to an end before the end is told. */
  @Test
  void whoGaveWayTakesNoSends() throws Exception {
    Limits limits =
        Limits.defaults()
            .withRegionBytes(16 << 20)
            .withMaxMessageBytes(4 << 20)
            .withCloseTimeout(Duration.ofMinutes(10));
    Recorder recorder = new Recorder();
    Server server = start(server().limits(limits).route("/", recorder).route("/echo", ECHO));
    RawClient heaviest = connect(server);
    Connection connection = recorder.awaitOpen();
    byte[] frame = RawClient.bytesOf(Frame.binary(new byte[4 << 20]));
    heaviest.writeMeanwhile(Arrays.copyOf(frame, frame.length - 500));
    // Its last block, and the one before given back: what is free by now is leased.
    Deadline.until(
        () -> {
          LoopStatistics loop = server.statistics().get(0);
          return loop.blocksInUse(4 << 20) == 1 && loop.blocksInUse(2 << 20) == 0;
        },
        "the message to be there");
    List<Lease> leases = new ArrayList<>();
    for (int capacity : new int[] {1 << 20, 128 << 10, 4 << 10, 1}) {
      leaseAll(connection, capacity, leases);
    }
    // A part of a message, which needs a block: more than what the answers to upgrades give back.
    byte[] message = RawClient.bytesOf(Frame.binary(new byte[100_000]));
    connect(server, "/echo").write(message, 0, 60_000);
    heaviest.expectClose(CloseCode.TRY_AGAIN_LATER);
    CompletableFuture<SendResult> result = new CompletableFuture<>();
    connection.execute(
        () -> {
          SendResult last = SendResult.ACCEPTED;
          for (int i = 0; i < 1_000_000 && last == SendResult.ACCEPTED; i++) {
            last = connection.send("still there?");
          }
          result.complete(last);
        });
    assertThat(Deadline.await(result, "the sends")).isEqualTo(SendResult.CLOSED);
    leases.forEach(Lease::close);
  }

  /** Leases hold it all: a send that needs memory is refused, and onWritable follows. */
  @Test
  void aSendWithoutMemoryIsRefusedAndTold() throws Exception {
    Limits limits =
        Limits.defaults()
            .withRegionBytes(16 << 20)
            .withMaxMessageBytes(1 << 20)
            .withHighWaterMarkBytes(1 << 30);
    CountDownLatch writable = new CountDownLatch(1);
    Recorder recorder =
        new Recorder() {
          @Override
          public void onWritable(Connection connection) {
            writable.countDown();
          }
        };
    Server server = start(server().limits(limits).route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    List<Lease> leases = new ArrayList<>();
    // What the upgrade's answer gives back would do for a send.
    Deadline.until(() -> server.statistics().get(0).blocksInUse() == 0, "the answer to be gone");
    for (int capacity : new int[] {1 << 20, 128 << 10, 4 << 10}) {
      leases.addAll(leasesOf(connection, capacity));
    }
    ByteBuffer payload = ByteBuffer.allocate(100_000);
    assertThat(connection.send(payload)).isEqualTo(SendResult.REFUSED);
    CompletableFuture<Long> untold = new CompletableFuture<>();
    connection.schedule(() -> untold.complete(writable.getCount()), Duration.ofMillis(50));
    assertThat(Deadline.await(untold, "a while"))
        .as("as long as it would be refused again")
        .isEqualTo(1);
    leases.remove(0).close();
    Deadline.await(writable, "onWritable");
    assertThat(connection.send(payload)).isEqualTo(SendResult.ACCEPTED);
    client.expectBinary(new byte[100_000]);
    leases.forEach(Lease::close);
  }

  /** On the loop, which has it all: other threads leave it a quarter. */
  private static void leaseAll(Connection connection, int capacity, List<Lease> leases)
      throws Exception {
    CompletableFuture<List<Lease>> all = new CompletableFuture<>();
    connection.execute(() -> all.complete(leasesOf(connection, capacity)));
    leases.addAll(Deadline.await(all, "the leases"));
  }

  /** All that this thread can have. */
  private static List<Lease> leasesOf(Connection connection, int capacity) {
    List<Lease> leases = new ArrayList<>();
    try {
      for (; ; ) {
        leases.add(connection.lease(capacity));
      }
    } catch (IllegalStateException full) {
      assertThat(full).hasMessageContaining("no memory left");
    }
    return leases;
  }

  /** One block in the queues of many connections of two loops, some of them slow. */
  @Test
  void oneMessageToManyConnectionsOfSeveralLoops() throws Exception {
    List<Connection> members = Collections.synchronizedList(new ArrayList<>());
    Handler room =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            members.add(connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) {
            for (Connection member : members) {
              if (member.send(message) != SendResult.ACCEPTED) {
                throw new AssertionError("not accepted: " + member);
              }
            }
          }
        };
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 20);
    Server server = start(server().loops(2).limits(limits).route("/", room));
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      clients.add(
          i < 3 ? connect(server) : closeLater(RawClient.connectSlow(address(server), "/")));
    }
    Deadline.until(() -> members.size() == 6, "the room to fill");
    int[] sizes = {10, 3000, 70_000, 700_000, 5, 100_000};
    for (int size : sizes) {
      clients.get(0).write(Frame.binary(filled(size)));
    }
    for (RawClient client : clients) {
      for (int size : sizes) {
        client.expectBinary(filled(size));
      }
    }
    Deadline.until(
        () -> server.statistics().stream().mapToLong(loop -> loop.blocksInUse()).sum() == 0,
        "every block to come back");
  }

  /** One block several times in one gathering write. */
  @Test
  void oneMessageSeveralTimesInOneTurn() throws Exception {
    int times = 5;
    Handler handler =
        (connection, message) -> {
          try (Lease lease = message.retain()) {
            for (int i = 0; i < times; i++) {
              connection.send(message);
            }
            connection.send(lease.range(0, Math.min(lease.capacity(), 2500)));
          }
        };
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 20);
    RawClient client = connect(start(server().limits(limits).route("/", handler)));
    for (int size : new int[] {10, 3000, 70_000, 700_000}) {
      client.write(Frame.binary(filled(size)));
      for (int i = 0; i < times; i++) {
        client.expectBinary(filled(size));
      }
      client.expectBinary(Arrays.copyOf(filled(size), Math.min(size, 2500)));
    }
  }

  private static byte[] filled(int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) (i * 31 + size);
    }
    return bytes;
  }
}
