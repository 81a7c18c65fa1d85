// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.fault;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.LoopProbe;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import dev.millrace.suite.UpgradeRequestText;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What peers can pin: never more than twice the bytes they have sent and 64 KiB for each
 * connection. Counted where it lies: in the areas of the loop, by its own statistics, and in the
 * live heap of Java.
 */
public abstract class PinnedMemorySuite extends EngineSuite {
  private static final long EACH = 64 << 10;
  private static final int MAX_MESSAGE = 16 << 20;

  /** What the virtual machine and JUnit take meanwhile, over all connections of a test. */
  private static final long NOISE = 1 << 20;

  private final Recorder recorder = new Recorder();
  private final List<RawClient> clients = new ArrayList<>();
  private long before;
  private long sent;

  private Server startRecording() throws Exception {
    Limits limits =
        Limits.defaults().withMaxMessageBytes(MAX_MESSAGE).withHighWaterMarkBytes(MAX_MESSAGE);
    return start(server().limits(limits).route("/", recorder).route("/probe", ECHO));
  }

  /** Memory in use, of the loop and of Java, once the loop has seen all that was written. */
  private static long used(Server server) throws Exception {
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      for (int turn = 0; turn < 3; turn++) {
        probe.awaitTurn();
      }
    }
    LoopStatistics statistics = server.statistics().get(0);
    long areas = 0;
    for (MemoryArea area : MemoryArea.values()) {
      areas += area == MemoryArea.SHARED ? 0 : statistics.use(area);
    }
    return areas + liveHeap();
  }

  private static long liveHeap() {
    Runtime runtime = Runtime.getRuntime();
    long least = Long.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      System.gc();
      least = Math.min(least, runtime.totalMemory() - runtime.freeMemory());
    }
    return least;
  }

  private void connectAll(Server server, int count) throws Exception {
    for (int i = 0; i < count; i++) {
      clients.add(connect(server));
      recorder.awaitOpen();
    }
    before = used(server);
  }

  private void writeAll(byte[] bytes) throws Exception {
    for (RawClient client : clients) {
      client.write(bytes);
      sent += bytes.length;
    }
  }

  private void awaitReceived(Server server, long bytes) {
    Deadline.until(() -> server.statistics().get(0).bytesReceived() >= bytes, "all to be received");
  }

  /** Of what was sent only payload counts: headers are read and gone. */
  private void assertPinned(Server server, long payload) throws Exception {
    long pinned = used(server) - before;
    long limit = 2 * payload + clients.size() * EACH + NOISE;
    assertTrue(
        pinned <= limit,
        () ->
            "pinned "
                + pinned
                + ", limit "
                + limit
                + ", sent "
                + sent
                + ", "
                + server.statistics());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 7})
  void tinyFragments(int length) throws Exception {
    int count = 60_000;
    Server server = startRecording();
    connectAll(server, 40);
    byte[][] fragments = new byte[count][];
    for (int i = 0; i < count; i++) {
      byte[] payload = new byte[length];
      Frame fragment = i == 0 ? Frame.binary(payload) : Frame.continuation(payload);
      fragments[i] = fragment.unfinished().bytes();
    }
    byte[] stream = Frame.join(fragments);
    long received = server.statistics().get(0).bytesReceived();
    writeAll(stream);
    awaitReceived(server, received + sent);
    assertPinned(server, (long) clients.size() * count * length);
    assertEquals(0, recorder.deliveries());
    writeAll(Frame.continuation(new byte[0]).bytes());
    for (int i = 0; i < clients.size(); i++) {
      assertEquals(count * length, recorder.awaitMessage().payload().length);
    }
  }

  /** The latest pong is all that waits for a peer that does not read. */
  @Test
  void pingsOfPeersThatDoNotRead() throws Exception {
    Server server = startRecording();
    connectAll(server, 40);
    byte[] ping = Frame.of(Frame.PING, new byte[125]).bytes();
    byte[][] pings = new byte[8_000][];
    Arrays.fill(pings, ping);
    byte[] stream = Frame.join(pings);
    long received = server.statistics().get(0).bytesReceived();
    writeAll(stream);
    awaitReceived(server, received + sent);
    assertPinned(server, 0);
  }

  /** A request of which all but the end comes, in drops. */
  @ParameterizedTest
  @ValueSource(ints = {1, 100, 15_000})
  void drippedHeaders(int drop) throws Exception {
    Server server = startRecording();
    UpgradeRequestText text = UpgradeRequestText.to("/").with("X-Long", "x".repeat(15_000));
    byte[] head = text.bytes();
    int length = drop == 1 ? 400 : head.length - 1;
    for (int i = 0; i < 200; i++) {
      clients.add(open(server));
    }
    before = used(server);
    for (int at = 0; at < length; at += drop) {
      writeAll(Arrays.copyOfRange(head, at, Math.min(length, at + drop)));
    }
    assertPinned(server, sent);
    writeAll(Arrays.copyOfRange(head, length, head.length));
    for (RawClient client : clients) {
      client.expectAccepted();
    }
  }

  /** 200 connections declare the maximum and send one byte. */
  @ParameterizedTest
  @ValueSource(ints = {Frame.TEXT, Frame.BINARY})
  void declaredLengths(int opcode) throws Exception {
    Server server = startRecording();
    connectAll(server, 200);
    byte[] head = Frame.of(opcode, new byte[0]).declaring(MAX_MESSAGE).header();
    writeAll(Frame.join(head, new byte[] {head[head.length - 4]}));
    assertPinned(server, clients.size());
    assertEquals(0, recorder.deliveries());
  }

  @Test
  void declaredLengthsOfContinuations() throws Exception {
    Server server = startRecording();
    connectAll(server, 200);
    byte[] begun = Frame.binary(new byte[100]).unfinished().bytes();
    byte[] head = Frame.continuation(new byte[0]).declaring(MAX_MESSAGE - 100).header();
    writeAll(Frame.join(begun, head, new byte[1]));
    assertPinned(server, 101L * clients.size());
  }

  /** Frames of which the first bytes alone have come. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 9, 13})
  void headersOfFrames(int length) throws Exception {
    Server server = startRecording();
    connectAll(server, 200);
    byte[] head = Frame.binary(new byte[0]).declaring(MAX_MESSAGE).header();
    for (int at = 0; at < length; at++) {
      writeAll(new byte[] {head[at]});
    }
    assertPinned(server, sent);
  }

  /** Frames behind requests on which the application has not decided. */
  @ParameterizedTest
  @ValueSource(ints = {1, 1000, 100_000})
  void bytesBehindRequests(int length) throws Exception {
    Server server =
        start(
            server()
                .limits(Limits.defaults().withCloseTimeout(Duration.ofMillis(100)))
                .route("/", recorder)
                .route("/probe", ECHO)
                .onUpgradeAsync(
                    request ->
                        request.path().equals("/")
                            ? new CompletableFuture<>()
                            : CompletableFuture.completedFuture(Upgrade.accept()),
                    Duration.ofHours(1)));
    for (int i = 0; i < 100; i++) {
      clients.add(open(server));
    }
    before = used(server);
    byte[] request = UpgradeRequestText.to("/").bytes();
    writeAll(Frame.join(request, Frame.binary(new byte[length]).bytes()));
    assertPinned(server, sent);
    assertEquals(List.of(), recorder.order());
  }

  /** Everything is given back when the peers have gone. */
  @Test
  void nothingIsLeftOfThoseWhoHaveGone() throws Exception {
    Server server = startRecording();
    connectAll(server, 100);
    writeAll(Frame.join(Frame.binary(new byte[30_000]).unfinished().bytes(), new byte[] {0, 1}));
    for (int i = 0; i < clients.size(); i++) {
      if (i % 2 == 0) {
        clients.get(i).reset();
      } else {
        clients.get(i).close();
      }
    }
    awaitNoConnections(server);
    LoopStatistics statistics = server.statistics().get(0);
    Deadline.until(
        () -> {
          server.statistics(0, statistics);
          return statistics.use(MemoryArea.BLOCKS) == 0 && statistics.use(MemoryArea.SLAB) == 0;
        },
        "all memory to be given back");
    assertEquals(0, statistics.blocksInUse());
  }
}
