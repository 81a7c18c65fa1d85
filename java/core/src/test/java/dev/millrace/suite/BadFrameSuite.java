// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.CloseReason.Initiator;
import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.ServerStatistics;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Frames that break a rule. Whatever the rule, the outcome has one shape: echoes queued before
 * arrive, then one Close frame with the code of the rule, then the end; nothing of the bad message,
 * and nothing behind it, reaches the handler.
 */
public abstract class BadFrameSuite extends EngineSuite {

  private static final int MAX_MESSAGE = 1 << 20;
  private static final byte[] NONE = {};

  private final Recorder recorder =
      new Recorder() {
        @Override
        public void onMessage(Connection connection, Message message) throws Exception {
          super.onMessage(connection, message);
          ECHO.onMessage(connection, message);
        }
      };

  private static Arguments bad(String name, int code, byte[]... stream) {
    return Arguments.of(Named.of(name, Frame.join(stream)), code);
  }

  private static Arguments bad(String name, int code, Frame... frames) {
    return bad(name, code, RawClient.bytesOf(frames));
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] hex(String digits) {
    return HexFormat.of().parseHex(digits.replace(" ", ""));
  }

  static Stream<Arguments> badStreams() {
    List<Arguments> cases = new ArrayList<>();
    addMasks(cases);
    addBitsAndOpcodes(cases);
    addLengths(cases);
    addControlFrames(cases);
    addFragments(cases);
    addText(cases);
    return cases.stream();
  }

  private static void addMasks(List<Arguments> cases) {
    int code = CloseCode.PROTOCOL_ERROR;
    cases.add(bad("5.1 facil.io-169 unmasked text", code, Frame.text("no").unmasked()));
    cases.add(bad("5.1 unmasked empty text", code, Frame.text("").unmasked()));
    cases.add(bad("5.1 unmasked binary", code, Frame.binary(new byte[300]).unmasked()));
    cases.add(bad("5.1 unmasked ping", code, Frame.ping("p").unmasked()));
    cases.add(bad("5.1 unmasked close", code, Frame.close(1000, "").unmasked()));
    cases.add(
        bad(
            "5.1 unmasked continuation",
            code,
            Frame.text("a").unfinished(),
            Frame.continuation(utf8("b")).unmasked()));
  }

