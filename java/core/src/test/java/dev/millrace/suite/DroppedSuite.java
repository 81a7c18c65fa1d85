// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static dev.millrace.suite.PolicySuite.ALL;
import static dev.millrace.suite.PolicySuite.LENGTH;
import static dev.millrace.suite.PolicySuite.LIMITS;
import static dev.millrace.suite.PolicySuite.NEWEST;
import static dev.millrace.suite.PolicySuite.OLDEST;
import static dev.millrace.suite.PolicySuite.PLAIN;
import static dev.millrace.suite.PolicySuite.WITH_ENGINE;
import static dev.millrace.suite.PolicySuite.numbered;
import static dev.millrace.suite.PolicySuite.onLoop;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.ClientStatistics;
import dev.millrace.CloseCode;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import dev.millrace.SendOptions.Policy;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a handler is told of dropped messages, and connections that have send options of their own.
 */
public abstract class DroppedSuite extends EngineSuite {

  private Server.Builder routed(Handler handler, boolean onExecutor) {
    Server.Builder builder = server().limits(LIMITS);
    if (!onExecutor) {
      return builder.route("/", handler);
    }
    ExecutorService pool = Executors.newSingleThreadExecutor();
    closeLater(pool::shutdown);
    return builder.route("/", handler, HandlerExecutor.of(pool));
  }

  private static void awaitDropped(Recorder recorder, long messages) {
    Deadline.until(() -> recorder.dropped() >= messages, "onDropped");
    assertEquals(messages, recorder.dropped());
  }

  private static void expect(RawClient client, int from, int to) throws Exception {
    for (int number = from; number < to; number++) {
      client.expectBinary(numbered(number));
    }
  }

  // ---- What is told.

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyMessageThatIsGivenUpIsTold(boolean onExecutor) throws Exception {
    Recorder recorder = new Recorder();
    RawClient client = closeLater(connect(start(routed(recorder, onExecutor))));
    Connection connection = recorder.awaitOpen();
    onLoop(
        connection,
        () -> {
          PolicySuite.sendAll(connection, 0, ALL + 500, OLDEST);
          for (int i = 0; i < 50; i++) {
            assertEquals(SendResult.DROPPED, PolicySuite.send(connection, 0, NEWEST));
          }
          assertEquals(0, recorder.dropped(), "told within a send");
        });
    awaitDropped(recorder, 550);
    assertEquals(1, recorder.count("dropped"), "calls for one turn");
    expect(client, 0, WITH_ENGINE);
    expect(client, WITH_ENGINE + 500, ALL + 500);

    SendOptions keyed = PLAIN.withReplacementKey("price");
    onLoop(
        connection,
        () -> {
          PolicySuite.sendAll(connection, 0, WITH_ENGINE, PLAIN);
          PolicySuite.sendAll(connection, 100, 110, keyed);
        });
    awaitDropped(recorder, 558);
    assertEquals(558, connection.droppedMessages());
    expect(client, 0, WITH_ENGINE);
    expect(client, 100, 101); // handed over, and tells when it has left
    expect(client, 109, 110);
  }

  @Test
  void nothingIsToldWhereNothingIsGivenUp() throws Exception {
    Recorder recorder = new Recorder();
    RawClient client = connect(start(routed(recorder, false)));
    Connection connection = recorder.awaitOpen();
    onLoop(connection, () -> PolicySuite.sendAll(connection, 0, ALL, OLDEST));
    expect(client, 0, ALL);
    client.close();
    recorder.awaitClose();
    assertEquals(0, recorder.count("dropped"));
  }

