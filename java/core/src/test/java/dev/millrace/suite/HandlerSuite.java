// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a handler is told, when, how often, and what happens when it throws. */
public abstract class HandlerSuite extends EngineSuite {

  private final Recorder recorder = new Recorder();

  @Test
  void callsComeOnceAndInOrder() throws Exception {
    Server server = start(server().route("/", recorder));
    RawClient client = connect(server);
    client.write(Frame.text("a \u20ac"), Frame.binary(new byte[] {1, 2}), Frame.close(1000, "end"));
    client.expectCloseAndEnd(1000);
    client.close();
    assertEquals(new CloseReason(1000, "end", Initiator.PEER, null), recorder.awaitClose());
    awaitNoConnections(server);
    assertEquals(List.of("open", "message", "message", "close"), recorder.order());
    Recorder.Received text = recorder.awaitMessage();
    assertEquals(Message.Kind.TEXT, text.kind());
    assertEquals("a \u20ac", new String(text.payload(), StandardCharsets.UTF_8));
    Recorder.Received binary = recorder.awaitMessage();
    assertEquals(Message.Kind.BINARY, binary.kind());
    assertArrayEquals(new byte[] {1, 2}, binary.payload());
  }

  @Test
  void closedCompletesAfterOnClose() throws Exception {
    Server server = start(server().route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    assertTrue(connection.isOpen());
    client.write(Frame.close(1001, "gone"));
    client.expectCloseAndEnd(1001);
    client.close();
    CloseReason reason = Deadline.await(connection.closed(), "closed()");
    assertEquals(1L, recorder.count("close"), "onClose returned before");
    assertEquals(recorder.awaitClose(), reason);
    assertFalse(connection.isOpen());
    assertFalse(connection.isWritable());
    assertEquals(SendResult.CLOSED, connection.send("too late"));
    assertEquals(0, connection.bufferedBytes());
  }

  private static final class Planted extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Planted() {
      super("planted by the test");
    }
  }

  /** Where a handler throws. */
  enum Place {
    ON_OPEN,
    ON_MESSAGE,
    ON_ERROR_TOO
  }

  private final class Thrower extends Recorder {
    private final Place place;

    Thrower(Place place) {
      this.place = place;
    }

    @Override
    public void onOpen(Connection connection) throws Exception {
      super.onOpen(connection);
      if (place == Place.ON_OPEN) {
        throw new Planted();
      }
    }

    @Override
    public void onMessage(Connection connection, Message message) throws Exception {
      super.onMessage(connection, message);
      throw new Planted();
    }

    @Override
    public void onError(Connection connection, Throwable cause) {
      super.onError(connection, cause);
      if (place == Place.ON_ERROR_TOO) {
        throw new Planted();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void handlerThatThrowsEndsItsConnectionWith1011AndNoOther(Place place) throws Exception {
    Recorder thrower = new Thrower(place);
    Server server = start(server().route("/throws", thrower).route("/", ECHO));
    RawClient bystander = connect(server);
    bystander.write(Frame.text("half ").unfinished());
    RawClient client = connect(server, "/throws");
    if (place != Place.ON_OPEN) {
      client.write(Frame.text("first"), Frame.text("never delivered"));
    }
    client.expectCloseAndEnd(CloseCode.INTERNAL_ERROR);
    client.close();
    assertTrue(thrower.awaitError() instanceof Planted);
    CloseReason reason = thrower.awaitClose();
    assertEquals(CloseCode.INTERNAL_ERROR, reason.code());
    assertEquals(Initiator.LOCAL, reason.initiator());
    assertTrue(reason.cause() instanceof Planted, "cause: " + reason.cause());
    List<String> expected =
        place == Place.ON_OPEN
            ? List.of("open", "error", "close")
            : List.of("open", "message", "error", "close");
    assertEquals(expected, thrower.order());
    bystander.write(Frame.continuation("done".getBytes(StandardCharsets.UTF_8)));
    bystander.expectText("half done");
  }

  @Test
  void whatAHandlerSentBeforeItThrewArrives() throws Exception {
    Handler handler =
        (connection, message) -> {
          connection.send("last words");
          throw new Planted();
        };
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.text("go"));
    client.expectText("last words");
    client.expectCloseAndEnd(CloseCode.INTERNAL_ERROR);
  }

  @Test
  void checkedExceptionsAndErrorsCountToo() throws Exception {
    BlockingQueue<Throwable> errors = new LinkedBlockingQueue<>();
    Handler handler =
        new Handler() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            switch (message.text()) {
              case "checked" -> throw new IOException("planted");
              case "assertion" -> throw new AssertionError("planted");
              default -> throw new StackOverflowError("planted");
            }
          }

          @Override
          public void onError(Connection connection, Throwable cause) {
            errors.add(cause);
          }
        };
    Server server = start(server().route("/", handler).route("/echo", ECHO));
    for (String kind : List.of("checked", "assertion", "virtual machine")) {
      RawClient client = connect(server);
      client.write(Frame.text(kind));
      client.expectCloseAndEnd(CloseCode.INTERNAL_ERROR);
      assertEquals("planted", Deadline.take(errors, "onError").getMessage());
    }
    connect(server, "/echo").write(Frame.text("alive")).expectText("alive");
  }

