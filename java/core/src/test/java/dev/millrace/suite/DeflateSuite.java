// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseCode;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.HandlerExecutor;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.LoopStatistics;
import dev.millrace.MemoryArea;
import dev.millrace.Message;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** permessage-deflate (RFC 7692) as a peer meets it: what is agreed on, and what then happens. */
public abstract class DeflateSuite extends EngineSuite {

  private static final String NAME = "permessage-deflate";
  private static final Compression PLAIN = Compression.enabled();
  private static final Compression TAKEOVER = PLAIN.withContextTakeover(true);
  private static final int LIMIT = 1 << 20;

  private final Random random = Seed.random("deflate suite");

  private Server start(Compression compression, Handler handler) throws Exception {
    return start(server().route("/", handler).compression(compression));
  }

  private Server startEcho(Compression compression) throws Exception {
    return start(compression, ECHO);
  }

  private DeflateClient deflating(Server server, String parameters) throws Exception {
    return closeLater(DeflateClient.connect(address(server), "/", NAME + parameters));
  }

  private DeflateClient echo(Compression compression, String parameters) throws Exception {
    return deflating(startEcho(compression), parameters);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Text that shrinks, and refers far back. */
  private byte[] text(int length) {
    byte[] text = new byte[length];
    for (int at = 0; at < length; ) {
      byte[] word = utf8("\"field" + random.nextInt(500) + "\":" + random.nextInt(100) + ",");
      int count = Math.min(word.length, length - at);
      System.arraycopy(word, 0, text, at, count);
      at += count;
    }
    return text;
  }

  // ---- What is agreed on.

  @Test
  void offUnlessAskedFor() throws Exception {
    Server server = startEcho();
    RawClient client = closeLater(RawClient.open(address(server)));
    client.write(UpgradeRequestText.to("/").with("Sec-WebSocket-Extensions", NAME).bytes());
    assertNull(client.expectAccepted().headers().get("Sec-WebSocket-Extensions"));
    client.write(Frame.of(Frame.TEXT, new byte[1]).withReservedBits(4));
    client.expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
  }

  @Test
  void whoOffersNothingIsNotCompressed() throws Exception {
    RawClient client = connect(startEcho(TAKEOVER), "/");
    String text = "a".repeat(1000);
    client.write(Frame.text(text)).expectText(text);
    client.write(Frame.of(Frame.TEXT, new byte[1]).withReservedBits(4));
    client.expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | ''",
        "; client_max_window_bits | ''",
        "; server_max_window_bits=12; client_no_context_takeover"
            + " | ; client_no_context_takeover; server_max_window_bits=12",
        "; client_max_window_bits=8; server_max_window_bits=\"8\"; server_no_context_takeover"
            + " | ; server_no_context_takeover; server_max_window_bits=8; client_max_window_bits=8",
        "; client_max_window_bits=7, permessage-deflate; server_no_context_takeover"
            + " | ; server_no_context_takeover",
      })
  void theFirstLegalOfferIsAgreedTo(String offer, String answer) throws Exception {
    DeflateClient client = echo(TAKEOVER, offer);
    assertEquals(NAME + answer, client.answer());
    client.sendText("hello").expectText("hello");
  }

  @Test
  void anIllegalOfferIsDeclined() throws Exception {
    Server server = startEcho(TAKEOVER);
    for (String offer :
        List.of("; x", "; server_max_window_bits=7", "; client_no_context_takeover=1", "=", ";")) {
      RawClient client = closeLater(RawClient.open(address(server)));
      client.write(
          UpgradeRequestText.to("/").with("Sec-WebSocket-Extensions", NAME + offer).bytes());
      assertNull(client.expectAccepted().headers().get("Sec-WebSocket-Extensions"), offer);
      client.write(Frame.text("plain")).expectText("plain");
    }
  }