  /** A handler that is busy until the peer has gone. */
  @Test
  void whatIsLeftIsToldBeforeTheEnd() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch free = new CountDownLatch(1);
    closeLater(free::countDown);
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            super.onMessage(connection, message);
            begun.countDown();
            Deadline.await(free, "the end of the handler");
          }
        };
    Server server = start(routed(recorder, true));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    client.write(Frame.text("work"));
    Deadline.await(begun, "onMessage");
    PolicySuite.awaitStuck(connection); // drops in many turns
    client.reset();
    Deadline.until(() -> !connection.isOpen(), "the end");
    free.countDown();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, recorder.awaitClose().code());
    assertEquals(List.of("open", "message", "dropped", "close"), recorder.order());
    assertTrue(recorder.dropped() > 1, "told: " + recorder.dropped());
    assertEquals(connection.droppedMessages(), recorder.dropped());
  }

  /** Replacing what waits for a peer that does not read is nothing that a loop needs to know. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void nobodyIsWokenForAHandlerThatDoesNotHear(boolean onExecutor) throws Exception {
    CompletableFuture<Connection> opened = new CompletableFuture<>();
    AtomicInteger turns = new AtomicInteger();
    Handler handler =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            opened.complete(connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) {}
        };
    ExecutorService pool = Executors.newSingleThreadExecutor();
    closeLater(pool::shutdown);
    Executor counting =
        task -> {
          turns.incrementAndGet();
          pool.execute(task);
        };
    Server.Builder builder = server().limits(LIMITS);
    Server server =
        start(
            onExecutor
                ? builder.route("/", handler, HandlerExecutor.of(counting))
                : builder.route("/", handler));
    closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = Deadline.await(opened, "onOpen");
    PolicySuite.awaitStuck(connection);
    SendOptions keyed = OLDEST.withReplacementKey("price");
    PolicySuite.send(connection, 0, keyed);
    onLoop(connection, () -> {});
    int turnsBefore = turns.get();
    long wakeupsBefore = server.statistics().get(0).wakeups();
    for (int number = 1; number <= 1000; number++) {
      assertEquals(SendResult.ACCEPTED, PolicySuite.send(connection, number, keyed));
    }
    assertTrue(connection.droppedMessages() >= 1000);
    assertEquals(wakeupsBefore, server.statistics().get(0).wakeups(), "wake-ups of the loop");
    onLoop(connection, () -> {}); // behind whatever was posted
    assertEquals(turnsBefore, turns.get(), "turns of the executor");
  }

  @Test
  void clientIsToldToo() throws Exception {
    Server server =
        start(
            server()
                .route(
                    "/",
                    new Handler() {
                      @Override
                      public void onOpen(Connection connection) {
                        connection.pause();
                      }

                      @Override
                      public void onMessage(Connection connection, Message message) {}
                    }));
    Recorder recorder = new Recorder();
    // The server reads no Close.
    Limits hasty = LIMITS.withCloseTimeout(Duration.ofMillis(50));
    try (Client client = Client.builder().engine(engine()).limits(hasty).build()) {
      Connection connection = Deadline.await(client.connect(address(server), recorder), "connect");
      connection.defaultSendOptions(OLDEST);
      PolicySuite.awaitStuck(connection);
      for (int number = 0; number < 1000; number++) {
        assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(numbered(number))));
      }
      awaitDropped(recorder, connection.droppedMessages());
      assertTrue(recorder.dropped() >= 1000 - PolicySuite.KEPT, "told: " + recorder.dropped());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void throwingCloses(boolean onExecutor) throws Exception {
    muteLog();
    RuntimeException thrown = new RuntimeException("not that one");
    Recorder recorder =
        new Recorder() {
          @Override
          public void onDropped(Connection connection, long messages) {
            throw thrown;
          }
        };
    RawClient client = connect(start(routed(recorder, onExecutor)));
    Connection connection = recorder.awaitOpen();
    onLoop(connection, () -> PolicySuite.sendAll(connection, 0, ALL + 1, OLDEST));
    expect(client, 0, WITH_ENGINE);
    expect(client, WITH_ENGINE + 1, ALL + 1);
    client.expectClose(CloseCode.INTERNAL_ERROR);
    client.close();
    assertSame(thrown, recorder.awaitError());
    assertSame(thrown, recorder.awaitClose().cause());
  }

  // ---- A connection's own options.

  /** As text, in a lease and in a buffer, in turn. */
  private static SendResult sendPlainly(Connection connection, int number) {
    switch (number % 3) {
      case 0:
        return connection.send(ByteBuffer.wrap(numbered(number)));
      case 1:
        return connection.send(text(number));
      default:
        Lease lease = connection.lease(LENGTH);
        lease.buffer().put(numbered(number));
        return connection.send(lease.range(0, LENGTH));
    }
  }

  private static String text(int number) {
    return String.format("%0" + LENGTH + "d", number);
  }

  private static int numberOf(ServerFrame message) {
    if (message.opcode() == Frame.BINARY) {
      int number = Stamp.sequenceOf(message.payload());
      assertArrayEquals(numbered(number), message.payload());
      return number;
    }
    int number = Integer.parseInt(message.text());
    assertEquals(text(number), message.text());
    return number;
  }

  @Test
  void ownPolicyIsThatOfSendsWithoutOptions() throws Exception {
    int count = 2000;
    Recorder recorder = new Recorder();
    RawClient client = closeLater(connect(start(routed(recorder, false))));
    Connection connection = recorder.awaitOpen();
    connection.defaultSendOptions(OLDEST);
    onLoop(
        connection,
        () -> {
          for (int number = 0; number < count; number++) {
            assertEquals(SendResult.ACCEPTED, sendPlainly(connection, number), "" + number);
          }
          // What its sender says counts more; and it is promised, where those before are not.
          assertEquals(SendResult.DROPPED, PolicySuite.send(connection, 0, NEWEST));
          assertEquals(SendResult.ACCEPTED, PolicySuite.send(connection, count, PLAIN));
          assertEquals(SendResult.ACCEPTED, sendPlainly(connection, count + 1));
        });
    long dropped = connection.droppedMessages();
    awaitDropped(recorder, dropped);
    int arrived = 0;
    boolean hasPromised = false;
    for (int last = -1; last != count + 1; arrived++) {
      int number = numberOf(client.readMessage());
      assertFalse(number <= last, number + " behind " + last);
      last = number;
      hasPromised |= number == count;
    }
    assertTrue(hasPromised, "the message that was promised");
    assertEquals(count + 2, arrived + dropped - 1); // one of those dropped is no number of its own
  }

  @Test
  void forwardedMessagesHaveTheConnectionsOptionsToo() throws Exception {
    CompletableFuture<SendResult> result = new CompletableFuture<>();
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) {
            PolicySuite.sendAll(connection, 0, ALL, NEWEST);
            result.complete(connection.send(message));
          }
        };
    RawClient client = closeLater(connect(start(routed(recorder, false))));
    recorder.awaitOpen().defaultSendOptions(NEWEST);
    client.write(Frame.text("forward"));
    assertEquals(SendResult.DROPPED, Deadline.await(result, "onMessage"));
    awaitDropped(recorder, 1);
    expect(client, 0, ALL);
  }

  /** Its senders know of no policy. */
  @Test
  void blockingConnectionsWaitWhateverTheOptions() throws Exception {
    CompletableFuture<Connection> opened = new CompletableFuture<>();
    AtomicInteger received = new AtomicInteger();
    Handler paused =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            connection.pause();
            opened.complete(connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) {
            received.incrementAndGet();
          }
        };
    int count = 2000; // more than the kernel takes, with the mark
    SocketOptions narrow = SocketOptions.manySlow();
    Server server = start(server().socketOptions(narrow).route("/", paused));
    Client client =
        closeLater(Client.builder().engine(engine()).limits(LIMITS).socketOptions(narrow).build());
    BlockingConnection blocking = closeLater(client.open(address(server)));
    Connection connection = blocking.connection();
    connection.defaultSendOptions(NEWEST);
    Task sender =
        Task.start(
            "sender",
            () -> {
              for (int number = 0; number < count; number++) {
                assertEquals(SendResult.ACCEPTED, blocking.send(ByteBuffer.wrap(numbered(number))));
              }
            });
    ClientStatistics statistics = new ClientStatistics();
    Deadline.until(
        () -> {
          client.statistics(statistics);
          return statistics.refusedSends() > 0;
        },
        "a send that waits");
    Deadline.await(opened, "onOpen").resume();
    sender.join();
    Deadline.until(() -> received.get() == count, "all of them");
    assertEquals(0, connection.droppedMessages());
  }

  @Test
  void asynchronousSendsAndListsStayPromised() throws Exception {
    Recorder recorder = new Recorder();
    RawClient client = closeLater(connect(start(routed(recorder, false))));
    Connection connection = recorder.awaitOpen();
    connection.defaultSendOptions(OLDEST);
    List<CompletionStage<Void>> sent = new ArrayList<>();
    onLoop(
        connection,
        () -> {
          for (int number = 0; number < ALL + 500; number++) {
            assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(numbered(number))));
            if (number == 2 * WITH_ENGINE) {
              sent.add(connection.sendAsync("asynchronous"));
              Lease lease = connection.lease(4);
              lease.buffer().put("list".getBytes(StandardCharsets.US_ASCII));
              assertEquals(SendResult.ACCEPTED, connection.sendAll(List.of(lease)));
            }
          }
        });
    int dropped = (int) connection.droppedMessages();
    assertTrue(dropped > 2 * WITH_ENGINE, "those before are dropped: " + dropped);
    expect(client, 0, WITH_ENGINE);
    client.expectText("asynchronous");
    client.expectBinary("list".getBytes(StandardCharsets.US_ASCII));
    expect(client, WITH_ENGINE + dropped, ALL + 500);
    Deadline.await(sent.get(0), "sendAsync");
    awaitDropped(recorder, dropped);
  }

  @Test
  void latestValueOfAConnection() throws Exception {
    Recorder recorder = new Recorder();
    RawClient client = closeLater(connect(start(routed(recorder, false))));
    Connection connection = recorder.awaitOpen();
    connection.defaultSendOptions(PLAIN.withReplacementKey("the only one"));
    onLoop(
        connection,
        () -> {
          for (int number = 0; number < 5000; number++) {
            assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(numbered(number))));
          }
          assertEquals(1, connection.queuedMessages());
        });
    expect(client, 0, WITH_ENGINE);
    expect(client, 4999, 5000);
    awaitDropped(recorder, 5000 - WITH_ENGINE - 1);
  }

  @Test
  void closesByItsOwnPolicy() throws Exception {
    Recorder recorder = new Recorder();
    RawClient client = connect(start(routed(recorder, false)));
    Connection connection = recorder.awaitOpen();
    connection.defaultSendOptions(PLAIN.withPolicy(Policy.CLOSE));
    onLoop(
        connection,
        () -> {
          for (int number = 0; number < ALL; number++) {
            assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(numbered(number))));
          }
          assertEquals(SendResult.CLOSED, connection.send(ByteBuffer.wrap(numbered(ALL))));
        });
    expect(client, 0, ALL);
    client.expectClose(CloseCode.TRY_AGAIN_LATER);
    client.close();
    assertEquals(CloseCode.TRY_AGAIN_LATER, recorder.awaitClose().code());
  }

  @Test
  void ownOptionsAreTakenBack() throws Exception {
    Recorder recorder = new Recorder();
    RawClient client = closeLater(connect(start(routed(recorder, false))));
    Connection connection = recorder.awaitOpen();
    connection.defaultSendOptions(OLDEST.withCompress(false));
    connection.defaultSendOptions(SendOptions.defaults().withPolicy(Policy.REFUSE));
    int[] accepted = {0};
    onLoop(
        connection,
        () -> {
          while (connection.send(ByteBuffer.wrap(numbered(accepted[0]))) == SendResult.ACCEPTED) {
            accepted[0]++;
          }
        });
    assertTrue(accepted[0] >= ALL, "accepted: " + accepted[0]);
    expect(client, 0, accepted[0]);
    assertEquals(0, connection.droppedMessages());
    assertEquals(0, recorder.dropped());
  }
}