  @Test
  void onCloseThatThrowsHarmsNobody() throws Exception {
    Recorder thrower =
        new Recorder() {
          @Override
          public void onClose(Connection connection, CloseReason reason) throws Exception {
            super.onClose(connection, reason);
            throw new Planted();
          }
        };
    Server server = start(server().route("/", thrower).route("/echo", ECHO));
    RawClient client = connect(server);
    Connection connection = thrower.awaitOpen();
    client.write(Frame.close(1000, ""));
    client.expectCloseAndEnd(1000);
    client.close();
    assertEquals(1000, Deadline.await(connection.closed(), "closed()").code());
    assertTrue(thrower.awaitError() instanceof Planted);
    assertEquals(List.of("open", "close", "error"), thrower.order());
    awaitNoConnections(server);
    connect(server, "/echo").write(Frame.text("alive")).expectText("alive");
  }

  @Test
  void handshakeTellsWhatWasAskedFor() throws Exception {
    Server server =
        start(
            server()
                .route("/rooms/{room}/seats/{seat}", recorder)
                .keepHeaders("User-Agent")
                .onUpgrade(
                    request ->
                        Upgrade.accept()
                            .subprotocol(request.subprotocols().get(1))
                            .attribute("user", "ada")));
    RawClient client = open(server);
    client.write(
        UpgradeRequestText.to("/rooms/caf%C3%A9%2F1/seats/7?x=%20y")
            .with("User-Agent", "raw/1")
            .with("X-Other", "not kept")
            .with("Sec-WebSocket-Protocol", "v1, v2")
            .bytes());
    assertEquals("v2", client.expectAccepted().header("Sec-WebSocket-Protocol"));
    Handshake handshake = recorder.awaitOpen().handshake();
    assertEquals("/rooms/caf%C3%A9%2F1/seats/7", handshake.path());
    assertEquals("x=%20y", handshake.query().orElseThrow());
    assertEquals(Map.of("room", "caf\u00e9/1", "seat", "7"), handshake.parameters());
    assertEquals("caf\u00e9/1", handshake.parameter("room"));
    assertThrows(IllegalArgumentException.class, () -> handshake.parameter("table"));
    assertEquals("raw/1", handshake.header("user-agent").orElseThrow());
    assertTrue(handshake.header("X-Other").isEmpty());
    assertEquals("v2", handshake.subprotocol().orElseThrow());
    assertEquals("ada", handshake.attribute("user", String.class).orElseThrow());
    InetSocketAddress remote = (InetSocketAddress) handshake.remoteAddress();
    assertEquals(InetAddress.getByName("127.0.0.1"), remote.getAddress());
    assertTrue(remote.getPort() > 0);
    assertTrue(handshake.peer().isEmpty());
  }

  @Test
  void literalSegmentBeatsParameter() throws Exception {
    Recorder literal = new Recorder();
    Server server = start(server().route("/rooms/{room}", recorder).route("/rooms/main", literal));
    connect(server, "/rooms/main");
    assertTrue(literal.awaitOpen().handshake().parameters().isEmpty());
    connect(server, "/rooms/other");
    assertEquals("other", recorder.awaitOpen().handshake().parameter("room"));
  }

  @Test
  void supplierGivesAHandlerToEachConnection() throws Exception {
    List<Recorder> handlers = new ArrayList<>();
    Server server =
        start(
            server()
                .route(
                    "/",
                    () -> {
                      Recorder handler = new Recorder();
                      synchronized (handlers) {
                        handlers.add(handler);
                      }
                      return handler;
                    }));
    for (String text : List.of("first", "second")) {
      try (RawClient client = RawClient.connect(address(server), "/")) {
        client.write(Frame.text(text), Frame.close());
        client.expectCloseAndEnd(0);
      }
    }
    Recorder first;
    Recorder second;
    synchronized (handlers) {
      assertEquals(2, handlers.size());
      first = handlers.get(0);
      second = handlers.get(1);
    }
    assertNotSame(first, second);
    assertEquals("first", new String(first.awaitMessage().payload(), StandardCharsets.UTF_8));
    assertEquals("second", new String(second.awaitMessage().payload(), StandardCharsets.UTF_8));
    first.awaitClose();
    second.awaitClose();
    assertEquals(List.of("open", "message", "close"), first.order());
    assertEquals(List.of("open", "message", "close"), second.order());
  }

