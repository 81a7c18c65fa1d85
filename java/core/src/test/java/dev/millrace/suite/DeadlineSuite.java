// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import dev.millrace.internal.spi.ProtocolErrors;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every deadline but those of {@link AsyncUpgradeSuite} and {@link DrainSuite}: none comes early,
 * and whatever a peer does instead of what it should moves none.
 */
public abstract class DeadlineSuite extends EngineSuite {

  /** No deadline of a connection but those that a test asks for. */
  private static final Limits NONE =
      Limits.defaults().withPingInterval(Duration.ZERO).withWriteTimeout(Duration.ZERO);

  /** More than the kernel takes from us for a peer that does not read. */
  private static final int MORE_THAN_FITS = 16 << 20;

  /** How often a busy connection shows that it is. */
  private static final int BEATS = 20;

  private final Recorder recorder = new Recorder();

  private static Duration millis(long millis) {
    return Duration.ofMillis(millis);
  }

  private Server startRecording(Limits limits) throws Exception {
    return start(server().limits(limits).route("/", recorder));
  }

  private void expectEnd(int code, int error) throws Exception {
    CloseReason reason = recorder.awaitClose();
    assertEquals(code, reason.code());
    assertEquals(ProtocolErrors.sentence(error), reason.text());
    assertEquals(Initiator.LOCAL, reason.initiator());
  }

  // ---- The opening handshake.

  @WaitingTest
  void silentAndDrippingHandshakesAreGoneAfterTheirDeadline() throws Exception {
    Duration timeout = millis(300);
    Server server = startRecording(NONE.withHandshakeTimeout(timeout));
    byte[] request = UpgradeRequestText.to("/").with("X-Slow", "s".repeat(4000)).bytes();
    Elapsed elapsed = Elapsed.begin();
    RawClient silent = open(server);
    RawClient dripping = open(server);
    drip(dripping, request);
    for (RawClient client : List.of(silent, dripping)) {
      client.awaitGone();
      elapsed.assertDue(timeout, "the end of the handshake");
    }
    awaitNoConnections(server);
    assertEquals(List.of(), recorder.order());
  }

  /** What is done again and again until there is nothing left to do, or the connection is gone. */
  private interface Step {
    boolean run() throws IOException;
  }

  private void every(Duration time, Step step) {
    ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
    closeLater(clock::shutdownNow);
    clock.scheduleAtFixedRate(
        () -> {
          try {
            if (!step.run()) {
              clock.shutdown();
            }
          } catch (IOException gone) {
            clock.shutdown();
          }
        },
        0,
        time.toMillis(),
        TimeUnit.MILLISECONDS);
  }

  /** Writes byte by byte, and slowly. */
  private void drip(RawClient client, byte[] stream) {
    AtomicInteger sent = new AtomicInteger();
    every(
        millis(2),
        () -> {
          int next = sent.getAndIncrement();
          client.write(stream, next, next + 1);
          return next + 1 < stream.length;
        });
  }

  // ---- Idle connections.

  /** Pings of either side are no messages. */
  @WaitingTest
  void idleConnectionIsClosedWhateverItsPings() throws Exception {
    Duration timeout = millis(400);
    Limits limits = NONE.withIdleTimeout(timeout).withPingInterval(millis(40));
    Server server = startRecording(limits);
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    int pings = 0;
    ServerFrame frame;
    while ((frame = client.readFrame()).opcode() != Frame.CLOSE) {
      if (frame.opcode() == Frame.PING) {
        pings++;
        client.write(pong(frame), Frame.ping("mine"));
      }
    }
    elapsed.assertDue(timeout, "the Close of an idle connection");
    assertEquals(CloseCode.GOING_AWAY, frame.closeCode());
    assertTrue(pings >= 1, "pings: " + pings);
    client.write(Frame.close(CloseCode.GOING_AWAY, ""));
    client.expectEnd();
    client.close();
    expectEnd(CloseCode.GOING_AWAY, ProtocolErrors.IDLE);
    awaitNoConnections(server);
  }

