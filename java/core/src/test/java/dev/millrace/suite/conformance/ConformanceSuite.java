// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.EngineSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.LoopProbe;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Seed;
import dev.millrace.suite.ServerFrame;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every case of {@link Cases}, over TCP and over a Unix socket: as its number demands, and cut
 * where nobody asked for it. What comes back is compared byte for byte and in its order, up to the
 * FIN; the handler sees the messages that are echoed and no other.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class ConformanceSuite extends EngineSuite {

  /** Streams up to here are cut at each of their bytes. */
  private static final int CUT_EVERYWHERE = 512;

  /** So many connections are cut at once: one turn of the loop lies between the parts of all. */
  private static final int BATCH = 64;

  /** Cuts beyond this number are made without waiting for the server to read in between. */
  private static final int AWAITED_CUTS = 1000;

  private static final int MAX_MESSAGE = 16 << 20;

  private final AtomicInteger deliveries = new AtomicInteger();
  private Path folder;
  private Server shared;
  private LoopProbe probe;

  private record CutStream(byte[] bytes, int[] frameEnds) {

    static CutStream of(List<Frame> frames) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      int[] ends = new int[frames.size()];
      for (int i = 0; i < ends.length; i++) {
        bytes.writeBytes(frames.get(i).bytes());
        ends[i] = bytes.size();
      }
      return new CutStream(bytes.toByteArray(), ends);
    }
  }

  @BeforeAll
  final void startServer() throws Exception {
    folder = Files.createTempDirectory("millrace");
    Limits limits = Limits.defaults().withMaxMessageBytes(MAX_MESSAGE).withMaxFragments(1 << 17);
    shared =
        server()
            .listen("ws+unix://" + folder.resolve("socket"))
            .limits(limits)
            .route("/", this::countAndEcho)
            .route("/probe", ECHO)
            .start();
    probe = new LoopProbe(shared, "/probe");
  }

  @AfterAll
  final void stopServer() throws Exception {
    probe.close();
    shared.close();
    Files.deleteIfExists(folder.resolve("socket"));
    Files.delete(folder);
  }

  private void countAndEcho(Connection connection, Message message) throws Exception {
    deliveries.incrementAndGet();
    ECHO.onMessage(connection, message);
  }

  private URI tcp() {
    return shared.addresses().get(0);
  }

  private URI unix() {
    return shared.addresses().get(1);
  }

  static List<Case> cases() {
    return Cases.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void asItsNumberDemands(Case one) throws Exception {
    for (URI address : List.of(tcp(), unix())) {
      Case.Exchange exchange = one.exchange();
      CutStream stream = CutStream.of(exchange.frames());
      exchange(address, one, exchange, stream.bytes(), one.cuts(stream.frameEnds()));
    }
  }

  static Stream<Case> shortCases() {
    return cases().stream().filter(one -> lengthOf(one) <= CUT_EVERYWHERE);
  }

  static Stream<Case> longCases() {
    return cases().stream().filter(one -> lengthOf(one) > CUT_EVERYWHERE);
  }

  private static int lengthOf(Case one) {
    return CutStream.of(one.exchange().frames()).bytes().length;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("shortCases")
  void cutAtEveryByte(Case one) throws Exception {
    Case.Exchange exchange = one.exchange();
    byte[] stream = CutStream.of(exchange.frames()).bytes();
    for (int first = 1; first < stream.length; first += BATCH) {
      int end = Math.min(first + BATCH, stream.length);
      cutBetween(tcp(), one, exchange, stream, first, end);
      cutBetween(unix(), one, exchange, stream, first, end);
    }
  }

  /**
   * A connection for each cut: the first parts of all, a turn of the loop, then the other parts.
   */
  private void cutBetween(
      URI address, Case one, Case.Exchange exchange, byte[] stream, int first, int end)
      throws Exception {
    Deque<RawClient> clients = new ArrayDeque<>();
    int before = deliveries.get();
    try {
      for (int cut = first; cut < end; cut++) {
        clients.add(RawClient.connect(address, "/").write(stream, 0, cut));
      }
      probe.awaitTurn();
      int cut = first;
      for (RawClient client : clients) {
        client.write(stream, cut++, stream.length);
      }
      for (RawClient client : clients) {
        expectOutcome(client, one, exchange);
      }
    } finally {
      for (RawClient client : clients) {
        client.close();
      }
    }
    assertEquals((end - first) * messages(exchange), deliveries.get() - before, "deliveries");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("longCases")
  void cutAtRandom(Case one) throws Exception {
    Random random = Seed.random("cuts of " + one);
    Case.Exchange exchange = one.exchange();
    byte[] stream = CutStream.of(exchange.frames()).bytes();
    for (URI address : List.of(tcp(), unix())) {
      int[] cuts = random.ints(12, 1, stream.length).sorted().distinct().toArray();
      exchange(address, one, exchange, stream, cuts);
    }
  }

  private void exchange(URI address, Case one, Case.Exchange exchange, byte[] stream, int[] cuts)
      throws Exception {
    int before = deliveries.get();
    try (RawClient client = RawClient.connect(address, "/")) {
      CompletableFuture<Void> writing =
          CompletableFuture.runAsync(
              () -> write(client, stream, cuts),
              task -> new Thread(task, "conformance-writer").start());
      expectOutcome(client, one, exchange);
      Deadline.await(writing, "the write");
    }
    assertEquals(messages(exchange), deliveries.get() - before, "deliveries");
  }

  private void write(RawClient client, byte[] stream, int[] cuts) {
    try {
      if (cuts.length <= AWAITED_CUTS) {
        probe.writeCut(client, stream, cuts);
        return;
      }
      int from = 0;
      for (int cut : cuts) {
        client.write(stream, from, cut);
        from = cut;
      }
      client.write(stream, from, stream.length);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  private static int messages(Case.Exchange exchange) {
    return (int) exchange.answers().stream().filter(answer -> !answer.isControl()).count();
  }

  private static void expectOutcome(RawClient client, Case one, Case.Exchange exchange)
      throws IOException {
    for (ServerFrame expected : exchange.answers()) {
      ServerFrame answer = nextAnswer(client);
      assertEquals(expected.opcode(), answer.opcode(), answer::toString);
      if (!Arrays.equals(expected.payload(), answer.payload())) {
        assertArrayEquals(expected.payload(), answer.payload(), answer::toString);
      }
    }
    if (one.endsClean()) {
      client.write(Frame.close(1000, ""));
    }
    ServerFrame close = nextAnswer(client);
    assertEquals(Frame.CLOSE, close.opcode(), close::toString);
    assertEquals(one.closeCode(), close.closeCode(), close::toString);
    client.expectEnd();
  }

  /** The next message, its fragments joined, or control frame. No pong is passed over. */
  private static ServerFrame nextAnswer(RawClient client) throws IOException {
    ServerFrame frame = client.readFrame();
    if (frame.last()) {
      return frame;
    }
    List<byte[]> parts = new ArrayList<>();
    ServerFrame next = frame;
    while (!next.last()) {
      parts.add(next.payload());
      next = client.readFrame();
      assertTrue(!next.isControl(), "a control frame inside of an echo: " + next);
    }
    parts.add(next.payload());
    return new ServerFrame(true, frame.opcode(), Frame.join(parts.toArray(new byte[0][])));
  }
}
