// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.LoopProbe;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import dev.millrace.suite.Task;
import dev.millrace.suite.UpgradeRequestText;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Peers that vanish, in every state a connection can be in: descriptors, connections and memory
 * come back, each handler is told once, and no loop spins over what is left of a socket.
 */
public abstract class FaultSuite extends EngineSuite {
  private static final int RUNS = 20;
  private static final Duration QUIET = Duration.ofMillis(100);

  /** Turns that a loop takes for nothing within {@link #QUIET}: its timers, and the probe's. */
  private static final long IDLE_TURNS = 20;

  private final AtomicInteger opened = new AtomicInteger();
  private final AtomicInteger closed = new AtomicInteger();
  private volatile Connection probed;

  /** The state in which the peer vanishes. */
  enum State {
    CONNECTED,
    HALF_A_REQUEST,
    DECIDING,
    OPEN,
    MID_HEADER,
    MID_FRAME,
    MID_LONG_FRAME,
    MID_MESSAGE,
    MID_PING,
    PAUSED,
    UNREAD_ECHOES,
    AFTER_ITS_CLOSE,
    AFTER_OUR_CLOSE,
    AFTER_A_BROKEN_RULE,
    AFTER_A_REFUSAL
  }

  /** How it vanishes. */
  enum Way {
    RST,
    FIN_THEN_RST,
    CLOSE
  }

  /** What a {@link LoopProbe} talks to. */
  private final class Probed implements Handler {
    @Override
    public void onOpen(Connection connection) {
      probed = connection;
    }

    @Override
    public void onMessage(Connection connection, Message message) {}
  }

  /** Echoes, and does what it is told by a text. */
  private final class Told implements Handler {
    @Override
    public void onOpen(Connection connection) {
      opened.incrementAndGet();
    }

    @Override
    public void onMessage(Connection connection, Message message) {
      if (message.kind() == Message.Kind.BINARY) {
        connection.send(message);
        return;
      }
      switch (message.text()) {
        case "pause" -> connection.pause();
        case "close" -> connection.close(CloseCode.NORMAL_CLOSURE, "as told");
        default -> connection.send(message);
      }
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      closed.incrementAndGet();
    }
  }

  private Server.Builder told() {
    return told(QUIET);
  }

  /** Decides on every request at once but for /undecided, where nobody ever does. */
  private Server.Builder told(Duration toDecide) {
    return server()
        .limits(Limits.defaults().withHighWaterMarkBytes(256 << 10))
        .route("/", new Told())
        .route("/probe", new Probed())
        .route("/undecided", new Told())
        .onUpgradeAsync(
            request ->
                request.path().equals("/undecided")
                    ? new CompletableFuture<>()
                    : CompletableFuture.completedFuture(Upgrade.accept()),
            toDecide);
  }

  private RawClient brought(URI address, State state) throws Exception {
    return switch (state) {
      case CONNECTED -> RawClient.open(address);
      case HALF_A_REQUEST -> {
        byte[] request = UpgradeRequestText.to("/").bytes();
        yield RawClient.open(address).write(request, 0, request.length / 2);
      }
      case DECIDING -> RawClient.open(address).write(UpgradeRequestText.to("/undecided").bytes());
      case AFTER_A_REFUSAL ->
          RawClient.open(address)
              .write(UpgradeRequestText.to("/").with("Content-Length", "5").bytes());
      default -> brought(RawClient.connect(address, "/"), state);
    };
  }

  private static RawClient brought(RawClient client, State state) throws Exception {
    byte[] payload = new byte[40_000];
    return switch (state) {
      case MID_HEADER -> client.write(new byte[] {(byte) 0x82, (byte) 0xFF, 0, 0});
      case MID_FRAME -> client.write(Frame.binary(payload).bytes(), 0, 500);
      case MID_LONG_FRAME -> client.write(Frame.binary(payload).bytes(), 0, 35_000);
      case MID_MESSAGE -> client.write(Frame.binary(payload).unfinished());
      case MID_PING -> client.write(Frame.ping("half of a ping").bytes(), 0, 10);
      case PAUSED -> client.write(Frame.text("pause"), Frame.binary(payload));
      case UNREAD_ECHOES -> {
        // Until the server stops reading from a peer that does not read.
        byte[][] frames = new byte[16][];
        Arrays.fill(frames, Frame.binary(payload).bytes());
        client.writeMeanwhile(Frame.join(frames)).exceptionally(cut -> null);
        yield client;
      }
      case AFTER_ITS_CLOSE -> client.write(Frame.close(CloseCode.NORMAL_CLOSURE, "bye"));
      case AFTER_OUR_CLOSE -> client.write(Frame.text("close"));
      case AFTER_A_BROKEN_RULE -> client.write(Frame.text("not masked").unmasked());
      default -> client;
    };
  }

