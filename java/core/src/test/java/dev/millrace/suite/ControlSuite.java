// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ping, pong and the closing handshake (RFC 6455 5.5, 7). */
public abstract class ControlSuite extends EngineSuite {

  private static final Duration SHORT = Duration.ofMillis(300);

  private static final byte[] OWED = Seed.bytes(Seed.random("owed"), 16 << 20);

  private final Recorder recorder =
      new Recorder() {
        @Override
        public void onMessage(Connection connection, Message message) throws Exception {
          super.onMessage(connection, message);
          ECHO.onMessage(connection, message);
        }
      };

  /** Answers with a short message and a long one, which leave in one turn. */
  private final Recorder owing =
      new Recorder() {
        @Override
        public void onMessage(Connection connection, Message message) throws Exception {
          connection.send("the long one is queued behind this");
          assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(OWED)));
        }
      };

  private RawClient connectOwed(Server server) throws Exception {
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    client.write(Frame.text("go"));
    client.expectText("the long one is queued behind this");
    return client;
  }

  private Server startRecording() throws Exception {
    return start(server().route("/", recorder));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 64, 124, 125})
  void rfc6455_5_5_3_pongCarriesThePayloadOfThePing(int length) throws Exception {
    byte[] payload = Seed.bytes(Seed.random("ping " + length), length);
    RawClient client = connect(startRecording());
    client.write(Frame.of(Frame.PING, payload));
    ServerFrame pong = client.readFrame();
    assertEquals(Frame.PONG, pong.opcode(), pong::toString);
    assertArrayEquals(payload, pong.payload());
    assertEquals(0, recorder.deliveries());
  }

  @Test
  void rfc6455_5_5_2_pingBetweenFragmentsIsAnsweredAtOnce() throws Exception {
    RawClient client = connect(startRecording());
    client.write(Frame.text("half ").unfinished(), Frame.ping("now"));
    client.expectPongs("now"); // the message is not complete yet
    client.write(Frame.continuation("done".getBytes(StandardCharsets.UTF_8)));
    client.expectText("half done");
  }

  @Test
  void rfc6455_5_5_3_unaskedPongIsIgnored() throws Exception {
    RawClient client = connect(startRecording());
    client.write(Frame.pong(""), Frame.pong("unasked"), Frame.text("after"));
    client.expectText("after");
    assertEquals(1, recorder.deliveries());
  }

  /**
   * RFC 6455 5.5.3 lets pongs coalesce to the latest; starscream-538, okhttp: unbounded queue. The
   * way out is blocked by a long message that the peer does not read, and no mark stops reading.
   */
  @Test
  void pingFloodOfAPeerThatDoesNotReadStaysBounded() throws Exception {
    int count = 150_000;
    Limits limits = Limits.defaults().withHighWaterMarkBytes(64 << 20);
    Server server = start(server().limits(limits).route("/", owing).route("/probe", ECHO));
    RawClient client = connectOwed(server);
    Deadline.await(
        client.writeMeanwhile(pings(count)), "the flood to be taken without a pong being read");
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      for (int received = 0; received < count * 131; received += 64 << 10) {
        probe.awaitTurn(); // the server has read the flood when it was here often enough
      }
    }
    client.expectBinary(OWED);
    long pongs = expectRisingPongs(client, count - 1);
    assertTrue(pongs <= 2, pongs + " pongs were queued");
  }

  private static byte[] pings(int count) {
    byte[][] pings = new byte[count][];
    for (int i = 0; i < count; i++) {
      byte[] payload = new byte[125];
      ByteBuffer.wrap(payload).putInt(i);
      pings[i] = Frame.of(Frame.PING, payload).bytes();
    }
    return Frame.join(pings);
  }

  private static long expectRisingPongs(RawClient client, int last) throws Exception {
    long pongs = 0;
    int number = -1;
    while (number != last) {
      ServerFrame pong = client.readFrame();
      assertEquals(Frame.PONG, pong.opcode(), pong::toString);
      int next = ByteBuffer.wrap(pong.payload()).getInt();
      assertTrue(next > number, "pong " + next + " behind pong " + number);
      number = next;
      pongs++;
    }
    return pongs;
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
        4999
      })
  void rfc6455_7_4_legalCloseCodeIsEchoed(int code) throws Exception {
    Server server = startRecording();
    RawClient client = connect(server);
    client.write(Frame.close(code, "so long \u20ac"));
    client.expectCloseAndEnd(code);
    client.close();
    assertEquals(
        new CloseReason(code, "so long \u20ac", Initiator.PEER, null), recorder.awaitClose());
    awaitNoConnections(server);
  }

  @Test
  void rfc6455_5_5_1_emptyCloseIsAnsweredByAnEmptyOne() throws Exception {
    RawClient client = connect(startRecording());
    client.write(Frame.close());
    client.expectCloseAndEnd(0);
    client.close();
    CloseReason reason = recorder.awaitClose();
    assertEquals(CloseCode.NO_STATUS_RECEIVED, reason.code());
    assertEquals(Initiator.PEER, reason.initiator());
    assertEquals("", reason.text());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "\u20ac"})
  void rfc6455_5_5_1_longestReason(String tail) throws Exception {
    String reason = "r".repeat(123 - tail.getBytes(StandardCharsets.UTF_8).length).concat(tail);
    RawClient client = connect(startRecording());
    client.write(Frame.close(1000, reason));
    client.expectCloseAndEnd(1000);
    client.close();
    assertEquals(reason, recorder.awaitClose().text());
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 32_768, 65_535
      })
  void rfc6455_7_4_illegalCloseCodeIsAProtocolError(int code) throws Exception {
    RawClient client = connect(startRecording());
    client.write(Frame.close(code, ""));
    client.expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
    client.close();
    CloseReason reason = recorder.awaitClose();
    assertEquals(CloseCode.PROTOCOL_ERROR, reason.code());
    assertEquals(Initiator.LOCAL, reason.initiator());
  }

  @Test
  void rfc6455_5_5_1_closeBodyOfOneByteIsAProtocolError() throws Exception {
    RawClient client = connect(startRecording());
    client.write(Frame.of(Frame.CLOSE, new byte[] {3}));
    client.expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
  }

  @Test
  void rfc6455_8_1_closeReasonThatIsNotUtf8() throws Exception {
    RawClient client = connect(startRecording());
    byte[] reason = {'b', 'a', 'd', (byte) 0xC3, (byte) 0x28};
    client.write(Frame.of(Frame.CLOSE, Frame.closeBody(1000, reason)));
    client.expectCloseAndEnd(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
  }

  @Test
  void echoesQueuedBeforeTheCloseArriveBeforeIt() throws Exception {
    List<Frame> frames = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      frames.add(Frame.text("message " + i));
    }
    frames.add(Frame.close(1000, "done"));
    RawClient client = connect(startRecording());
    client.write(frames.toArray(new Frame[0]));
    for (int i = 0; i < 200; i++) {
      client.expectText("message " + i);
    }
    client.expectCloseAndEnd(1000);
  }

  @Test
  void largeEchoesQueuedBeforeTheCloseArriveBeforeIt() throws Exception {
    byte[] payload = Seed.bytes(Seed.random("large before close"), 900_000);
    RawClient client = connect(startRecording());
    CompletableFuture<Void> writing =
        client.writeMeanwhile(
            RawClient.bytesOf(
                Frame.binary(payload),
                Frame.binary(payload),
                Frame.binary(payload),
                Frame.close(1001, "leaving the page")));
    client.expectBinary(payload);
    client.expectBinary(payload);
    client.expectBinary(payload);
    client.expectCloseAndEnd(1001);
    Deadline.await(writing, "the write");
  }

  @Test
  void rfc6455_5_5_1_nothingBehindTheCloseIsRead() throws Exception {
    RawClient client = connect(startRecording());
    client.write(
        Frame.text("before"),
        Frame.close(1000, ""),
        Frame.text("behind"),
        Frame.ping("behind"),
        Frame.close(1001, "second"),
        Frame.of(3, new byte[0]));
    client.expectText("before");
    client.expectCloseAndEnd(1000);
    client.close();
    assertEquals(1000, recorder.awaitClose().code());
    assertEquals(1, recorder.deliveries());
  }

  @Test
  void rfc6455_7_1_2_closeBegunHere() throws Exception {
    Server server = startRecording();
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.close(4001, "enough \u20ac");
    connection.close(4002, "the first close wins");
    connection.close();
    ServerFrame close = client.expectClose(4001);
    assertEquals("enough \u20ac", close.closeReason());
    client.write(Frame.close(4001, ""));
    client.expectEnd();
    client.close();
    CloseReason reason = recorder.awaitClose();
    assertEquals(4001, reason.code());
    assertEquals("enough \u20ac", reason.text());
    assertEquals(Initiator.LOCAL, reason.initiator());
    assertEquals(4001, Deadline.await(connection.closed(), "closed()").code());
    awaitNoConnections(server);
  }

  @Test
  void closeBegunHereTakesWhatWasSentBefore() throws Exception {
    byte[] payload = Seed.bytes(Seed.random("before close"), 5000);
    RawClient client = connect(startRecording());
    Connection connection = recorder.awaitOpen();
    for (int i = 0; i < 100; i++) {
      assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.wrap(payload)));
    }
    connection.close(1000, "");
    assertEquals(SendResult.CLOSED, connection.send("after"));
    for (int i = 0; i < 100; i++) {
      client.expectBinary(payload);
    }
    client.expectCloseAndEnd(1000);
  }

  @Test
  void tomcat_cve_2024_23672_peerThatNeverAnswersTheCloseIsLetGo() throws Exception {
    Server server =
        start(server().limits(Limits.defaults().withCloseTimeout(SHORT)).route("/", recorder));
    RawClient client = connect(server);
    recorder.awaitOpen().close(4000, "bye");
    client.expectClose(4000);
    CloseReason reason = recorder.awaitClose(); // the client neither answers nor closes
    assertEquals(4000, reason.code());
    assertEquals(Initiator.LOCAL, reason.initiator());
    awaitNoConnections(server);
  }

  @Test
  void peerThatNeverReadsIsLetGoByTheDeadline() throws Exception {
    Server server =
        start(
            server()
                .limits(Limits.defaults().withCloseTimeout(SHORT).withHighWaterMarkBytes(32 << 20))
                .route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    assertEquals(SendResult.ACCEPTED, connection.send(ByteBuffer.allocate(16 << 20)));
    connection.close(4000, "cannot be sent");
    assertEquals(Initiator.LOCAL, recorder.awaitClose().initiator());
    awaitNoConnections(server);
    client.close();
  }

  /** The peer answers the Close but drips rubbish for ever instead of ending the connection. */
  @Test
  void peerThatTalksOnAfterTheCloseIsLetGoByTheDeadline() throws Exception {
    AtomicLong written = new AtomicLong();
    Server server =
        start(server().limits(Limits.defaults().withCloseTimeout(SHORT)).route("/", recorder));
    RawClient client = connect(server);
    recorder.awaitOpen().close(4000, "bye");
    CompletableFuture<Void> talking =
        CompletableFuture.runAsync(
            () -> {
              byte[] frame = Frame.text("still here").bytes();
              try {
                while (written.incrementAndGet() < 50_000_000) {
                  client.write(frame);
                }
              } catch (IOException ended) {
                return;
              }
              throw new AssertionError("the server never ended the connection");
            },
            task -> new Thread(task, "talker").start());
    assertEquals(4000, recorder.awaitClose().code());
    assertEquals(0, recorder.deliveries());
    Deadline.await(talking, "the end of the connection");
    awaitNoConnections(server);
  }

  @Test
  void rfc6455_7_1_5_endWithoutACloseFrameIsAbnormal() throws Exception {
    Server server = startRecording();
    RawClient client = connect(server);
    recorder.awaitOpen();
    client.shutdownOutput();
    try {
      ServerFrame frame = client.readFrame();
      assertEquals(Frame.CLOSE, frame.opcode(), frame::toString);
      client.expectEnd();
    } catch (EOFException alsoLegal) {
      // RFC 6455 7.1.1 does not ask for a Close frame towards a peer that sent none.
    }
    CloseReason reason = recorder.awaitClose();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, reason.code());
    assertEquals(Initiator.NETWORK, reason.initiator());
    awaitNoConnections(server);
  }

  @Test
  void peerThatHalfClosesGetsWhatItIsOwed() throws Exception {
    Server server = start(server().route("/", owing));
    RawClient client = connectOwed(server);
    client.shutdownOutput();
    client.expectBinary(OWED);
    assertEquals(Initiator.NETWORK, owing.awaitClose().initiator());
    awaitNoConnections(server);
  }

  @Test
  void peerThatHalfClosesAndDoesNotReadIsLetGoByTheDeadline() throws Exception {
    // Marks above what is sent, so that reading goes on and the FIN is seen.
    Limits limits = Limits.defaults().withCloseTimeout(SHORT).withHighWaterMarkBytes(64 << 20);
    Server server = start(server().limits(limits).route("/", owing));
    RawClient client = connectOwed(server);
    client.shutdownOutput();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, owing.awaitClose().code());
    awaitNoConnections(server);
    client.close();
  }

  /** What the peer was in the middle of is passed over, so that its Close is found behind it. */
  @Test
  void closeBegunHereInTheMiddleOfAMessage() throws Exception {
    Server server = startRecording();
    byte[] message = Frame.binary(new byte[100_000]).bytes();
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      recorder.awaitOpen();
      for (int sent : new int[] {1, 5, 20, 50_000}) {
        RawClient client = connect(server);
        Connection connection = recorder.awaitOpen();
        client.write(message, 0, sent);
        probe.awaitTurn();
        connection.close(4001, "enough");
        client.expectClose(4001);
        client.write(message, sent, message.length);
        client.write(Frame.close(4001, ""));
        client.expectEnd();
        client.close();
        assertEquals(4001, recorder.awaitClose().code());
      }
    }
    assertEquals(0, recorder.deliveries());
    awaitNoConnections(server);
  }

  @Test
  void rfc6455_7_1_5_resetIsAbnormal() throws Exception {
    Server server = startRecording();
    RawClient client = connect(server);
    recorder.awaitOpen();
    client.reset();
    CloseReason reason = recorder.awaitClose();
    assertEquals(CloseCode.ABNORMAL_CLOSURE, reason.code());
    assertEquals(Initiator.NETWORK, reason.initiator());
    assertTrue(reason.cause() instanceof IOException, "cause: " + reason.cause());
    awaitNoConnections(server);
  }

  @Test
  void rfc6455_5_5_2_pingFromHereMeasuresTheRoundTrip() throws Exception {
    RawClient client = connect(startRecording());
    Connection connection = recorder.awaitOpen();
    assertTrue(connection.webSocket().roundTripTime().isEmpty());
    assertEquals(SendResult.ACCEPTED, connection.webSocket().ping());
    ServerFrame ping = client.readFrame();
    assertEquals(Frame.PING, ping.opcode(), ping::toString);
    client.write(Frame.of(Frame.PONG, ping.payload()));
    Deadline.until(() -> connection.webSocket().roundTripTime().isPresent(), "a round trip");
    Duration roundTrip = connection.webSocket().roundTripTime().orElseThrow();
    assertTrue(roundTrip.toNanos() > 0 && roundTrip.compareTo(Deadline.WAIT) < 0, "" + roundTrip);
  }
}