  /** CVE-2026-29035: what is offered is never used before it was looked at. */
  @Test
  void cve_2026_2229_offeredWindowBits() throws Exception {
    Server server = startEcho(TAKEOVER);
    for (int bits = 0; bits < 100; bits++) {
      for (String side : List.of("server", "client")) {
        String offer = NAME + "; " + side + "_max_window_bits=" + bits;
        try (RawClient client = RawClient.open(address(server))) {
          client.write(UpgradeRequestText.to("/").with("Sec-WebSocket-Extensions", offer).bytes());
          boolean agreed =
              client.expectAccepted().headers().containsKey("Sec-WebSocket-Extensions");
          assertEquals(bits >= 8 && bits <= 15, agreed, offer);
          client.write(Frame.text("plain")).expectText("plain");
        }
      }
    }
  }

  // ---- Windows and takeover.

  @ParameterizedTest
  @CsvSource({
    "8, 8", "9, 8", "8, 9", "10, 10", "11, 15", "12, 12", "13, 9", "14, 14", "15, 8", "15, 15"
  })
  void everyWindowIsHonouredWithTakeoverOrWithout(int serverBits, int clientBits) throws Exception {
    Server server = startEcho(TAKEOVER.withThresholdBytes(1));
    for (String takeover :
        List.of(
            "",
            "; server_no_context_takeover",
            "; client_no_context_takeover",
            "; server_no_context_takeover; client_no_context_takeover")) {
      DeflateClient client =
          deflating(
              server,
              takeover
                  + "; server_max_window_bits="
                  + serverBits
                  + "; client_max_window_bits="
                  + clientBits);
      for (int length : new int[] {0, 1, 60, 257, 700, 5000, 70_000}) {
        byte[] message = text(length);
        client.send(Frame.TEXT, message).expect(Frame.TEXT, message);
        client.send(Frame.BINARY, message).expect(Frame.BINARY, message);
      }
    }
  }

  @Test
  void withTakeoverWhatWasSentBeforeIsReferredTo() throws Exception {
    DeflateClient client = echo(TAKEOVER, "");
    byte[] message = Seed.bytes(random, 800);
    client.raw().write(Frame.binary(message));
    int first = client.raw().readMessage().payload().length;
    client.raw().write(Frame.binary(message));
    ServerFrame second = client.raw().readMessage();
    assertTrue(first >= 800 && second.payload().length < 100, first + " " + second);
  }

  @Test
  void withoutTakeoverItIsNot() throws Exception {
    DeflateClient client = echo(PLAIN, "");
    assertEquals(
        NAME + "; server_no_context_takeover; client_no_context_takeover", client.answer());
    byte[] message = text(800);
    client.raw().write(Frame.binary(message));
    ServerFrame first = client.raw().readMessage();
    client.raw().write(Frame.binary(message));
    assertTrue(first.compressed());
    assertArrayEquals(first.payload(), client.raw().readMessage().payload());
  }