  /** What comes meanwhile is read before anything is held against the peer. */
  @WaitingTest
  void idleTimeRestsWhileNothingIsRead() throws Exception {
    Duration timeout = millis(200);
    Server server = startRecording(NONE.withIdleTimeout(timeout).withCloseTimeout(millis(100)));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.pause();
    CountDownLatch rested = new CountDownLatch(1);
    connection.schedule(rested::countDown, timeout.multipliedBy(4));
    client.write(Frame.text("while nothing is read"));
    Deadline.await(rested, "the end of the rest");
    assertTrue(connection.isOpen(), "closed for what the server did not read");
    Elapsed resumed = Elapsed.begin();
    connection.resume();
    assertEquals("while nothing is read", text(recorder.awaitMessage().payload()));
    client.expectClose(CloseCode.GOING_AWAY);
    resumed.assertDue(timeout, "the Close of an idle connection");
    expectEnd(CloseCode.GOING_AWAY, ProtocolErrors.IDLE);
  }

  private static String text(byte[] utf8) {
    return new String(utf8, StandardCharsets.UTF_8);
  }

  /** What a busy connection does at each beat, which is a ping of the server. */
  private interface Beat {
    void write(RawClient client, ServerFrame ping) throws IOException;
  }

  @WaitingTest
  void connectionIsNotIdleWhileMessagesOrTheirPartsComeOrGo() throws Exception {
    Limits limits = NONE.withIdleTimeout(millis(500)).withPingInterval(millis(60));
    Server server =
        start(
            server()
                .limits(limits)
                .route("/", (connection, message) -> {})
                .route("/talking", new Talker()));
    List<Task> busy = new ArrayList<>();
    busy.add(
        busy(
            connect(server),
            "messages",
            (client, ping) -> client.write(pong(ping), Frame.text("m"))));
    Frame fragment = Frame.continuation(new byte[] {'f'}).unfinished();
    busy.add(
        busy(
            connect(server).write(Frame.text("").unfinished()),
            "fragments",
            (client, ping) -> client.write(pong(ping), fragment)));
    // Within a frame there can be no pong: its bytes are answer enough.
    busy.add(
        busy(
            connect(server).write(Frame.binary(new byte[10 * BEATS]).header()),
            "bytes of a frame",
            (client, ping) -> client.write(new byte[10])));
    busy.add(
        busy(
            connect(server, "/talking"),
            "messages from here",
            (client, ping) -> client.write(pong(ping))));
    for (Task task : busy) {
      task.join();
    }
    awaitNoConnections(server);
  }

  /** Sends what time it is every now and then, but not for ever. */
  private static final class Talker extends Recorder {
    @Override
    public void onOpen(Connection connection) {
      talk(connection, BEATS);
    }

    private void talk(Connection connection, int left) {
      if (left > 0) {
        connection.send(String.valueOf(System.nanoTime()));
        connection.schedule(() -> talk(connection, left - 1), millis(60));
      }
    }
  }

  /**
   * Stays for more than two idle timeouts while it is busy, and for one afterwards. Only its last
   * sign counts: where this thread is held up it is idle.
   */
  private static Task busy(RawClient client, String what, Beat beat) {
    Elapsed open = Elapsed.begin();
    return Task.start(
        what,
        () -> {
          Elapsed last = open;
          int beats = 0;
          ServerFrame frame;
          while ((frame = client.readFrame()).opcode() != Frame.CLOSE) {
            if (frame.opcode() != Frame.PING) {
              last = Elapsed.since(Long.parseLong(frame.text()));
            } else if (beats++ < BEATS) {
              last = what.endsWith("here") ? last : Elapsed.begin();
              beat.write(client, frame);
            } else {
              answer(client, frame);
            }
          }
          assertEquals(CloseCode.GOING_AWAY, frame.closeCode());
          last.assertNotBefore(millis(490), "the Close behind the last of " + what);
          client.write(Frame.close());
          client.expectEnd();
          client.close();
        });
  }