  private static void addBitsAndOpcodes(List<Arguments> cases) {
    int code = CloseCode.PROTOCOL_ERROR;
    for (int bits = 1; bits <= 7; bits++) {
      cases.add(bad("5.2 RSV " + bits, code, Frame.text("rsv").withReservedBits(bits)));
      cases.add(bad("5.2 RSV " + bits + " on ping", code, Frame.ping("").withReservedBits(bits)));
    }
    cases.add(
        bad(
            "5.2 RSV1 on a continuation",
            code,
            Frame.text("a").unfinished(),
            Frame.continuation(utf8("b")).withReservedBits(4)));
    for (int opcode : new int[] {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
      cases.add(bad("5.2 opcode " + opcode, code, Frame.of(opcode, utf8("x"))));
      cases.add(
          bad(
              "CVE-2026-19204 opcode " + opcode + " with a huge length, header only",
              code,
              Frame.of(opcode, NONE).declaring(1L << 40).header()));
    }
  }

  private static void addLengths(List<Arguments> cases) {
    int wrong = CloseCode.PROTOCOL_ERROR;
    int big = CloseCode.MESSAGE_TOO_BIG;
    cases.add(bad("5.2 0 in 16 bits", wrong, Frame.binary(NONE).withLengthBits(16)));
    cases.add(bad("5.2 125 in 16 bits", wrong, Frame.binary(new byte[125]).withLengthBits(16)));
    cases.add(bad("5.2 0 in 64 bits", wrong, Frame.binary(NONE).withLengthBits(64)));
    cases.add(bad("5.2 125 in 64 bits", wrong, Frame.binary(new byte[125]).withLengthBits(64)));
    cases.add(
        bad("5.2 65535 in 64 bits", wrong, Frame.binary(new byte[65_535]).withLengthBits(64)));
    long[] tooBig = {
      MAX_MESSAGE + 1,
      (1L << 31) - 1,
      1L << 31,
      (1L << 31) + 1,
      (1L << 32) - 1,
      1L << 32,
      (1L << 32) + 5,
      Long.MAX_VALUE - 3,
      Long.MAX_VALUE
    };
    for (long length : tooBig) {
      String name = " declared length " + length + ", header only";
      cases.add(bad("CVE-2020-27813" + name, big, Frame.binary(NONE).declaring(length).header()));
      cases.add(bad("CVE-2020-13935" + name, big, Frame.text("").declaring(length).header()));
      cases.add(
          bad(
              "CVE-2026-1528 continuation with" + name,
              big,
              Frame.text("a").unfinished().bytes(),
              Frame.continuation(NONE).declaring(length).header()));
    }
    for (long length : new long[] {Long.MIN_VALUE, Long.MIN_VALUE + 5, -4, -1}) {
      cases.add(
          bad(
              "nopoll-84 length " + Long.toUnsignedString(length) + ", header only",
              wrong,
              Frame.binary(NONE).declaring(length).header()));
    }
  }

  private static void addControlFrames(List<Arguments> cases) {
    int code = CloseCode.PROTOCOL_ERROR;
    for (int opcode : new int[] {Frame.CLOSE, Frame.PING, Frame.PONG}) {
      String name = "5.5 control frame " + opcode;
      cases.add(bad(name + " not final", code, Frame.of(opcode, NONE).unfinished()));
      cases.add(bad(name + " of 126 bytes", code, Frame.of(opcode, new byte[126])));
      cases.add(bad(name + " of 65536 bytes", code, Frame.of(opcode, new byte[65_536])));
      cases.add(
          bad(
              name + " of 2^63-1 bytes, header only",
              code,
              Frame.of(opcode, NONE).declaring(Long.MAX_VALUE).header()));
      cases.add(
          bad(name + " of 0 bytes in 16 bits", code, Frame.of(opcode, NONE).withLengthBits(16)));
    }
  }

  private static void addFragments(List<Arguments> cases) {
    int code = CloseCode.PROTOCOL_ERROR;
    cases.add(bad("5.4 continuation of nothing", code, Frame.continuation(utf8("x"))));
    cases.add(
        bad("5.4 unfinished continuation of nothing", code, Frame.continuation(NONE).unfinished()));
    for (int opcode : new int[] {Frame.TEXT, Frame.BINARY}) {
      cases.add(
          bad(
              "5.4 new message " + opcode + " inside a message",
              code,
              Frame.text("a").unfinished(),
              Frame.of(opcode, utf8("b"))));
    }
  }

  private static void addText(List<Arguments> cases) {
    int code = CloseCode.INVALID_FRAME_PAYLOAD_DATA;
    String[] malformed = {
      "80",
      "bf",
      "c0 af",
      "c1 bf",
      "e0 80 af",
      "e0 9f bf",
      "f0 80 80 af",
      "f0 8f bf bf",
      "ed a0 80",
      "ed bf bf",
      "f4 90 80 80",
      "f5 80 80 80",
      "f8 88 80 80 80",
      "fe",
      "ff",
      "c3 28",
      "e2 82 28",
      "e2 28 a1",
      "f0 9f 9a 28",
      "61 62 63 ff"
    };
    for (String bytes : malformed) {
      cases.add(bad("8.1 text " + bytes, code, Frame.of(Frame.TEXT, hex(bytes))));
      cases.add(
          bad(
              "8.1 fail fast, unfinished fragment " + bytes,
              code,
              Frame.of(Frame.TEXT, hex(bytes)).unfinished()));
      cases.add(
          bad(
              "8.1 fail fast, unfinished frame " + bytes,
              code,
              firstBytesOf(Frame.of(Frame.TEXT, padded(hex(bytes), 5000)), 100)));
      cases.add(
          bad(
              "8.1 second fragment " + bytes,
              code,
              Frame.text("good").unfinished(),
              Frame.continuation(hex(bytes))));
    }
    for (String bytes : new String[] {"c3", "e2 82", "f0 9f", "f0 9f 9a", "61 62 63 e2"}) {
      cases.add(bad("8.1 text ends early " + bytes, code, Frame.of(Frame.TEXT, hex(bytes))));
      cases.add(
          bad(
              "8.1 fragmented text ends early " + bytes,
              code,
              Frame.of(Frame.TEXT, hex(bytes)).unfinished(),
              Frame.continuation(NONE)));
    }
  }

  private static byte[] padded(byte[] start, int length) {
    byte[] padded = new byte[length];
    Arrays.fill(padded, (byte) 'a');
    System.arraycopy(start, 0, padded, 0, start.length);
    return padded;
  }

  private static byte[] firstBytesOf(Frame frame, int count) {
    return Arrays.copyOf(frame.bytes(), count);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badStreams")
  void ruleBroken(byte[] stream, int code) throws Exception {
    RawClient client = connect(startRecording());
    client.write(Frame.join(Frame.text("before").bytes(), Frame.ping("p").bytes(), stream));
    expectRefusal(client, code);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badStreams")
  void ruleBrokenAndMoreBehindIt(byte[] stream, int code) throws Exception {
    RawClient client = connect(startRecording());
    byte[] behind =
        RawClient.bytesOf(Frame.text("behind"), Frame.ping("behind"), Frame.close(1000, "behind"));
    client.write(Frame.join(Frame.text("before").bytes(), Frame.ping("p").bytes(), stream, behind));
    expectRefusal(client, code);
  }

  /** Short streams cut at each byte, each on a connection of its own. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("badStreams")
  void ruleBrokenAndCut(byte[] bad, int code) throws Exception {
    byte[] stream = Frame.join(Frame.text("before").bytes(), Frame.ping("p").bytes(), bad);
    int last = Math.min(stream.length, 60);
    Server server = startRecording();
    try (LoopProbe probe = new LoopProbe(server, "/probe")) {
      for (int cut = stream.length - bad.length; cut < last; cut++) {
        try (RawClient client = RawClient.connect(address(server), "/")) {
          probe.writeCut(client, stream, cut);
          client.expectText("before");
          client.expectPongs("p");
          client.expectCloseAndEnd(code);
        }
        assertEquals(code, recorder.awaitClose().code());
        assertEquals("before", new String(recorder.awaitMessage().payload(), "UTF-8"));
      }
    }
    assertEquals(last - (stream.length - bad.length), recorder.deliveries());
  }

  private Server startRecording() throws Exception {
    return start(server().route("/", recorder).route("/probe", ECHO));
  }

  private void expectRefusal(RawClient client, int code) throws Exception {
    client.expectText("before");
    client.expectPongs("p");
    client.expectCloseAndEnd(code);
    client.close();
    CloseReason reason = recorder.awaitClose();
    assertEquals(code, reason.code());
    assertEquals(Initiator.LOCAL, reason.initiator());
    assertEquals(1, recorder.deliveries(), "deliveries: " + recorder.order());
  }

  /** Java-WebSocket-1508: the limit holds for the sum of fragments. */
  @Test
  void javaWebSocket_1508_fragmentsWhoseSumIsTooBig() throws Exception {
    RawClient client = connect(startRecording());
    CompletableFuture<Void> writing =
        client.writeMeanwhile(
            RawClient.bytesOf(
                Frame.text("before"),
                Frame.ping("p"),
                Frame.binary(new byte[600_000]).unfinished(),
                Frame.continuation(new byte[600_000])));
    expectRefusal(client, CloseCode.MESSAGE_TOO_BIG);
    Deadline.await(
        writing.handle((done, failure) -> true), "the write, which the server may cut short");
  }

  @Test
  void messageOfExactlyTheLimitIsTaken() throws Exception {
    byte[] payload = Seed.bytes(Seed.random("limit"), MAX_MESSAGE);
    RawClient client = connect(startRecording());
    CompletableFuture<Void> writing =
        client.writeMeanwhile(
            RawClient.bytesOf(
                Frame.binary(payload),
                Frame.binary(Arrays.copyOf(payload, 600_000)).unfinished(),
                Frame.continuation(Arrays.copyOfRange(payload, 600_000, MAX_MESSAGE))));
    client.expectBinary(payload);
    client.expectBinary(payload);
    Deadline.await(writing, "the write");
  }

  /** CVE-2026-48779: many tiny fragments. */
  @Test
  void cve_2026_48779_tooManyFragments() throws Exception {
    Server server =
        start(server().limits(Limits.defaults().withMaxFragments(100)).route("/", recorder));
    Frame[] fragments = new Frame[100];
    for (int i = 0; i < fragments.length; i++) {
      Frame fragment = i == 0 ? Frame.text("f") : Frame.continuation(utf8("f"));
      fragments[i] = i == fragments.length - 1 ? fragment : fragment.unfinished();
    }
    RawClient client = connect(server);
    client.write(fragments);
    client.expectText("f".repeat(100));
    fragments[99].unfinished();
    client.write(fragments);
    client.write(Frame.continuation(utf8("one too many")));
    client.expectCloseAndEnd(CloseCode.POLICY_VIOLATION);
    assertEquals(1, recorder.deliveries());
  }

  /** Java-WebSocket-1499: a declared length costs nothing until bytes come. */
  @Test
  void javaWebSocket_1499_declaredLengthsHoldNoMemory() throws Exception {
    Server server =
        start(
            server().limits(Limits.defaults().withMaxMessageBytes(64 << 20)).route("/", recorder));
    byte[] head = Frame.binary(NONE).declaring(64 << 20).header();
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      clients.add(connect(server));
    }
    Growth growth = new Growth(server);
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      for (RawClient client : clients) {
        client.write(Frame.join(head, new byte[] {1}));
      }
      probe.awaitTurn();
      probe.awaitTurn();
    }
    growth.expectBelow(4 << 20); // 200 x 64 MiB was declared
    assertEquals(0, recorder.deliveries());
  }

  /** CVE-2026-48779: 60,000 fragments of one byte pin what their bytes are worth. */
  @Test
  void cve_2026_48779_tinyFragmentsPinLittle() throws Exception {
    Server server = startRecording();
    byte[][] fragments = new byte[60_000][];
    for (int i = 0; i < fragments.length; i++) {
      Frame fragment = i == 0 ? Frame.text("f") : Frame.continuation(new byte[] {'f'});
      fragments[i] = fragment.unfinished().bytes();
    }
    byte[] stream = Frame.join(fragments);
    List<RawClient> clients = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      clients.add(connect(server));
    }
    Growth growth = new Growth(server);
    for (RawClient client : clients) {
      client.write(stream);
      client.write(Frame.ping("read"));
      client.expectPongs("read"); // so everything before it was received
    }
    long payloads = clients.size() * 60_000L;
    growth.expectBelow(2 * payloads + clients.size() * (64L << 10));
    for (RawClient client : clients) {
      client.write(Frame.continuation(utf8("done")));
      client.expectText("f".repeat(60_000) + "done");
    }
  }

