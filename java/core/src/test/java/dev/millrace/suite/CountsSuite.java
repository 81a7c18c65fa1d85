// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What messages cost, by what {@link Server#statistics()} counts. */
public abstract class CountsSuite extends EngineSuite {

  private static final int ROUNDS = 500;
  private static final int BURST = 32;

  /** The most that one receive brings, and so the most that is copied of a message in pieces. */
  private static final int QUANTUM = 128 << 10;

  private static byte[] payload(int length) {
    byte[] payload = new byte[length];
    for (int i = 0; i < length; i++) {
      payload[i] = (byte) (i * 31);
    }
    return payload;
  }

  private static LoopStatistics statistics(Server server) {
    return server.statistics().get(0);
  }

  /** The statistics once a number of messages has left; the reply may be here before the count. */
  private static LoopStatistics awaitSent(Server server, long messages) {
    Deadline.until(() -> statistics(server).messagesSent() >= messages, "messages sent");
    return statistics(server);
  }

  /**
   * The statistics once there were so many sending system calls since the server began; the first
   * is the answer to the opening handshake.
   */
  private static LoopStatistics awaitSends(Server server, long sends) {
    Deadline.until(() -> statistics(server).sends() >= sends, "system calls: " + sends);
    return statistics(server);
  }

  /** Sends bursts of frames one behind the other, and reads every answer. */
  private static void bursts(RawClient client, int rounds, int burst, byte[] payload)
      throws Exception {
    Frame[] frames = new Frame[burst];
    Arrays.fill(frames, Frame.binary(payload));
    byte[] bytes = RawClient.bytesOf(frames);
    for (int round = 0; round < rounds; round++) {
      client.write(bytes);
      for (int i = 0; i < burst; i++) {
        client.expectBinary(payload);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {64, 65_536})
  void aRoundTripIsOneTurn(int length) throws Exception {
    Server server = startEcho();
    RawClient client = connect(server);
    byte[] payload = payload(length);
    bursts(client, 50, 1, payload);
    LoopStatistics before = awaitSent(server, 50);
    bursts(client, ROUNDS, 1, payload);
    LoopStatistics after = awaitSent(server, 50 + ROUNDS);
    assertEquals(ROUNDS, after.messagesReceived() - before.messagesReceived());
    // The turn that waits now, and the one that waited before, may be counted or not.
    long turns = after.ticks() - before.ticks();
    assertTrue(turns <= ROUNDS + 2, () -> "turns: " + turns);
    assertEquals(0, after.flushes() - before.flushes());
    assertEquals(0, after.wakeups() - before.wakeups());
    long copied = after.payloadBytesCopied() - before.payloadBytesCopied();
    long most = length <= 2048 ? (long) ROUNDS * length : (long) ROUNDS * QUANTUM;
    assertTrue(copied <= most, () -> "copied: " + copied);
  }

  @Test
  void aBurstIsAnsweredByOneSend() throws Exception {
    Server server = startEcho();
    RawClient client = connect(server);
    byte[] payload = payload(64);
    bursts(client, 10, BURST, payload);
    LoopStatistics before = awaitSends(server, 1 + 10);
    bursts(client, ROUNDS, BURST, payload);
    // A burst is written in one call, and on loopback that is one segment.
    LoopStatistics after = awaitSends(server, 1 + 10 + ROUNDS);
    assertEquals(1 + 10 + ROUNDS, after.sends());
    assertEquals((long) ROUNDS * BURST, after.messagesSent() - before.messagesSent());
    assertTrue(after.sends() <= after.ticks(), after::toString);
    assertEquals(0, after.partialSends());
  }

  @Test
  void aMessageThatCameWholeIsNotCopied() throws Exception {
    Server server = startEcho();
    RawClient client = connect(server);
    byte[] payload = payload(16 << 10);
    bursts(client, 20, 1, payload);
    LoopStatistics before = awaitSends(server, 1 + 20);
    bursts(client, ROUNDS, 1, payload);
    LoopStatistics after = awaitSends(server, 1 + 20 + ROUNDS);
    assertEquals(1 + 20 + ROUNDS, after.sends());
    assertEquals(0, after.payloadBytesCopied() - before.payloadBytesCopied());
  }

  /** What came in several pieces, or was not taken by the socket at once, may be copied once. */
  @Test
  void aLargeMessageIsCopiedOnlyWhereItDidNotPassWhole() throws Exception {
    int length = 64 << 10;
    Server server = start(withLargeBuffers().route("/", ECHO));
    RawClient client = connect(server);
    byte[] payload = payload(length);
    bursts(client, 20, 1, payload);
    LoopStatistics before = awaitSent(server, 20);
    bursts(client, ROUNDS, 1, payload);
    LoopStatistics after = awaitSent(server, 20 + ROUNDS);
    long pieces = after.receives() - before.receives() - ROUNDS;
    long partial = after.partialSends() - before.partialSends();
    long copied = after.payloadBytesCopied() - before.payloadBytesCopied();
    assertTrue(copied <= (pieces + partial) * length, () -> "copied: " + copied + ", " + after);
  }

  @Test
  void aBurstOfLargeMessagesIsAnsweredByOneSendInEachTurn() throws Exception {
    int burst = 4;
    Server server = start(withLargeBuffers().route("/", ECHO));
    RawClient client = connect(server);
    byte[] payload = payload(64 << 10);
    bursts(client, 10, burst, payload);
    LoopStatistics before = awaitSent(server, 10 * burst);
    bursts(client, 100, burst, payload);
    LoopStatistics after = awaitSent(server, 110 * burst);
    long sends = after.sends() - before.sends();
    // A burst takes as many turns as receives, and none of its messages is sent in more than one.
    // The send of the last burst before may be counted only after its messages are.
    long most = Math.min(after.receives() - before.receives(), 100L * burst) + 1;
    assertTrue(sends <= most, () -> "sends: " + sends + ", limit: " + most);
    assertEquals(0, after.partialSends());
  }

  /** The socket takes a burst of large messages at once. */
  private Server.Builder withLargeBuffers() {
    return server().socketOptions(SocketOptions.defaults().withSendBufferBytes(1 << 20));
  }

  @ParameterizedTest
  @CsvSource({"48, 100", "3, 65536"})
  void sendAllIsOneSystemCall(int leases, int length) throws Exception {
    Handler handler =
        (connection, message) -> {
          if (connection.sendAll(leases(connection, leases, length)) != SendResult.ACCEPTED) {
            throw new AssertionError("not accepted");
          }
        };
    Server server = start(withLargeBuffers().route("/", handler));
    RawClient client = connect(server);
    for (int round = 0; round < 100; round++) {
      client.write(Frame.text("go"));
      expectLeases(client, leases, length);
    }
    LoopStatistics after = awaitSends(server, 1 + 100);
    assertEquals(1 + 100, after.sends());
    assertEquals(100L * leases, after.messagesSent());
  }

  @ParameterizedTest
  @CsvSource({"48, 100", "3, 65536"})
  void sendAllOfAnotherThreadIsOneSystemCallToo(int leases, int length) throws Exception {
    BlockingQueue<Connection> opened = new LinkedBlockingQueue<>();
    Handler handler =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            opened.add(connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) {}
        };
    Server server = start(withLargeBuffers().route("/", handler));
    RawClient client = connect(server);
    Connection connection = Deadline.take(opened, "the connection");
    for (int round = 0; round < 100; round++) {
      assertEquals(SendResult.ACCEPTED, connection.sendAll(leases(connection, leases, length)));
      expectLeases(client, leases, length);
    }
    LoopStatistics after = awaitSends(server, 1 + 100);
    assertEquals(1 + 100, after.sends());
    assertEquals(100L * leases, after.messagesSent());
  }

  private static List<Lease> leases(Connection connection, int count, int length) {
    List<Lease> leases = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Lease lease = connection.lease(length);
      lease.buffer().put(new byte[length - 1]).put((byte) i);
      leases.add(lease);
    }
    return leases;
  }

