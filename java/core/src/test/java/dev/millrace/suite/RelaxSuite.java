// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Message;
import dev.millrace.ProtocolRule;
import dev.millrace.Server;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Each {@link ProtocolRule}: enforced by default and whatever else is relaxed, not enforced when it
 * is relaxed itself; and that what has no name in that list cannot be relaxed.
 */
public abstract class RelaxSuite extends EngineSuite {

  private static final byte[] NONE = {};
  private static final byte[] BAD_UTF8 = {'b', 'a', 'd', (byte) 0xC3, '('};

  private final Recorder recorder =
      new Recorder() {
        @Override
        public void onMessage(Connection connection, Message message) throws Exception {
          texts.add(message.text());
          super.onMessage(connection, message);
        }
      };

  private final List<String> texts = new CopyOnWriteArrayList<>();

  private static ProtocolRule[] allBut(ProtocolRule rule) {
    return EnumSet.complementOf(EnumSet.of(rule)).toArray(new ProtocolRule[0]);
  }

  private Server startRelaxed(ProtocolRule... rules) throws Exception {
    return start(server().relax(rules).route("/", recorder).route("/echo", ECHO));
  }

  // ---- Frames.

  private static Arguments frames(ProtocolRule rule, int code, String name, Frame... frames) {
    return Arguments.of(rule, code, Named.of(name, RawClient.bytesOf(frames)));
  }