  /** What a server takes from now on: by its own count, and by the kernel's where that tells. */
  private record Growth(Server server, long counted, long resident) {

    /** What the JVM takes for itself meanwhile, outside of its heap. */
    private static final long JVM = 16 << 20;

    Growth(Server server) throws Exception {
      this(server, counted(server), residentNow());
    }

    private static long counted(Server server) {
      ServerStatistics now = new ServerStatistics();
      server.statistics(now);
      return now.memoryInUse();
    }

    private static long residentNow() throws Exception {
      return ResidentMemory.isTold() ? ResidentMemory.bytesOutsideTheHeap() : 0;
    }

    void expectBelow(long limit) throws Exception {
      long grown = counted(server) - counted;
      assertTrue(grown < limit, "grown by " + grown + " bytes as counted, limit " + limit);
      long residentGrown = residentNow() - resident;
      assertTrue(residentGrown < limit + JVM, "grown by " + residentGrown + " bytes resident");
    }
  }

  @Test
  void rfc6455_5_4_continuationBehindAWholeMessage() throws Exception {
    RawClient client = connect(startRecording());
    client.write(
        Frame.text("bef").unfinished(),
        Frame.continuation(utf8("ore")),
        Frame.ping("p"),
        Frame.continuation(utf8("one too many")));
    expectRefusal(client, CloseCode.PROTOCOL_ERROR);
  }

  @Test
  void badPeerHarmsNobodyElse() throws Exception {
    Server server = startRecording();
    RawClient good = connect(server, "/probe");
    RawClient bad = connect(server);
    good.write(Frame.text("half ").unfinished());
    bad.write(Frame.text("no").unmasked());
    bad.expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
    good.write(Frame.continuation(utf8("done")));
    good.expectText("half done");
  }
}