  private static void expectLeases(RawClient client, int count, int length) throws Exception {
    for (int i = 0; i < count; i++) {
      byte[] expected = new byte[length];
      expected[length - 1] = (byte) i;
      client.expectBinary(expected);
    }
  }

  /** Takes a lease at each message, and gives one back at each empty one. */
  private static final class Holder implements Handler {
    private final List<Lease> held = new ArrayList<>();

    @Override
    public void onMessage(Connection connection, Message message) {
      if (message.length() == 0) {
        held.remove(0).close();
      } else {
        held.add(connection.lease(message.length()));
      }
      connection.send("done");
    }
  }

  @Test
  void areasTellWhatTheyHold() throws Exception {
    Server server = start(server().route("/", new Holder()));
    RawClient client = connect(server);
    LoopStatistics statistics = new LoopStatistics();
    for (int i = 0; i < 3; i++) {
      client.write(Frame.binary(payload(4000)));
      client.expectText("done");
    }
    Deadline.until(() -> filled(server, statistics).use(MemoryArea.BLOCKS) == 3 * 4096, "3 leases");
    assertEquals(3, statistics.blocksInUse());
    assertEquals(3, statistics.blocksInUse(4096));
    assertEquals(0, statistics.blocksInUse(8192));
    assertEquals(1, statistics.connections());
    for (int i = 0; i < 2; i++) {
      client.write(Frame.binary(new byte[0]));
      client.expectText("done");
    }
    Deadline.until(() -> filled(server, statistics).use(MemoryArea.BLOCKS) == 4096, "1 lease");
    assertEquals(1, statistics.blocksInUse(4096));
    if (!hasAreasOfTheCore()) {
      // "done" lay in a block too.
      assertEquals(4, statistics.blocksHighWater(4096));
      assertEquals(4 * 4096, statistics.highWater(MemoryArea.BLOCKS));
      return;
    }
    assertEquals(3, statistics.blocksHighWater(4096));
    assertEquals(3 * 4096, statistics.highWater(MemoryArea.BLOCKS));
    // A frame of 4,000 bytes lay in the arena, masked and with its header.
    assertTrue(statistics.highWater(MemoryArea.ARENA) >= 4008, statistics::toString);
    // "done" was staged with its headroom.
    assertEquals(14 + 4, statistics.highWater(MemoryArea.SEND_AREA), statistics::toString);
    assertTrue(statistics.use(MemoryArea.SLAB) > 0, statistics::toString);
    for (MemoryArea area : MemoryArea.values()) {
      assertTrue(statistics.highWater(area) >= statistics.use(area), area::name);
      if (area != MemoryArea.SHARED) { // which others of this process may have filled
        assertEquals(0, statistics.spills(area), area::name);
      }
    }
  }