  // ---- Pings.

  private static long stamp(ServerFrame ping) {
    assertEquals(Frame.PING, ping.opcode(), ping::toString);
    assertEquals(Long.BYTES, ping.payload().length, "payload of a ping");
    return ByteBuffer.wrap(ping.payload()).getLong();
  }

  private static Frame pong(ServerFrame ping) {
    return Frame.of(Frame.PONG, ping.payload());
  }

  private static void answer(RawClient client, ServerFrame ping) throws IOException {
    client.write(pong(ping));
  }

  @WaitingTest
  void pingsComeAtTheirBeatAndCarryTheirTime() throws Exception {
    Server server = startRecording(NONE.withPingInterval(millis(100)));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    long before = 0;
    for (int beat = 1; beat <= 4; beat++) {
      ServerFrame ping = client.readFrame();
      elapsed.assertDue(millis(100L * beat), "ping " + beat);
      long stamp = stamp(ping);
      assertTrue(beat == 1 || stamp > before, "no later than the one before");
      before = stamp;
      answer(client, ping);
    }
    assertEquals(0, recorder.deliveries());
  }

  /** Also messages do not put it off: a ping asks whether the peer's whole way is there. */
  @WaitingTest
  void pingsComeBetweenMessages() throws Exception {
    Server server = start(server().limits(NONE.withPingInterval(millis(100))).route("/", ECHO));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    int pings = 0;
    for (int i = 0; pings < 3; i++) {
      client.write(Frame.text("message " + i));
      ServerFrame frame = client.readFrame();
      while (frame.opcode() == Frame.PING) {
        pings++;
        answer(client, frame);
        frame = client.readFrame();
      }
      assertEquals("message " + i, frame.text());
    }
    elapsed.assertDue(millis(300), "the third ping of a busy connection");
  }

  @WaitingTest
  void noSecondPingWhileOneIsNotAnswered() throws Exception {
    Limits limits = NONE.withPingInterval(millis(60)).withPongTimeout(Duration.ZERO);
    RawClient client = connect(startRecording(limits));
    Connection connection = recorder.awaitOpen();
    ServerFrame ping = client.readFrame();
    stamp(ping);
    connection.schedule(() -> connection.send("much later"), millis(300));
    ServerFrame next = client.readFrame();
    assertEquals("much later", next.text(), next::toString);
    answer(client, ping);
    stamp(client.readFrame());
  }