  private static void vanish(RawClient client, Way way) throws Exception {
    if (way == Way.FIN_THEN_RST) {
      try {
        client.shutdownOutput();
      } catch (IOException alreadyEnded) {
        // The server was faster; what follows is the point.
      }
    }
    if (way == Way.CLOSE) {
      client.close();
    } else {
      client.reset();
    }
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
      return links.filter(FaultSuite::isSocket).count();
    }
  }

  private static boolean isSocket(Path link) {
    try {
      return Files.readSymbolicLink(link).toString().startsWith("socket:");
    } catch (IOException goneMeanwhile) {
      return false;
    }
  }

  private void vanishAll(Server server, URI address, State state, Way way) throws Exception {
    Path descriptors = Path.of("/proc/self/fd");
    assumeTrue(Files.isDirectory(descriptors), "this system has no /proc");
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      probe.awaitTurn();
      long before = descriptors();
      List<RawClient> clients = new ArrayList<>();
      for (int run = 0; run < RUNS; run++) {
        clients.add(brought(address, state));
        if (run % 2 == 0) {
          probe.awaitTurn(); // every other time the server has read it all
        }
      }
      for (RawClient client : clients) {
        vanish(client, way);
      }
      probe.awaitTurn();
      if (state == State.PAUSED) {
        // Nobody reads what is left; the sockets stay until reading is resumed.
        assertNoTurns(server, probe);
        return;
      }
      Deadline.until(() -> server.connectionCount() == 1, "the end of all: " + state + ", " + way);
      Deadline.until(() -> count() == before, "the descriptors to come back");
      Deadline.until(() -> opened.get() == closed.get(), "every onClose");
      Deadline.until(() -> blocks(server) == 0, "the memory to come back");
      assertNoTurns(server, probe);
    }
  }

  private static long count() {
    try {
      return descriptors();
    } catch (IOException e) {
      return -1;
    }
  }

  private static long blocks(Server server) {
    return server.statistics().get(0).use(MemoryArea.BLOCKS);
  }

  /** The loop sleeps: a socket that is ready for nothing anybody wants does not wake it. */
  private void assertNoTurns(Server server, LoopProbe probe) throws Exception {
    probe.awaitTurn();
    LoopStatistics before = server.statistics().get(0);
    assertIdleFor(QUIET, probed);
    probe.awaitTurn();
    LoopStatistics after = server.statistics().get(0);
    assertTrue(after.ticks() - before.ticks() < IDLE_TURNS, after::toString);
    assertTrue(after.receives() - before.receives() < IDLE_TURNS, after::toString);
  }

  private void vanishInEveryWay(State state, boolean isLocal, Path folder) throws Exception {
    Path socket = folder.resolve("fault.sock");
    Server server = start(told().listen("ws+unix://" + socket));
    URI address = server.addresses().get(isLocal ? 1 : 0);
    for (Way way : Way.values()) {
      vanishAll(server, address, state, way);
      if (state == State.PAUSED) {
        return; // each of them would stay
      }
    }
  }

  @ParameterizedTest
  @EnumSource(State.class)
  void peerVanishes(State state, @TempDir Path folder) throws Exception {
    vanishInEveryWay(state, false, folder);
  }

  @ParameterizedTest
  @EnumSource(State.class)
  void peerOfAUnixSocketVanishes(State state, @TempDir Path folder) throws Exception {
    vanishInEveryWay(state, true, folder);
  }

  /** A FIN alone is no end while the application decides, a reset is. */
  @Test
  void peerResetsWhileTheApplicationDecides() throws Exception {
    Server server = start(told(Duration.ofHours(1)));
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      probe.awaitTurn();
      long before = descriptors();
      for (int run = 0; run < RUNS; run++) {
        RawClient client = brought(address(server), State.DECIDING);
        if (run % 2 == 0) {
          probe.awaitTurn();
        }
        client.reset();
      }
      Deadline.until(() -> count() == before, "the descriptors to come back");
      assertNoTurns(server, probe);
    }
    assertEquals(0, opened.get());
  }

  /** The server has sent its Close and its FIN, and waits for the peer's. */
  @ParameterizedTest
  @EnumSource(Way.class)
  void peerVanishesWhileWeDrain(Way way) throws Exception {
    Server server = start(told());
    RawClient client = connect(server);
    client.write(Frame.text("close"));
    client.expectCloseAndEnd(CloseCode.NORMAL_CLOSURE);
    vanish(client, way);
    awaitNoConnections(server);
    Deadline.until(() -> closed.get() == 1, "onClose");
  }

  /** A shutdown with a long time to drain ends as soon as the last peer is gone. */
  @ParameterizedTest
  @EnumSource(Way.class)
  void peersVanishDuringShutdown(Way way) throws Exception {
    Server server = start(told());
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < RUNS; i++) {
      clients.add(connect(server));
    }
    Task shutdown = Task.start("shutdown", () -> server.shutdown(Duration.ofMinutes(2)));
    for (RawClient client : clients) {
      vanish(client, way);
    }
    shutdown.join(); // fails long before two minutes
    assertEquals(0, server.connectionCount());
    assertEquals(RUNS, closed.get());
  }

  // ---- Half-closed, half-open and slow peers.

  /** Everything in one piece, the FIN right behind it: what was asked is answered all the same. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void halfClosedPeerGetsItsAnswers(int pieces) throws Exception {
    Server server = start(told());
    byte[] request = UpgradeRequestText.to("/").bytes();
    byte[] frames = RawClient.bytesOf(Frame.text("one"), Frame.ping("two"), Frame.text("three"));
    for (int run = 0; run < 50; run++) {
      RawClient client = open(server);
      switch (pieces) {
        case 1 -> client.write(Frame.join(request, frames));
        case 2 -> client.write(request).write(frames);
        default -> client.write(request).write(frames, 0, 10).write(frames, 10, frames.length);
      }
      client.shutdownOutput();
      client.expectAccepted();
      client.expectText("one");
      client.expectPongs("two");
      client.expectText("three");
      client.expectEnd();
      client.close();
    }
    awaitNoConnections(server);
  }

  /** It has half-closed and reads nothing of what is queued for it: gone by a deadline. */
  @Test
  void halfClosedPeerThatDoesNotReadIsGoneByTheDeadline() throws Exception {
    Limits limits =
        Limits.defaults()
            .withCloseTimeout(Duration.ofMillis(300))
            .withWriteTimeout(Duration.ofMillis(300));
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            super.onMessage(connection, message);
            onWritable(connection);
          }

          @Override
          public void onWritable(Connection connection) {
            while (connection.send(ByteBuffer.allocate(64 << 10)) == SendResult.ACCEPTED) {
              // until its queue is full
            }
          }
        };
    Server server = start(server().limits(limits).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    client.write(Frame.text("go"));
    recorder.awaitMessage();
    client.shutdownOutput();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
    awaitNoConnections(server);
    Deadline.until(() -> blocks(server) == 0, "its queue to be given back");
  }

  /** Peers that never read, among others that do: those are served. */
  @Test
  void slowPeersHoldUpNobody() throws Exception {
    Server server = start(told());
    List<RawClient> slow = new ArrayList<>();
    byte[][] frames = new byte[16][];
    Arrays.fill(frames, Frame.binary(new byte[40_000]).bytes());
    byte[] flood = Frame.join(frames);
    for (int i = 0; i < RUNS; i++) {
      RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
      client.writeMeanwhile(flood).exceptionally(cut -> null);
      slow.add(client);
    }
    RawClient quick = connect(server);
    for (int i = 0; i < 2000; i++) {
      quick.write(Frame.text("quick " + i)).expectText("quick " + i);
    }
    for (RawClient client : slow) {
      client.reset();
    }
    quick.write(Frame.close(CloseCode.NORMAL_CLOSURE, ""));
    quick.expectCloseAndEnd(CloseCode.NORMAL_CLOSURE);
    quick.close();
    awaitNoConnections(server);
    Deadline.until(() -> blocks(server) == 0, "every queue to be given back");
  }

  // ---- Interrupts.

  /** Threads that are interrupted all the time send all the same, and nobody loses a connection. */
  @Test
  void interruptedSendersLoseNothing() throws Exception {
    int threads = 4;
    int each = 2000;
    Recorder recorder = new Recorder();
    Server server = start(server().route("/", recorder).route("/probe", ECHO));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    List<Task> senders = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      senders.add(
          Task.start(
              "interrupted " + t,
              () -> {
                for (int i = 0; i < each; i++) {
                  Thread.currentThread().interrupt();
                  while (connection.send("message") == SendResult.REFUSED) {
                    Thread.onSpinWait();
                  }
                  assertTrue(Thread.interrupted(), "the interrupt was swallowed");
                }
              }));
    }
    for (int i = 0; i < threads * each; i++) {
      client.expectText("message");
    }
    for (Task sender : senders) {
      sender.join();
    }
    assertEquals(0, recorder.count("close"));
    connect(server, "/probe").write(Frame.text("accepting")).expectText("accepting");
  }
}