  @Test
  void supplierThatThrowsAnswers500() throws Exception {
    Server server =
        start(
            server()
                .route("/echo", ECHO)
                .route(
                    "/",
                    () -> {
                      throw new Planted();
                    }));
    RawClient client = open(server);
    client.write(UpgradeRequestText.to("/").bytes());
    assertEquals(500, client.readResponse().status());
    connect(server, "/echo").write(Frame.text("alive")).expectText("alive");
  }

  @Test
  void attachmentStaysWithItsConnection() throws Exception {
    record Session(String name) {}
    Handler handler =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            assertNull(connection.attachment());
            assertThrows(IllegalStateException.class, () -> connection.attachment(Session.class));
            connection.attach(new Session(connection.handshake().parameter("name")));
          }

          @Override
          public void onMessage(Connection connection, Message message) {
            connection.send(connection.attachment(Session.class).name());
          }
        };
    Server server = start(server().route("/{name}", handler));
    RawClient ada = connect(server, "/ada");
    RawClient bob = connect(server, "/bob");
    ada.write(Frame.text("who"));
    bob.write(Frame.text("who"));
    ada.expectText("ada");
    bob.expectText("bob");
  }

  @Test
  void idsAreDifferentAndConnectionObjectsStay() throws Exception {
    BlockingQueue<Connection> seen = new LinkedBlockingQueue<>();
    Handler handler =
        new Handler() {
          @Override
          public void onOpen(Connection connection) {
            seen.add(connection);
          }

          @Override
          public void onMessage(Connection connection, Message message) {
            seen.add(connection);
          }
        };
    Server server = start(server().loops(2).route("/", handler));
    Set<Long> ids = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      RawClient client = connect(server);
      Connection opened = Deadline.take(seen, "onOpen");
      assertTrue(ids.add(opened.id()), "id twice: " + opened.id());
      client.write(Frame.text("again"));
      assertSame(opened, Deadline.take(seen, "onMessage"));
    }
  }

  @Test
  void executeAndScheduleRunOnTheLoopAndNeverWithinTheCall() throws Exception {
    BlockingQueue<String> steps = new LinkedBlockingQueue<>();
    Handler handler =
        (connection, message) -> {
          Thread loop = Thread.currentThread();
          connection.execute(() -> steps.add("executed " + (Thread.currentThread() == loop)));
          connection.schedule(
              () -> steps.add("scheduled " + (Thread.currentThread() == loop)),
              Duration.ofMillis(20));
          connection.schedule(() -> steps.add("cancelled"), Duration.ofMillis(1)).cancel();
          connection.execute(
              () -> {
                throw new Planted();
              });
          steps.add("handler returns");
        };
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.text("go"));
    assertEquals("handler returns", Deadline.take(steps, "the handler"));
    assertEquals("executed true", Deadline.take(steps, "execute"));
    assertEquals("scheduled true", Deadline.take(steps, "schedule"));
    assertTrue(steps.isEmpty(), steps.toString());
    client.write(Frame.text("alive"));
    assertEquals("handler returns", Deadline.take(steps, "the handler"));
  }

  @Test
  void scheduledTaskWaitsForItsTime() throws Exception {
    Server server = start(server().route("/", recorder));
    connect(server);
    Connection connection = recorder.awaitOpen();
    for (int millis : new int[] {0, 1, 5, 50, 300}) {
      BlockingQueue<Long> ran = new LinkedBlockingQueue<>();
      long start = System.nanoTime();
      connection.schedule(() -> ran.add(System.nanoTime() - start), Duration.ofMillis(millis));
      long nanos = Deadline.take(ran, "a task after " + millis + " ms");
      assertTrue(
          nanos >= millis * 1_000_000L, "after " + nanos + " ns instead of " + millis + " ms");
    }
  }

  @Test
  void manyTasksOfManyThreadsRunInEachThreadsOrder() throws Exception {
    Server server = start(server().route("/", recorder));
    connect(server);
    Connection connection = recorder.awaitOpen();
    int threads = 4;
    int tasks = 5_000;
    int[] next = new int[threads];
    List<String> wrong = new ArrayList<>();
    List<Thread> producers = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int thread = t;
      Thread producer =
          new Thread(
              () -> {
                for (int i = 0; i < tasks; i++) {
                  int number = i;
                  connection.execute(
                      () -> {
                        if (next[thread]++ != number) {
                          wrong.add("thread " + thread + " task " + number);
                        }
                      });
                }
              });
      producer.start();
      producers.add(producer);
    }
    for (Thread producer : producers) {
      Deadline.join(producer);
    }
    BlockingQueue<String> done = new LinkedBlockingQueue<>();
    connection.execute(() -> done.add(Arrays.toString(next) + wrong));
    assertEquals("[5000, 5000, 5000, 5000][]", Deadline.take(done, "the last task"));
  }
}