  /** Streams that break one rule and nothing else. */
  static Stream<Arguments> brokenFrames() {
    List<Arguments> cases = new ArrayList<>();
    int wrong = CloseCode.PROTOCOL_ERROR;
    int notText = CloseCode.INVALID_FRAME_PAYLOAD_DATA;
    Frame text = Frame.text("text");
    cases.add(frames(ProtocolRule.MASKED_FRAMES, wrong, "text", Frame.text("x").unmasked()));
    cases.add(
        frames(
            ProtocolRule.MASKED_FRAMES,
            wrong,
            "binary of 100 KB",
            Frame.binary(new byte[100_000]).unmasked()));
    cases.add(
        frames(
            ProtocolRule.MASKED_FRAMES,
            wrong,
            "fragments",
            Frame.text("a").unmasked().unfinished(),
            Frame.ping("p").unmasked(),
            Frame.continuation(new byte[] {'b'}).unmasked()));
    for (int bits = 1; bits < 8; bits++) {
      cases.add(
          frames(
              ProtocolRule.RESERVED_BITS,
              wrong,
              "bits " + bits,
              Frame.text("x").withReservedBits(bits)));
    }
    cases.add(
        frames(
            ProtocolRule.RESERVED_BITS, wrong, "ping", Frame.ping("p").withReservedBits(4), text));
    for (int opcode : new int[] {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
      cases.add(
          frames(
              ProtocolRule.RESERVED_OPCODES,
              wrong,
              "opcode " + opcode,
              Frame.of(opcode, "skipped".getBytes(StandardCharsets.UTF_8)),
              Frame.of(opcode, NONE),
              text));
    }
    cases.add(
        frames(
            ProtocolRule.RESERVED_OPCODES,
            wrong,
            "between fragments",
            Frame.text("te").unfinished(),
            Frame.of(5, new byte[300]),
            Frame.of(11, new byte[100]),
            Frame.continuation("xt".getBytes(StandardCharsets.UTF_8))));
    cases.add(
        frames(ProtocolRule.SHORTEST_LENGTH, wrong, "16 bits", Frame.text("x").withLengthBits(16)));
    cases.add(
        frames(ProtocolRule.SHORTEST_LENGTH, wrong, "64 bits", Frame.text("x").withLengthBits(64)));
    cases.add(
        frames(
            ProtocolRule.SHORTEST_LENGTH,
            wrong,
            "64 bits for 16",
            Frame.binary(new byte[60_000]).withLengthBits(64)));
    cases.add(frames(ProtocolRule.TEXT_UTF8, notText, "text", Frame.of(Frame.TEXT, BAD_UTF8)));
    cases.add(
        frames(
            ProtocolRule.TEXT_UTF8,
            notText,
            "fragments",
            Frame.of(Frame.TEXT, BAD_UTF8).unfinished(),
            Frame.continuation(new byte[] {(byte) 0xFF})));
    cases.add(
        frames(
            ProtocolRule.TEXT_UTF8,
            notText,
            "the last character cut",
            Frame.of(Frame.TEXT, new byte[] {'a', (byte) 0xE2, (byte) 0x82})));
    return cases.stream();
  }

  static Stream<Arguments> brokenCloses() {
    List<Arguments> cases = new ArrayList<>();
    int wrong = CloseCode.PROTOCOL_ERROR;
    cases.add(
        frames(
            ProtocolRule.CLOSE_LENGTH, wrong, "one byte", Frame.of(Frame.CLOSE, new byte[] {3})));
    for (int code : new int[] {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535}) {
      cases.add(frames(ProtocolRule.CLOSE_CODE, wrong, "code " + code, Frame.close(code, "why")));
    }
    cases.add(
        frames(
            ProtocolRule.CLOSE_REASON_UTF8,
            CloseCode.INVALID_FRAME_PAYLOAD_DATA,
            "reason",
            Frame.of(Frame.CLOSE, Frame.closeBody(1000, BAD_UTF8))));
    return cases.stream();
  }

  static Stream<Arguments> brokenStreams() {
    return Stream.concat(brokenFrames(), brokenCloses());
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("brokenStreams")
  void frameRuleIsEnforcedByDefaultAndWhateverElseIsRelaxed(
      ProtocolRule rule, int code, byte[] stream) throws Exception {
    for (ProtocolRule[] others : List.of(new ProtocolRule[0], allBut(rule))) {
      RawClient client = connect(startRelaxed(others));
      client.write(stream);
      client.expectCloseAndEnd(code);
      client.close();
      CloseReason reason = recorder.awaitClose();
      assertEquals(code, reason.code());
      assertEquals(Initiator.LOCAL, reason.initiator());
      assertEquals(0, recorder.deliveries(), "delivered");
    }
  }

  /** Whole, and cut at every one of its first bytes. */
  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("brokenFrames")
  void frameRuleThatIsRelaxedIsNotEnforced(ProtocolRule rule, int code, byte[] stream)
      throws Exception {
    Server server = startRelaxed(rule);
    try (LoopProbe probe = new LoopProbe(server, "/echo")) {
      for (int cut = 0; cut < Math.min(stream.length, 24); cut++) {
        RawClient client = connect(server);
        if (cut == 0) {
          client.write(stream);
        } else {
          probe.writeCut(client, stream, cut);
        }
        Recorder.Received received = recorder.awaitMessage();
        expectMessage(rule, received);
        client.write(Frame.text("and on"));
        assertEquals(
            "and on", new String(recorder.awaitMessage().payload(), StandardCharsets.UTF_8));
        client.write(Frame.close(1000, ""));
        ServerFrame close = client.readMessage();
        assertEquals(1000, close.closeCode(), close::toString);
        client.expectEnd();
        client.close();
        assertEquals(1000, recorder.awaitClose().code());
      }
    }
  }

  private void expectMessage(ProtocolRule rule, Recorder.Received received) {
    if (rule == ProtocolRule.TEXT_UTF8) {
      assertEquals(Message.Kind.TEXT, received.kind());
      assertTrue(received.payload().length >= 3, "the bytes as they came");
    } else if (rule == ProtocolRule.RESERVED_OPCODES) {
      assertEquals("text", new String(received.payload(), StandardCharsets.UTF_8));
    }
  }

  @Test
  void textThatIsNotUtf8IsReadAsFarAsItGoes() throws Exception {
    RawClient client = connect(startRelaxed(ProtocolRule.TEXT_UTF8));
    client.write(Frame.of(Frame.TEXT, BAD_UTF8), Frame.text("fine \u20ac"));
    assertArrayEquals(BAD_UTF8, recorder.awaitMessage().payload());
    recorder.awaitMessage();
    assertEquals(List.of("bad\uFFFD(", "fine \u20ac"), texts);
  }

  /** Longer than any message may be: it takes no memory, and nobody sees it. */
  @Test
  void frameOfAReservedOpcodeIsSkippedWhateverItsLength() throws Exception {
    Server server = startRelaxed(ProtocolRule.RESERVED_OPCODES);
    RawClient client = connect(server, "/echo");
    client.writeMeanwhile(
        RawClient.bytesOf(
            Frame.text("be").unfinished(),
            Frame.of(3, new byte[3 << 20]),
            Frame.continuation("hind".getBytes(StandardCharsets.UTF_8))));
    client.expectText("behind");
    client.write(Frame.of(11, new byte[100]).unfinished());
    client.expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
  }

  // ---- The closing handshake.

  @Test
  void closeOfOneByteIsAsOneOfNone() throws Exception {
    RawClient client = connect(startRelaxed(ProtocolRule.CLOSE_LENGTH));
    client.write(Frame.of(Frame.CLOSE, new byte[] {3}));
    client.expectCloseAndEnd(0);
    client.close();
    CloseReason reason = recorder.awaitClose();
    assertEquals(CloseCode.NO_STATUS_RECEIVED, reason.code());
    assertEquals(Initiator.PEER, reason.initiator());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535})
  void closeWithACodeThatMayNotBeSentIsAnsweredWithNone(int code) throws Exception {
    RawClient client = connect(startRelaxed(ProtocolRule.CLOSE_CODE));
    client.write(Frame.close(code, "why"));
    client.expectCloseAndEnd(0);
    client.close();
    CloseReason reason = recorder.awaitClose();
    assertEquals(code == 0 ? CloseCode.NO_STATUS_RECEIVED : code, reason.code());
    assertEquals("why", reason.text());
    assertEquals(Initiator.PEER, reason.initiator());
  }

  @Test
  void closeReasonThatIsNotUtf8IsReadAsFarAsItGoes() throws Exception {
    RawClient client = connect(startRelaxed(ProtocolRule.CLOSE_REASON_UTF8));
    client.write(Frame.of(Frame.CLOSE, Frame.closeBody(4000, BAD_UTF8)));
    client.expectCloseAndEnd(4000);
    client.close();
    CloseReason reason = recorder.awaitClose();
    assertEquals(4000, reason.code());
    assertEquals("bad\uFFFD(", reason.text());
  }

  // ---- The opening handshake.

  private static UpgradeRequestText upgrade() {
    return UpgradeRequestText.to("/echo");
  }

  private static Arguments request(
      ProtocolRule rule, int status, String name, UpgradeRequestText request) {
    return Arguments.of(rule, status, Named.of(name, request.bytes()));
  }

  static Stream<Arguments> brokenRequests() {
    return Stream.of(
        request(ProtocolRule.HOST_HEADER, 400, "none", upgrade().without("Host")),
        request(ProtocolRule.CONNECTION_HEADER, 400, "none", upgrade().without("Connection")),
        request(
            ProtocolRule.CONNECTION_HEADER,
            400,
            "another",
            upgrade().with("Connection", "keep-alive")),
        request(ProtocolRule.VERSION, 426, "none", upgrade().without("Sec-WebSocket-Version")),
        request(ProtocolRule.VERSION, 426, "8", upgrade().with("Sec-WebSocket-Version", "8")),
        request(ProtocolRule.VERSION, 426, "14", upgrade().with("Sec-WebSocket-Version", "14")));
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("brokenRequests")
  void requestRuleIsEnforcedUnlessItIsRelaxed(ProtocolRule rule, int status, byte[] request)
      throws Exception {
    for (ProtocolRule[] others : List.of(new ProtocolRule[0], allBut(rule))) {
      RawClient client = open(startRelaxed(others));
      client.write(request);
      assertEquals(status, client.readResponse().status());
      client.expectEnd();
    }
    RawClient client = open(startRelaxed(rule));
    client.write(request);
    client.expectAccepted();
    client.write(Frame.text("in")).expectText("in");
  }

  /** What page it came from cannot be told from another's: only a name helps (RFC 6455 10.2). */
  @Test
  void originWithoutHostIsAllowedByNameOnly() throws Exception {
    byte[] request = upgrade().without("Host").with("Origin", "http://localhost").bytes();
    RawClient refused = open(startRelaxed(ProtocolRule.HOST_HEADER));
    refused.write(request);
    assertEquals(403, refused.readResponse().status());
    Server named =
        start(
            server()
                .relax(ProtocolRule.HOST_HEADER)
                .allowOrigins("http://localhost")
                .route("/echo", ECHO));
    RawClient accepted = open(named);
    accepted.write(request);
    accepted.expectAccepted();
  }

  // ---- What has no name there.

  static Stream<Arguments> alwaysRefusedFrames() {
    int wrong = CloseCode.PROTOCOL_ERROR;
    return Stream.of(
        frames(null, wrong, "long ping", Frame.of(Frame.PING, new byte[126])),
        frames(null, wrong, "long close", Frame.of(Frame.CLOSE, new byte[126])),
        frames(null, wrong, "long reserved control frame", Frame.of(12, new byte[126])),
        frames(null, wrong, "fragmented ping", Frame.ping("p").unfinished()),
        frames(null, wrong, "fragmented reserved control frame", Frame.of(15, NONE).unfinished()),
        frames(null, wrong, "length of 2^63", Frame.binary(NONE).declaring(Long.MIN_VALUE)),
        frames(null, wrong, "continuation of nothing", Frame.continuation(new byte[1])),
        frames(null, wrong, "message in a message", Frame.text("a").unfinished(), Frame.text("b")),
        frames(
            null,
            CloseCode.MESSAGE_TOO_BIG,
            "message too big",
            Frame.binary(NONE).declaring((1 << 20) + 1)));
  }

  @ParameterizedTest(name = "{2}")
  @MethodSource("alwaysRefusedFrames")
  void whatBoundsMemoryOrMessagesIsAlwaysEnforced(ProtocolRule none, int code, byte[] stream)
      throws Exception {
    RawClient client = connect(startRelaxed(ProtocolRule.values()));
    client.write(stream);
    client.expectCloseAndEnd(code);
    assertEquals(0, recorder.deliveries());
  }

  static Stream<Arguments> alwaysRefusedRequests() {
    return Stream.of(
        request(null, 405, "method", upgrade().requestLine("POST /echo HTTP/1.1")),
        request(null, 505, "version of HTTP", upgrade().requestLine("GET /echo HTTP/1.0")),
        request(null, 400, "two Hosts", upgrade().with("HOST", "localhost")),
        request(null, 400, "no Upgrade", upgrade().without("Upgrade")),
        request(null, 400, "another Upgrade", upgrade().with("Upgrade", "h2c")),
        request(null, 400, "no key", upgrade().without("Sec-WebSocket-Key")),
        request(null, 400, "short key", upgrade().with("Sec-WebSocket-Key", "short")),
        request(null, 400, "body", upgrade().with("Content-Length", "5")),
        request(null, 400, "chunks", upgrade().with("Transfer-Encoding", "chunked")),
        request(null, 400, "syntax", upgrade().with("X-Name ", "value")));
  }

  @ParameterizedTest(name = "{2}")
  @MethodSource("alwaysRefusedRequests")
  void whatTwoServersCouldReadInTwoWaysIsAlwaysRefused(
      ProtocolRule none, int status, byte[] request) throws Exception {
    RawClient client = open(startRelaxed(ProtocolRule.values()));
    client.write(request);
    assertEquals(status, client.readResponse().status());
    client.expectEnd();
  }

  @ParameterizedTest
  @EnumSource
  void correctPeersAreServedWhateverIsRelaxed(ProtocolRule rule) throws Exception {
    RawClient client = connect(startRelaxed(rule), "/echo");
    client.write(
        Frame.text("te").unfinished(),
        Frame.ping("p"),
        Frame.continuation("xt".getBytes(StandardCharsets.UTF_8)),
        Frame.close(4000, "why"));
    client.expectText("text");
    client.expectPongs("p");
    client.expectCloseAndEnd(4000);
  }
}