  @Test
  void aClientThatMayNotReferToWhatItSentIsHeldToIt() throws Exception {
    DeflateClient client = echo(TAKEOVER, "; client_no_context_takeover");
    byte[] message = Seed.bytes(random, 800);
    DeflateClient other = echo(TAKEOVER, "");
    byte[] first = other.compress(message);
    byte[] second = other.compress(message);
    client.raw().write(Frame.of(Frame.BINARY, first).withReservedBits(4));
    client.expect(Frame.BINARY, message);
    client.raw().write(Frame.of(Frame.BINARY, second).withReservedBits(4));
    client.raw().expectCloseAndEnd(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
  }

  @Test
  void plainMessagesBetweenChangeNoWindow() throws Exception {
    DeflateClient client = echo(TAKEOVER, "");
    for (int i = 0; i < 20; i++) {
      byte[] message = text(200);
      client.send(Frame.TEXT, message).expect(Frame.TEXT, message);
      client.raw().write(Frame.binary(new byte[] {(byte) i}));
      assertFalse(client.expect(Frame.BINARY, new byte[] {(byte) i}).compressed());
      client.raw().write(Frame.ping("ping " + i));
      client.raw().expectPongs("ping " + i);
    }
  }

  // ---- What is compressed.

  @Test
  void whatIsShorterThanTheThresholdIsNot() throws Exception {
    DeflateClient client = echo(PLAIN.withThresholdBytes(100), "");
    assertFalse(client.sendText("a".repeat(99)).expectText("a".repeat(99)).compressed());
    assertTrue(client.sendText("a".repeat(100)).expectText("a".repeat(100)).compressed());
    DeflateClient everything = echo(TAKEOVER.withThresholdBytes(0), "");
    assertFalse(everything.sendText("").expectText("").compressed());
    assertTrue(everything.sendText("a").expectText("a").compressed());
  }

  @Test
  void whatWouldNotShrinkIsNotUnlessItsContextLivesOn() throws Exception {
    byte[] message = Seed.bytes(random, 3000);
    assertFalse(echo(PLAIN, "").send(Frame.BINARY, message).expect(2, message).compressed());
    assertTrue(echo(TAKEOVER, "").send(Frame.BINARY, message).expect(2, message).compressed());
    byte[] large = Seed.bytes(random, 300_000);
    assertFalse(echo(PLAIN, "").send(Frame.BINARY, large).expect(2, large).compressed());
    assertTrue(echo(TAKEOVER, "").send(Frame.BINARY, large).expect(2, large).compressed());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whoSaysSoSendsItAsItIs(boolean onTheLoop) throws Exception {
    SendOptions plain = SendOptions.defaults().withCompress(false);
    SendOptions compressed = SendOptions.defaults().withCompress(true);
    String text = "z".repeat(200);
    Recorder recorder =
        new Recorder() {
          @Override
          public void onMessage(Connection connection, Message message) throws Exception {
            if (onTheLoop) {
              assertEquals(SendResult.ACCEPTED, connection.send(message, plain));
              sendAll(connection);
            }
          }

          @Override
          public void onOpen(Connection connection) throws Exception {
            super.onOpen(connection);
          }
        };
    DeflateClient client = deflating(start(TAKEOVER, recorder), "");
    Connection connection = recorder.awaitOpen();
    if (onTheLoop) {
      assertFalse(client.sendText(text).expectText(text).compressed());
    } else {
      sendAll(connection);
    }
    for (boolean expected : new boolean[] {false, true, false, true, false, true}) {
      assertEquals(expected, client.readMessage().compressed());
    }
    connection.defaultSendOptions(plain);
    connection.send(text);
    connection.send(text, compressed);
    assertFalse(client.readMessage().compressed());
    assertTrue(client.readMessage().compressed());
  }

  private static void sendAll(Connection connection) {
    SendOptions plain = SendOptions.defaults().withCompress(false);
    SendOptions compressed = SendOptions.defaults();
    for (SendOptions options : List.of(plain, compressed)) {
      connection.send("z".repeat(200), options);
    }
    for (SendOptions options : List.of(plain, compressed)) {
      connection.send(ByteBuffer.wrap(new byte[5000]), options);
    }
    for (SendOptions options : List.of(plain, compressed)) {
      Lease lease = connection.lease(5000);
      lease.buffer().put(new byte[5000]);
      connection.send(lease, options);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everySendCompresses(boolean takeover) throws Exception {
    Recorder recorder = new Recorder();
    Compression compression = PLAIN.withContextTakeover(takeover);
    DeflateClient client = deflating(start(compression, recorder), "");
    Connection connection = recorder.awaitOpen();
    for (int length : new int[] {100, 3000, 40_000, 200_000}) {
      byte[] message = text(length);
      connection.send(new String(message, StandardCharsets.UTF_8));
      connection.send(ByteBuffer.wrap(message).asReadOnlyBuffer());
      Lease lease = connection.lease(length);
      lease.buffer().put(message);
      connection.send(lease);
      CompletableFuture<Void> sent =
          connection.sendAsync(ByteBuffer.wrap(message)).toCompletableFuture();
      CompletableFuture<Void> text =
          connection.sendAsync(new String(message, StandardCharsets.UTF_8)).toCompletableFuture();
      Lease one = connection.lease(length);
      one.buffer().put(message);
      Lease two = connection.lease(length);
      two.buffer().put(message);
      connection.sendAll(List.of(one, two));
      for (int opcode : new int[] {1, 2, 2, 2, 1, 2, 2}) {
        assertTrue(client.expect(opcode, message).compressed());
      }
      Deadline.await(sent, "sendAsync of bytes");
      Deadline.await(text, "sendAsync of text");
    }
  }

  @Test
  void handlersOnAnExecutorAnswerCompressed() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    closeLater(executor::shutdown);
    Server server =
        start(server().route("/", ECHO, HandlerExecutor.of(executor)).compression(TAKEOVER));
    DeflateClient client = deflating(server, "");
    for (int length : new int[] {100, 3000, 40_000, 200_000}) {
      byte[] message = text(length);
      assertTrue(client.send(Frame.TEXT, message).expect(Frame.TEXT, message).compressed());
    }
  }

  @Test
  void whatIsKeptOfACompressedMessageStays() throws Exception {
    List<Lease> kept = new CopyOnWriteArrayList<>();
    Handler keeper =
        (connection, message) -> {
          kept.add(message.retain());
          connection.send(message);
        };
    DeflateClient client = deflating(start(PLAIN, keeper), "");
    List<byte[]> sent = List.of(text(100), text(70_000), text(100), text(300_000), text(65_536));
    for (byte[] message : sent) {
      client.send(Frame.TEXT, message).expect(Frame.TEXT, message);
    }
    for (int i = 0; i < sent.size(); i++) {
      try (Lease lease = kept.get(i)) {
        ByteBuffer bytes = lease.buffer().duplicate();
        byte[] copy = new byte[lease.length()];
        bytes.get(lease.offset(), copy);
        assertArrayEquals(sent.get(i), copy);
      }
    }
  }

  // ---- Messages in pieces.

  @Test
  void aCompressedMessageMayComeInFragments() throws Exception {
    DeflateClient client = echo(TAKEOVER, "");
    for (int fragment : new int[] {1, 2, 3, 7, 100, 1000}) {
      byte[] message = text(2000);
      client.sendFragments(Frame.TEXT, client.compress(message), fragment);
      client.expect(Frame.TEXT, message);
    }
    byte[] message = text(500_000);
    client.sendFragments(Frame.BINARY, client.compress(message), 20_000);
    client.expect(Frame.BINARY, message);
  }

  @Test
  void controlFramesAndEmptyFragmentsMayStandBetween() throws Exception {
    DeflateClient client = echo(TAKEOVER, "");
    byte[] payload = client.compress(utf8("hello, hello"));
    client
        .raw()
        .write(
            Frame.of(Frame.TEXT, new byte[0]).withReservedBits(4).unfinished(),
            Frame.ping("between"),
            Frame.continuation(Arrays.copyOf(payload, 3)).unfinished(),
            Frame.continuation(new byte[0]).unfinished(),
            Frame.ping("again"),
            Frame.continuation(Arrays.copyOfRange(payload, 3, payload.length)).unfinished(),
            Frame.continuation(new byte[0]));
    client.expectText("hello, hello");
    client.raw().expectPongs("between", "again");
  }

  @Test
  void bytesMayComeOneByOne() throws Exception {
    DeflateClient client = echo(TAKEOVER, "");
    for (int i = 0; i < 3; i++) {
      byte[] message = text(150);
      byte[] stream = Frame.of(Frame.TEXT, client.compress(message)).withReservedBits(4).bytes();
      for (int at = 0; at < stream.length; at++) {
        client.raw().write(stream, at, at + 1);
      }
      client.expect(Frame.TEXT, message);
    }
  }

  // ---- Blocks.

  @ParameterizedTest
  @CsvSource({
    "f248cdc9c90700, Hello", // RFC 7692 7.2.3.1
    "000500faff48656c6c6f00, Hello", // 7.2.3.3
    "f348cdc9c9070000, Hello", // 7.2.3.4
    "f24805000000ffffcac9c90700, Hello", // 7.2.3.5
    "00, ''", // 7.2.3.6
    "0200, ''",
    "f348cdc9c90700, Hello",
    "010500faff48656c6c6f, Hello",
    "f348cdc9c90700f348cdc9c90700, HelloHello",
    "f348cdc9c90700f248cdc9c90700, HelloHello",
    "01, ''"
  })
  void everyFormOfAStreamIsUnderstood(String payload, String text) throws Exception {
    for (String takeover : List.of("", "; client_no_context_takeover")) {
      DeflateClient client = echo(TAKEOVER, takeover);
      for (int i = 0; i < 3; i++) {
        Frame frame = Frame.of(Frame.TEXT, HexFormat.of().parseHex(payload));
        client.raw().write(frame.withReservedBits(4));
        client.expectText(text);
      }
      client.sendText("and on").expectText("and on");
    }
  }

  @Test
  void theSecondMessageOfTheExample() throws Exception {
    DeflateClient client = echo(TAKEOVER, "");
    for (String payload : List.of("f248cdc9c90700", "f200110000")) { // 7.2.3.2
      Frame frame = Frame.of(Frame.TEXT, HexFormat.of().parseHex(payload));
      client.raw().write(frame.withReservedBits(4));
      client.expectText("Hello");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "07",
        "ff",
        "000500faff48656c",
        "00000000",
        "f248cdc9",
        "f200110000",
        "05e0ff"
      })
  void whatDoesNotInflateIs1007(String payload) throws Exception {
    for (String takeover : List.of("", "; client_no_context_takeover")) {
      Recorder recorder = new Recorder();
      DeflateClient client = deflating(start(TAKEOVER, recorder), takeover);
      Frame frame = Frame.of(Frame.BINARY, HexFormat.of().parseHex(payload));
      client.raw().write(frame.withReservedBits(4));
      client.raw().expectCloseAndEnd(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
      client.close();
      assertTrue(recorder.awaitClose().text().contains("inflated"));
      assertEquals(0, recorder.deliveries());
    }
  }

  @Test
  void textThatInflatesToNoTextIs1007() throws Exception {
    for (int length : new int[] {1, 5000, 100_000}) {
      byte[] message = text(length);
      message[length - 1] = (byte) 0xC3;
      DeflateClient client = echo(PLAIN, "");
      client.send(Frame.BINARY, message).expect(Frame.BINARY, message);
      client.send(Frame.TEXT, message);
      client.raw().expectCloseAndEnd(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
    }
  }

  /** Whatever comes, the connection closes in order or goes on, and others are served. */
  @Test
  void hostilePayloads() throws Exception {
    Server server = startEcho(TAKEOVER);
    DeflateClient witness = deflating(server, "");
    for (int i = 0; i < 60; i++) {
      DeflateClient client = deflating(server, i % 2 == 0 ? "" : "; client_no_context_takeover");
      byte[] payload = client.compress(text(random.nextInt(300)));
      payload[random.nextInt(payload.length)] ^= (byte) (1 << random.nextInt(8));
      if (i % 3 == 0) {
        payload = Seed.bytes(random, 1 + random.nextInt(40));
      }
      client.raw().write(Frame.of(Frame.BINARY, payload).withReservedBits(4));
      client.raw().write(Frame.close(1000, ""));
      ServerFrame frame = client.readMessage();
      if (frame.opcode() == Frame.BINARY) {
        client.raw().expectCloseAndEnd(1000);
      } else {
        assertEquals(CloseCode.INVALID_FRAME_PAYLOAD_DATA, frame.closeCode());
      }
      client.close();
      witness.sendText("still here").expectText("still here");
    }
  }

  // ---- RSV1 (RFC 7692 6).

  @Test
  void rsv1StandsOnlyInFrontOfAMessage() throws Exception {
    byte[] payload = HexFormat.of().parseHex("f248cdc9c90700");
    List<List<Frame>> broken =
        List.of(
            List.of(Frame.ping("p").withReservedBits(4)),
            List.of(Frame.pong("p").withReservedBits(4)),
            List.of(Frame.close().withReservedBits(4)),
            List.of(Frame.of(Frame.TEXT, payload).withReservedBits(2)),
            List.of(Frame.of(Frame.TEXT, payload).withReservedBits(6)),
            List.of(Frame.of(Frame.TEXT, payload).withReservedBits(5)),
            List.of(
                Frame.of(Frame.TEXT, payload).withReservedBits(4).unfinished(),
                Frame.continuation(new byte[0]).withReservedBits(4)),
            List.of(
                Frame.text("plain").unfinished(), Frame.continuation(payload).withReservedBits(4)));
    Recorder recorder = new Recorder();
    Server server = start(TAKEOVER, recorder);
    for (List<Frame> frames : broken) {
      DeflateClient client = deflating(server, "");
      client.raw().write(frames.toArray(Frame[]::new));
      client.raw().expectCloseAndEnd(CloseCode.PROTOCOL_ERROR);
    }
    assertEquals(0, recorder.deliveries());
  }

  // ---- Limits.

  /** CVE-2026-1526 and its likes: a limit on what comes is none on what it becomes. */
  @ParameterizedTest
  @ValueSource(strings = {"", "; client_no_context_takeover"})
  void aBombEndsAtTheLimit(String takeover) throws Exception {
    Recorder recorder = new Recorder();
    Server server = start(TAKEOVER, recorder);
    DeflateClient client = deflating(server, takeover);
    byte[] bomb = client.compress(new byte[64 << 20]);
    assertTrue(bomb.length < 80_000, "of a length that no limit forbids: " + bomb.length);
    byte[] prepared = Frame.of(Frame.BINARY, bomb).withReservedBits(4).bytes();

    long begin = System.nanoTime();
    client.raw().write(prepared);
    client.raw().expectClose(CloseCode.MESSAGE_TOO_BIG);
    long nanos = System.nanoTime() - begin;

    client.raw().expectEnd();
    client.close();
    recorder.awaitClose();
    assertEquals(0, recorder.deliveries());
    LoopStatistics loop = server.statistics().get(0);
    long most = loop.highWater(MemoryArea.BLOCKS);
    assertTrue(most <= LIMIT + (64 << 10), "bytes of blocks: " + most);
    // Milliseconds; the rest is for a machine that does ten things at once.
    assertTrue(nanos < 1_000_000_000, "it took " + nanos + " ns");
  }

  @Test
  void aBombThatBeginsHarmlesslyEndsAtTheLimit() throws Exception {
    byte[] message = new byte[8 << 20];
    System.arraycopy(Seed.bytes(random, 100_000), 0, message, 0, 100_000);
    Server server = startEcho(PLAIN);
    for (int fragment : new int[] {1 << 20, 5000}) {
      DeflateClient client = deflating(server, "");
      client.sendFragments(Frame.BINARY, client.compress(message), fragment);
      client.raw().expectCloseAndEnd(CloseCode.MESSAGE_TOO_BIG);
    }
    long most = server.statistics().get(0).highWater(MemoryArea.BLOCKS);
    assertTrue(most <= LIMIT + (512 << 10), "bytes of blocks: " + most);
  }

  /** It only begins as if it were one. */
  @Test
  void whatLooksLikeABombButFitsIsDelivered() throws Exception {
    byte[] message = new byte[LIMIT];
    System.arraycopy(Seed.bytes(random, 60_000), 0, message, LIMIT - 60_000, 60_000);
    for (String takeover : List.of("", "; client_no_context_takeover")) {
      DeflateClient client = echo(TAKEOVER, takeover);
      for (int i = 0; i < 3; i++) {
        client.send(Frame.BINARY, message).expect(Frame.BINARY, message);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 64 << 10, (64 << 10) + 1, 200_000})
  void theLimitItselfIsNotTooBig(int limit) throws Exception {
    Server server =
        start(
            server()
                .route("/", ECHO)
                .compression(TAKEOVER)
                .limits(Limits.defaults().withMaxMessageBytes(limit)));
    DeflateClient client = deflating(server, "");
    byte[] message = text(limit);
    client.send(Frame.TEXT, message).expect(Frame.TEXT, message);
    client.send(Frame.TEXT, message).expect(Frame.TEXT, message);
    client.send(Frame.TEXT, text(limit + 1));
    client.raw().expectCloseAndEnd(CloseCode.MESSAGE_TOO_BIG);
  }

  @Test
  void theLimitHoldsForTheCompressedLengthToo() throws Exception {
    DeflateClient client = echo(PLAIN, "");
    Frame frame = Frame.of(Frame.BINARY, new byte[0]).withReservedBits(4);
    client.raw().write(frame.declaring(LIMIT + 1).header());
    client.raw().expectCloseAndEnd(CloseCode.MESSAGE_TOO_BIG);
  }

  // ---- The budget.

  @Test
  void whatTheBudgetDoesNotHoldIsAgreedToWithoutTakeover() throws Exception {
    long both = (1 << 17) + (1 << 17) + (8 << 10) + (1 << 15) + (8 << 10);
    Server server = startEcho(TAKEOVER.withMemoryBudgetBytes(both));
    DeflateClient first = deflating(server, "");
    DeflateClient second = deflating(server, "");
    assertEquals(NAME, first.answer());
    assertEquals(
        NAME + "; server_no_context_takeover; client_no_context_takeover", second.answer());
    for (int i = 0; i < 3; i++) {
      byte[] message = text(500);
      first.send(Frame.TEXT, message).expect(Frame.TEXT, message);
      second.send(Frame.TEXT, message).expect(Frame.TEXT, message);
    }
    first.raw().write(Frame.close(1000, ""));
    first.raw().expectCloseAndEnd(1000);
    first.close();
    Deadline.until(() -> server.connectionCount() == 1, "the first is gone");
    assertEquals(NAME, deflating(server, "").answer());
    assertEquals(
        NAME + "; server_no_context_takeover; client_no_context_takeover",
        deflating(server, "").answer());
  }

  @Test
  void whoGoesAwayGivesItsShareBack() throws Exception {
    long both = (1 << 17) + (1 << 17) + (8 << 10) + (1 << 15) + (8 << 10);
    Server server = startEcho(TAKEOVER.withMemoryBudgetBytes(both));
    for (int i = 0; i < 20; i++) {
      DeflateClient client = deflating(server, "");
      assertEquals(NAME, client.answer());
      client.sendText("x".repeat(100)).expectText("x".repeat(100));
      client.raw().reset();
      awaitNoConnections(server);
    }
  }

  /** lws#1362: what is compressed last is not looked at when its connection is gone. */
  @Test
  void whoGoesAwayMeanwhileHarmsNobody() throws Exception {
    byte[] message = text(200_000);
    Handler flood =
        (connection, received) -> {
          for (int i = 0; i < 40; i++) {
            connection.send(ByteBuffer.wrap(message));
          }
        };
    Server server = start(server().route("/", ECHO).route("/flood", flood).compression(TAKEOVER));
    DeflateClient witness = deflating(server, "");
    for (int i = 0; i < 20; i++) {
      DeflateClient client = DeflateClient.connect(address(server), "/flood", NAME);
      client.sendText("go");
      if (i % 2 == 0) {
        client.readMessage();
      }
      client.sendFragments(Frame.BINARY, Arrays.copyOf(client.compress(message), 5000), 100);
      client.raw().reset();
      client.close();
      witness.sendText("still here").expectText("still here");
    }
    Deadline.until(() -> server.connectionCount() == 1, "the witness alone");
  }

  /** A deflater that nobody ends is 256 KiB outside of what the garbage collector sees. */
  @Test
  void whoGoesAwayLeavesNoMemory() throws Exception {
    Assumptions.assumeTrue(ResidentMemory.isTold());
    Server server = startEcho(TAKEOVER);
    openAndCut(server, 50);
    long before = ResidentMemory.bytesOutsideTheHeap();
    openAndCut(server, 300);
    long grown = ResidentMemory.bytesOutsideTheHeap() - before;
    assertTrue(grown < 30 << 20, "bytes after 300 connections: " + grown);
  }

  private void openAndCut(Server server, int connections) throws Exception {
    byte[] message = text(1000);
    for (int i = 0; i < connections; i++) {
      try (DeflateClient client = DeflateClient.connect(address(server), "/", NAME)) {
        client.send(Frame.TEXT, message).expect(Frame.TEXT, message);
        client.raw().reset();
      }
    }
    awaitNoConnections(server);
  }
}