  @WaitingTest
  void roundTripIsMeasured() throws Exception {
    Recorder slow =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) {
            connection.schedule(() -> connection.send("now"), millis(80));
          }
        };
    Server server = start(server().limits(NONE.withPingInterval(millis(400))).route("/", slow));
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    Connection connection = slow.awaitOpen();
    assertTrue(connection.webSocket().roundTripTime().isEmpty());
    ServerFrame ping = client.readFrame();
    client.write(Frame.text("when may I answer?"));
    client.expectText("now");
    answer(client, ping);
    Deadline.until(() -> connection.webSocket().roundTripTime().isPresent(), "a round trip");
    Duration first = connection.webSocket().roundTripTime().orElseThrow();
    assertTrue(first.compareTo(millis(79)) >= 0, "round trip: " + first);
    assertTrue(first.compareTo(elapsed.time()) <= 0, "round trip: " + first);
    answer(client, client.readFrame());
    Deadline.until(
        () -> !connection.webSocket().roundTripTime().orElseThrow().equals(first), "another");
  }

  /**
   * None comes earlier; {@code DeadlinesTest} and {@code deadlines_test.cpp} have the exact times.
   */
  @WaitingTest
  void pingIntervalDoublesWithEachAnswer() throws Exception {
    Limits limits =
        NONE.withPingInterval(millis(60))
            .withMaxPingInterval(millis(960))
            .withPongTimeout(Duration.ZERO);
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(startRecording(limits));
    long due = 0;
    for (int interval : new int[] {60, 120, 240, 480, 960}) {
      due += interval;
      ServerFrame ping = client.readFrame();
      elapsed.assertDue(millis(due), "the ping behind " + interval + " ms");
      stamp(ping);
      answer(client, ping);
    }
  }

  /**
   * An answer that takes more than half of the pong timeout. A timer of the same loop, which begins
   * with the answer, tells that the next ping is not one of the long interval.
   */
  @WaitingTest
  void pingIntervalBeginsAnewWithASlowAnswer() throws Exception {
    Limits limits =
        NONE.withPingInterval(millis(60))
            .withMaxPingInterval(Duration.ofMinutes(1))
            .withPongTimeout(millis(2000));
    Recorder scheduling =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) {
            connection.schedule(() -> connection.send("too late"), millis(600));
          }
        };
    RawClient client = connect(start(server().limits(limits).route("/", scheduling)));
    Connection connection = scheduling.awaitOpen();
    ServerFrame ping = client.readFrame();
    for (long gap = 0; gap < 950; ) {
      long before = stamp(ping);
      answer(client, ping);
      ping = client.readFrame();
      gap = TimeUnit.NANOSECONDS.toMillis(stamp(ping) - before);
    }
    connection.schedule(() -> connection.send("answer now"), millis(1050));
    client.expectText("answer now");
    client.write(pong(ping), Frame.text("the answer was before this"));
    stamp(client.readFrame());
    client.expectText("too late");
  }

  // ---- Pongs.

  @WaitingTest
  void peerThatSaysNothingAfterAPingIsCut() throws Exception {
    Limits limits = NONE.withPingInterval(millis(100)).withPongTimeout(millis(200));
    Server server = startRecording(limits);
    Elapsed elapsed = Elapsed.begin();
    RawClient client = connect(server);
    client.awaitReset();
    elapsed.assertDue(millis(300), "the end of a peer that is not there");
    expectEnd(CloseCode.ABNORMAL_CLOSURE, ProtocolErrors.NO_PONG);
    awaitNoConnections(server);
  }

  /** The same for the application's own pings. */
  @WaitingTest
  void peerThatSaysNothingAfterAPingOfTheApplicationIsCut() throws Exception {
    Server server = startRecording(NONE.withPongTimeout(millis(200)));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    Elapsed elapsed = Elapsed.begin();
    assertEquals(SendResult.ACCEPTED, connection.webSocket().ping());
    client.awaitReset();
    elapsed.assertDue(millis(200), "the end of a peer that is not there");
    expectEnd(CloseCode.ABNORMAL_CLOSURE, ProtocolErrors.NO_PONG);
  }

  /** A pong cannot overtake a long frame, so that every byte of it is an answer. */
  @WaitingTest
  void anyByteIsAnAnswerToAPing() throws Exception {
    Limits limits = NONE.withPingInterval(millis(100)).withPongTimeout(millis(800));
    Server server = startRecording(limits);
    RawClient client = connect(server);
    byte[] large = Frame.binary(new byte[100]).bytes();
    Elapsed elapsed = Elapsed.begin();
    for (int i = 0; i < 4; i++) {
      stamp(client.readFrame());
      elapsed = Elapsed.begin();
      client.write(large, i, i + 1);
    }
    client.awaitReset();
    elapsed.assertNotBefore(millis(800), "the end of a peer that has answered");
    expectEnd(CloseCode.ABNORMAL_CLOSURE, ProtocolErrors.NO_PONG);
  }

  @WaitingTest
  void pongTimeRestsWhileReadsDo() throws Exception {
    Limits limits = NONE.withPingInterval(millis(100)).withPongTimeout(millis(600));
    RawClient client = connect(startRecording(limits));
    Connection connection = recorder.awaitOpen();
    stamp(client.readFrame());
    connection.pause();
    connection.schedule(() -> connection.send("still here"), millis(1000));
    ServerFrame next = client.readFrame();
    assertEquals("still here", next.text(), "no ping and no end while reads rest");
    Elapsed elapsed = Elapsed.begin();
    connection.resume();
    client.awaitReset();
    elapsed.assertDue(millis(600), "the end of a peer that is not there");
    expectEnd(CloseCode.ABNORMAL_CLOSURE, ProtocolErrors.NO_PONG);
  }

  @WaitingTest
  void pausedConnectionIsNotPinged() throws Exception {
    Limits limits = NONE.withPingInterval(millis(60));
    Recorder pausing =
        new Recorder() {
          @Override
          public void onOpen(Connection connection) throws Exception {
            connection.pause();
            super.onOpen(connection);
          }
        };
    RawClient client = connect(start(server().limits(limits).route("/", pausing)));
    Connection connection = pausing.awaitOpen();
    connection.schedule(() -> connection.send("quiet"), millis(300));
    client.expectText("quiet");
    connection.resume();
    answer(client, client.readFrame());
    stamp(client.readFrame());
  }

  // ---- Writing.

  private RawClient connectStuck(Server server) throws Exception {
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    ByteBuffer owed = ByteBuffer.wrap(new byte[MORE_THAN_FITS]);
    assertEquals(SendResult.ACCEPTED, recorder.awaitOpen().send(owed));
    return client;
  }

  @ParameterizedTest
  @Execution(ExecutionMode.CONCURRENT)
  @ValueSource(booleans = {false, true})
  void readerThatNeverReadsIsCut(boolean closing) throws Exception {
    Duration timeout = millis(250);
    Limits limits =
        NONE.withWriteTimeout(timeout)
            .withCloseTimeout(Duration.ofMinutes(1))
            .withHighWaterMarkBytes(64 << 20);
    Recorder sending =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) {
            connection.send(ByteBuffer.wrap(new byte[MORE_THAN_FITS]));
            if (closing) {
              connection.close(4000, "behind it all");
            }
          }
        };
    Server server = start(server().limits(limits).route("/", sending));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Elapsed elapsed = Elapsed.begin();
    client.write(Frame.text("send"));
    CloseReason reason = sending.awaitClose();
    elapsed.assertDue(timeout, "the end of a reader that does not read");
    if (!closing) {
      assertEquals(CloseCode.ABNORMAL_CLOSURE, reason.code());
    }
    assertEquals(ProtocolErrors.sentence(ProtocolErrors.NO_PROGRESS), reason.text());
    assertEquals(Initiator.LOCAL, reason.initiator());
    client.awaitReset();
    awaitNoConnections(server);
  }

  /** The whole takes several timeouts, but something of it is taken in each. */
  @WaitingTest
  void slowReaderIsNotCut() throws Exception {
    int steps = 16;
    Limits limits = NONE.withWriteTimeout(millis(1000)).withHighWaterMarkBytes(64 << 20);
    RawClient client = connectStuck(startRecording(limits));
    client.skip(10); // the header
    CountDownLatch left = new CountDownLatch(steps);
    every(
        millis(100),
        () -> {
          client.skip(MORE_THAN_FITS / steps);
          left.countDown();
          return left.getCount() > 0;
        });
    Deadline.await(left, "the whole message");
    client.write(Frame.close(1000, ""));
    client.expectCloseAndEnd(1000);
  }

  /** A ping would wait behind what is queued and measure nothing: the write timeout watches. */
  @WaitingTest
  void peerWithAQueueIsNotPinged() throws Exception {
    Limits limits =
        NONE.withPingInterval(millis(100))
            .withPongTimeout(millis(100))
            .withHighWaterMarkBytes(64 << 20);
    CountDownLatch fourBeats = new CountDownLatch(1);
    Recorder sending =
        new Recorder() {
          @Override
          public void onOpen(Connection connection) throws Exception {
            super.onOpen(connection);
            connection.send(ByteBuffer.wrap(new byte[MORE_THAN_FITS]));
            connection.schedule(fourBeats::countDown, millis(450));
          }
        };
    Server server = start(server().limits(limits).route("/", sending));
    closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = sending.awaitOpen();
    Deadline.await(fourBeats, "four beats");
    assertTrue(connection.isOpen(), "a peer was cut for a ping that it could not get");
  }

  // ---- The closing handshake.

  @WaitingTest
  void peerThatNeverAnswersTheCloseIsGoneAfterItsDeadline() throws Exception {
    Duration timeout = millis(250);
    Server server = startRecording(NONE.withCloseTimeout(timeout));
    RawClient silent = connect(server);
    Connection connection = recorder.awaitOpen();
    Elapsed elapsed = Elapsed.begin();
    connection.close(4000, "bye");
    silent.expectClose(4000);
    drip(silent, Frame.binary(new byte[4000]).bytes()); // moves nothing
    CloseReason reason = recorder.awaitClose();
    assertEquals(4000, reason.code());
    assertInstanceOf(SocketTimeoutException.class, reason.cause());
    elapsed.assertDue(timeout, "the end of a peer that does not answer");
    awaitNoConnections(server);
  }

  /** It keeps its socket, but was not asked for more than a Close. */
  @WaitingTest
  void peerThatHasClosedTooDidNotFailToAnswer() throws Exception {
    Server server = startRecording(NONE.withCloseTimeout(millis(250)));
    RawClient client = connect(server);
    recorder.awaitOpen().close(4000, "bye");
    client.expectClose(4000);
    client.write(Frame.close(4000, ""));
    assertNull(recorder.awaitClose().cause());
  }

  /** The peer's Close was there first, behind what is not read. */
  @ParameterizedTest
  @Execution(ExecutionMode.CONCURRENT)
  @ValueSource(booleans = {false, true})
  void peerThatHasClosedUnseenDidNotFailToAnswer(boolean paused) throws Exception {
    Server server = startRecording(NONE.withCloseTimeout(millis(250)));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    CountDownLatch stopped = new CountDownLatch(1);
    connection.execute(
        () -> {
          if (paused) {
            connection.pause();
          } else {
            connection.request(1);
          }
          stopped.countDown();
        });
    Deadline.await(stopped, "the end of reading");
    client.write(Frame.text("one"), Frame.text("two"), Frame.close(1000, ""));
    if (!paused) {
      recorder.awaitMessage();
    }
    connection.close(4001, "enough");
    client.expectClose(4001);
    CloseReason reason = recorder.awaitClose();
    assertEquals(4001, reason.code());
    assertEquals(Initiator.LOCAL, reason.initiator());
    assertNull(reason.cause());
  }

  @WaitingTest
  void deadlinesOfOneConnectionDoNotDisturbEachOther() throws Exception {
    Limits limits =
        Limits.defaults()
            .withPingInterval(millis(50))
            .withPongTimeout(millis(2000))
            .withWriteTimeout(millis(2000))
            .withIdleTimeout(millis(1000))
            .withCloseTimeout(millis(200));
    Server server = startRecording(limits);
    RawClient client = connect(server);
    Elapsed last = Elapsed.begin();
    int pings = 0;
    ServerFrame frame;
    while ((frame = client.readFrame()).opcode() == Frame.PING) {
      answer(client, frame);
      if (pings++ < 8) {
        last = Elapsed.begin();
        client.write(Frame.text("busy"));
      }
    }
    last.assertDue(millis(1000), "the Close of an idle connection");
    assertTrue(pings > 8, "pings: " + pings);
    assertEquals(CloseCode.GOING_AWAY, frame.closeCode(), frame::toString);
    CloseReason reason = recorder.awaitClose(); // the client does not answer the Close
    assertEquals(CloseCode.GOING_AWAY, reason.code());
    assertEquals(ProtocolErrors.sentence(ProtocolErrors.IDLE), reason.text());
    assertFalse(reason.isNormal(), "nobody answered");
    last.assertDue(millis(1200), "the end of the closing handshake");
    assertEquals(8, recorder.deliveries());
  }
}
