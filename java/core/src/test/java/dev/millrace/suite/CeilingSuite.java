// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.MillraceException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The ceiling: what is not started, what no peer can take from another, and where sends end. */
@Isolated("looks at the memory that all servers share")
public abstract class CeilingSuite extends EngineSuite {
  private static final long MEBIBYTE = 1 << 20;
  private static final Limits SMALL = Limits.defaults().withMaxMemoryBytes(64 * MEBIBYTE);

  /** Knows which loop each of its connections is served by. */
  private static final class Seats extends Recorder {
    private final Queue<String> loops = new ConcurrentLinkedQueue<>();

    @Override
    public void onOpen(Connection connection) throws Exception {
      loops.add(Thread.currentThread().getName());
      super.onOpen(connection);
    }

    String awaitSeat() throws Exception {
      awaitOpen();
      return loops.remove();
    }
  }

  @Test
  void serverThatWouldHaveTooLittleDoesNotStart() {
    MillraceException refused =
        assertThrows(
            MillraceException.class,
            () -> server().limits(SMALL).loops(5).route("/", ECHO).start());
    long each = (engine() == Engine.NATIVE ? 48 : 64) * MEBIBYTE / 5;
    assertTrue(
        refused.getMessage().contains("maxMemoryBytes=67108864")
            && refused.getMessage().contains("leaves " + each + " for each")
            && refused.getMessage().contains("raise Limits.maxMemoryBytes, or lower loops"),
        refused.getMessage());
  }

  /** Messages that never end fill one loop; whoever is served by the other does not feel it. */
  @Test
  void hogsOfOneLoopDoNotHurtTheOther() throws Exception {
    Seats seats = new Seats();
    Limits impatient = SMALL.withCloseTimeout(Duration.ofMillis(200)); // hogs do not answer
    Server server =
        start(server().loops(2).limits(impatient).route("/", ECHO).route("/seat", seats));
    RawClient honest = null;
    List<RawClient> hogs = new ArrayList<>();
    // Those who come in turn are spread over the loops: who sits with the hogs is a hog.
    String busy = null;
    while (hogs.size() < 60) {
      RawClient client = connect(server, "/seat");
      String seat = seats.awaitSeat();
      busy = busy == null ? seat : busy;
      if (seat.equals(busy)) {
        hogs.add(client);
      }
    }
    while (honest == null) {
      RawClient echo = connect(server, "/");
      RawClient seated = connect(server, "/seat");
      // Of two that come one after the other each loop gets one.
      closeLater(seated);
      if (seats.awaitSeat().equals(busy)) {
        honest = echo;
      } else {
        connect(server, "/seat");
        seats.awaitSeat();
      }
    }
    byte[] piece = new byte[900_000];
    byte[] whole = Stamp.of(1, 2, 3, 100_000);
    for (RawClient hog : hogs) {
      try {
        hog.write(Frame.binary(piece).unfinished().bytes());
      } catch (IOException closed) {
        // It was the heaviest.
      }
      honest.write(Frame.binary(whole));
      honest.expectBinary(whole);
    }
    long full = 0;
    Deadline.until(() -> server.connectionCount() < 120, "a hog that was closed");
    long share = (engine() == Engine.NATIVE ? 24 : 32) * MEBIBYTE;
    for (LoopStatistics loop : server.statistics()) {
      assertTrue(loop.highWater(MemoryArea.BLOCKS) <= share, () -> "more than " + share);
      full += loop.highWater(MemoryArea.BLOCKS) > share / 2 ? 1 : 0;
    }
    assertEquals(1, full, "loops that were full");
    honest.write(Frame.text("alive"));
    honest.expectText("alive");
  }

  /**
   * What other threads send to peers that do not read ends at their share, whether it stays in its
   * blocks or takes too little of them.
   */
  @ParameterizedTest
  @ValueSource(ints = {30_000, 20_000})
  void postedSendsStayWithinTheirShare(int length) throws Exception {
    Recorder recorder = new Recorder();
    Server server =
        start(
            server()
                .limits(SMALL)
                .socketOptions(SocketOptions.defaults().withSendBufferBytes(64 << 10))
                .route("/", recorder)
                .route("/echo", ECHO));
    List<Connection> connections = new ArrayList<>();
    for (int i = 0; i < 150; i++) {
      closeLater(RawClient.connectSlow(address(server), "/"));
      connections.add(recorder.awaitOpen());
    }
    RawClient honest = connect(server, "/echo");
    boolean isShared = engine() == Engine.NATIVE;
    long share = (isShared ? 16 : 48) * MEBIBYTE;
    ByteBuffer payload = ByteBuffer.allocate(length);
    boolean isFull = false;
    while (!isFull) {
      int refused = 0;
      for (Connection connection : connections) {
        refused += connection.send(payload) == SendResult.REFUSED ? 1 : 0;
      }
      // The loop has had its turn since, and goes on with others.
      honest.write(Frame.text("alive"));
      honest.expectText("alive");
      LoopStatistics loop = server.statistics().get(0);
      long use = loop.use(isShared ? MemoryArea.SHARED : MemoryArea.BLOCKS);
      assertTrue(use <= share + (64 << 10), "use: " + use + ", share: " + share);
      isFull = refused == connections.size() && use > share * 3 / 4;
    }
    // Each is far below its mark: it is the share that refuses.
    long buffered = connections.stream().mapToLong(Connection::bufferedBytes).sum();
    assertTrue(buffered < 150 * MEBIBYTE / 2, "buffered: " + buffered);
  }
}
