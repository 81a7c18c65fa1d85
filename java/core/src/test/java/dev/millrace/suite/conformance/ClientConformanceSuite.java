// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.conformance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.Client;
import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.suite.ClientEngineSuite;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import dev.millrace.suite.ScriptedServer;
import dev.millrace.suite.ServerFrame;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every case of {@link Cases} with the roles turned: a server writes, a client echoes. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class ClientConformanceSuite extends ClientEngineSuite {

  private static final int CUT_EVERYWHERE = 120;
  private static final int BATCH = 64;
  private static final int LONGEST = 1 << 20;

  private final AtomicInteger deliveries = new AtomicInteger();
  private Client client;
  private ScriptedServer server;
  private Server turns;
  private Connection probe;

  @BeforeAll
  final void startClient() throws Exception {
    Limits limits = Limits.defaults().withMaxMessageBytes(LONGEST).withMaxFragments(1 << 17);
    client = client().limits(limits).build();
    server = ScriptedServer.start();
    turns = server().route("/", ECHO).start();
    probe = connect(client, address(turns), new Recorder());
  }

  @AfterAll
  final void stopClient() throws Exception {
    server.close();
    client.close();
    turns.close();
  }

  private void countAndEcho(Connection connection, Message message) throws Exception {
    deliveries.incrementAndGet();
    ECHO.onMessage(connection, message);
  }

  private ScriptedServer.Accepted open() throws Exception {
    CompletionStage<Connection> opening = client.connect(server.uri(), this::countAndEcho);
    ScriptedServer.Accepted accepted = server.upgrade();
    Deadline.await(opening, "the connection");
    return accepted;
  }

  private static byte[] streamOf(Case.Exchange exchange) {
    return Frame.turned(RawClient.bytesOf(exchange.frames().toArray(new Frame[0])));
  }

  /** Their lengths say nothing of roles: up to 1 MiB is enough. */
  static Stream<Case> cases() {
    return Cases.all().stream().filter(one -> lengthOf(one) <= LONGEST);
  }

  static Stream<Case> shortCases() {
    return cases().filter(one -> lengthOf(one) <= CUT_EVERYWHERE);
  }

  private static int lengthOf(Case one) {
    return streamOf(one.exchange()).length;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void asItsNumberDemands(Case one) throws Exception {
    Case.Exchange exchange = one.exchange();
    int before = deliveries.get();
    try (ScriptedServer.Accepted accepted = open()) {
      CompletableFuture<Void> writing =
          CompletableFuture.runAsync(
              () -> writeCut(accepted, one, exchange),
              task -> new Thread(task, "conformance-writer").start());
      expectAnswers(accepted, exchange);
      if (one.endsClean()) {
        Deadline.await(writing, "the write"); // nothing may follow the Close
      }
      expectEnd(accepted, one);
      Deadline.await(writing, "the write");
    }
    assertEquals(messages(exchange), deliveries.get() - before, "deliveries");
  }

  private static void writeCut(ScriptedServer.Accepted accepted, Case one, Case.Exchange exchange) {
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    int[] ends = new int[exchange.frames().size()];
    for (int i = 0; i < ends.length; i++) {
      stream.writeBytes(Frame.turned(exchange.frames().get(i).bytes()));
      ends[i] = stream.size();
    }
    byte[] bytes = stream.toByteArray();
    try {
      int from = 0;
      for (int cut : one.cuts(ends)) {
        accepted.write(bytes, from, cut);
        from = cut;
      }
      accepted.write(bytes, from, bytes.length);
    } catch (IOException e) {
      if (one.endsClean()) {
        throw new UncheckedIOException(e);
      }
      // The client has gone over a broken rule; what it must say before is looked at elsewhere.
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("shortCases")
  void cutAtEveryByte(Case one) throws Exception {
    Case.Exchange exchange = one.exchange();
    byte[] stream = streamOf(exchange);
    for (int first = 1; first < stream.length; first += BATCH) {
      cutBetween(one, exchange, stream, first, Math.min(first + BATCH, stream.length));
    }
  }

  private void cutBetween(Case one, Case.Exchange exchange, byte[] stream, int first, int end)
      throws Exception {
    int before = deliveries.get();
    Deque<ScriptedServer.Accepted> all = new ArrayDeque<>();
    for (int cut = first; cut < end; cut++) {
      all.add(open().write(stream, 0, cut));
    }
    awaitTurn(probe);
    int cut = first;
    for (ScriptedServer.Accepted accepted : all) {
      accepted.write(stream, cut++, stream.length);
    }
    for (ScriptedServer.Accepted accepted : all) {
      expectAnswers(accepted, exchange);
      expectEnd(accepted, one);
      accepted.close();
    }
    assertEquals((end - first) * messages(exchange), deliveries.get() - before, "deliveries");
  }

  private static int messages(Case.Exchange exchange) {
    return (int) exchange.answers().stream().filter(answer -> !answer.isControl()).count();
  }

  private static void expectAnswers(ScriptedServer.Accepted accepted, Case.Exchange exchange)
      throws IOException {
    for (ServerFrame expected : exchange.answers()) {
      ServerFrame answer = accepted.readFrame();
      assertEquals(expected.opcode(), answer.opcode(), answer::toString);
      assertArrayEquals(expected.payload(), answer.payload(), answer::toString);
    }
  }

  private static void expectEnd(ScriptedServer.Accepted accepted, Case one) throws IOException {
    if (one.endsClean()) {
      accepted.write(Frame.close(1000, ""));
    }
    ServerFrame close = accepted.readFrame();
    assertEquals(Frame.CLOSE, close.opcode(), close::toString);
    assertEquals(one.closeCode(), close.closeCode(), close::toString);
    accepted.shutdownOutput(); // the server closes first (RFC 6455 7.1.1)
    accepted.expectEnd();
  }
}