  @Test
  void leasesOfOtherThreadsAreInTheSharedArea() throws Exception {
    BlockingQueue<Connection> opened = new LinkedBlockingQueue<>();
    Handler handler =
        (connection, message) -> {
          opened.add(connection);
          connection.send(message);
        };
    Server server = start(server().route("/", handler));
    RawClient client = connect(server);
    long before = sharedUse(server, client);
    Connection connection = Deadline.take(opened, "the connection");
    if (!hasAreasOfTheCore()) {
      // Every thread takes blocks of the connection's loop.
      try (Lease lease = connection.lease(4000)) {
        assertTrue(lease.capacity() >= 4000);
        assertEquals(before, sharedUse(server, client));
        Deadline.until(() -> statistics(server).use(MemoryArea.BLOCKS) == 4096, "the lease alone");
      }
      Deadline.until(() -> statistics(server).use(MemoryArea.BLOCKS) == 0, "nothing");
      return;
    }
    try (Lease lease = connection.lease(4000)) {
      assertEquals(4000, lease.buffer().remaining());
      assertEquals(before + 4096, sharedUse(server, client));
      assertEquals(0, statistics(server).use(MemoryArea.BLOCKS));
    }
    assertEquals(before, sharedUse(server, client));
    assertTrue(statistics(server).highWater(MemoryArea.SHARED) >= before + 4096);
  }

  /** After a turn that began behind everything done here before. */
  private static long sharedUse(Server server, RawClient client) throws Exception {
    for (int i = 0; i < 2; i++) {
      client.write(Frame.text("turn"));
      client.expectText("turn");
    }
    return statistics(server).use(MemoryArea.SHARED);
  }

  private static LoopStatistics filled(Server server, LoopStatistics statistics) {
    server.statistics(0, statistics);
    return statistics;
  }

  @Test
  void aFullSendAreaIsSentEarly() throws Exception {
    byte[] large = payload(100_000);
    Handler handler =
        (connection, message) -> {
          for (int i = 0; i < 5; i++) {
            connection.send(ByteBuffer.wrap(large));
          }
        };
    Server server = start(server().route("/", handler));
    RawClient client = connect(server);
    client.write(Frame.text("go"));
    for (int i = 0; i < 5; i++) {
      client.expectBinary(large);
    }
    LoopStatistics statistics = awaitSent(server, 5);
    if (!hasAreasOfTheCore()) {
      // No area, so nothing is full: all of it leaves at the end of the turn.
      assertEquals(0, statistics.flushes());
      return;
    }
    // Two find room; the third is in its way, and the fifth again.
    assertEquals(2, statistics.spills(MemoryArea.SEND_AREA));
    assertEquals(2 * (14 + 100_000), statistics.highWater(MemoryArea.SEND_AREA));
  }

  @Test
  void everyLoopTellsOfItself() throws Exception {
    Server server = start(server().loops(3).route("/", ECHO));
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      clients.add(connect(server));
    }
    List<LoopStatistics> all = server.statistics();
    assertEquals(3, all.size());
    assertEquals(6, all.get(0).accepted());
    for (LoopStatistics one : all) {
      assertEquals(2, one.connections());
    }
    assertThrows(IndexOutOfBoundsException.class, () -> server.statistics(3, new LoopStatistics()));
    assertThrows(
        IndexOutOfBoundsException.class, () -> server.statistics(-1, new LoopStatistics()));
    server.shutdown(Duration.ZERO);
    // What was counted can be read when all is over.
    assertEquals(6, server.statistics().stream().mapToLong(LoopStatistics::closed).sum());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 128, 255, 257, 1000, -256, Integer.MIN_VALUE})
  void whatIsNoSizeOfABlockIsRefused(int bytes) {
    LoopStatistics statistics = new LoopStatistics();
    assertThrows(IllegalArgumentException.class, () -> statistics.blocksInUse(bytes));
    assertThrows(IllegalArgumentException.class, () -> statistics.blocksHighWater(bytes));
    assertEquals(0, statistics.blocksInUse(1 << 30));
  }
}
