// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.SendException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every way to send, from the loop and from elsewhere, and what a send answers. */
public abstract class SendSuite extends EngineSuite {

  private static final Limits ROOMY =
      Limits.defaults().withHighWaterMarkBytes(128 << 20).withMaxMessageBytes(8 << 20);

  private final Recorder recorder = new Recorder();

  /** A way to send the bytes of ASCII text. */
  enum Way {
    BUFFER {
      @Override
      SendResult send(Connection connection, byte[] ascii) {
        return connection.send(ByteBuffer.wrap(ascii));
      }
    },
    DIRECT_BUFFER {
      @Override
      SendResult send(Connection connection, byte[] ascii) {
        return connection.send(ByteBuffer.allocateDirect(ascii.length).put(ascii).flip());
      }
    },
    TEXT {
      @Override
      SendResult send(Connection connection, byte[] ascii) {
        return connection.send(new String(ascii, StandardCharsets.US_ASCII));
      }
    },
    LEASE {
      @Override
      SendResult send(Connection connection, byte[] ascii) {
        Lease lease = connection.lease(Math.max(1, ascii.length));
        lease.buffer().put(ascii);
        return connection.send(lease);
      }
    };

    abstract SendResult send(Connection connection, byte[] ascii);

    int opcode() {
      return this == TEXT ? Frame.TEXT : Frame.BINARY;
    }
  }

  private static byte[] ascii(int length, int stamp) {
    byte[] ascii = new byte[length];
    for (int i = 0; i < length; i++) {
      ascii[i] = (byte) ('!' + (i * 7 + stamp) % 94);
    }
    return ascii;
  }

  private static final int[] SIZES = {
    0,
    1,
    125,
    126,
    127,
    2047,
    2048,
    2049,
    65_535,
    65_536,
    (256 << 10) - 15,
    (256 << 10) - 14,
    (256 << 10) - 13,
    256 << 10,
    1 << 20,
    5 << 20
  };

  @ParameterizedTest
  @EnumSource(Way.class)
  void everySizeFromTheHandler(Way way) throws Exception {
    Handler handler =
        (connection, message) -> {
          for (int size : SIZES) {
            accept(way.send(connection, ascii(size, size)));
          }
        };
    RawClient client = connect(start(server().limits(ROOMY).route("/", handler)));
    for (int run = 0; run < 3; run++) {
      client.write(Frame.text("go"));
      for (int size : SIZES) {
        client.expect(way.opcode(), ascii(size, size));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Way.class)
  void everySizeFromAnotherThread(Way way) throws Exception {
    RawClient client = connect(start(server().limits(ROOMY).route("/", recorder)));
    Connection connection = recorder.awaitOpen();
    for (int run = 0; run < 3; run++) {
      for (int size : SIZES) {
        accept(way.send(connection, ascii(size, size)));
      }
      for (int size : SIZES) {
        client.expect(way.opcode(), ascii(size, size));
      }
    }
  }

  private static void accept(SendResult result) {
    if (result != SendResult.ACCEPTED) {
      throw new AssertionError("not accepted: " + result);
    }
  }

  /** More than the send area, the command ring and an iovec hold, in one handler call. */
  @Test
  void moreSendsInOneTurnThanAnyRingHolds() throws Exception {
    int count = 12_000;
    Random random = Seed.random("one turn");
    int[] sizes = random.ints(count, 0, 300).toArray();
    Way[] ways = new Way[count];
    for (int i = 0; i < count; i++) {
      ways[i] = Way.values()[random.nextInt(Way.values().length)];
    }
    Handler handler =
        (connection, message) -> {
          for (int i = 0; i < count; i++) {
            if (i % 1000 == 0) {
              accept(connection.send(message));
            }
            accept(ways[i].send(connection, ascii(sizes[i], i)));
          }
        };
    RawClient client = connect(start(server().limits(ROOMY).route("/", handler)));
    client.write(Frame.text("go"));
    for (int i = 0; i < count; i++) {
      if (i % 1000 == 0) {
        client.expectText("go");
      }
      client.expect(ways[i].opcode(), ascii(sizes[i], i));
    }
  }

  @Test
  void bytesAreTakenBeforeSendReturns() throws Exception {
    ByteBuffer reused = ByteBuffer.allocate(20);
    Handler handler =
        (connection, message) -> {
          for (int i = 0; i < 10; i++) {
            reused.clear().put(("number " + i + "     ").getBytes(StandardCharsets.US_ASCII));
            reused.position(2).limit(8);
            accept(connection.send(reused));
            assertEquals(2, reused.position());
            assertEquals(8, reused.limit());
          }
          ByteBuffer readOnly = ByteBuffer.allocateDirect(3).put(new byte[] {1, 2, 3}).flip();
          accept(connection.send(readOnly.asReadOnlyBuffer()));
        };
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.text("go"));
    for (int i = 0; i < 10; i++) {
      client.expectBinary(("mber " + i).getBytes(StandardCharsets.US_ASCII));
    }
    client.expectBinary(new byte[] {1, 2, 3});
  }

  @Test
  void textIsEncodedAsUtf8WhateverHoldsIt() throws Exception {
    List<CharSequence> texts =
        List.of(
            "",
            "ascii",
            "latin \u00e9\u00ff\u0080",
            "wide \u0800\u20ac\uffff\ufeff",
            "pair \ud83d\ude80\udbff\udfff",
            new StringBuilder("builder \u20ac"),
            CharBuffer.wrap("-char buffer \u00e9-").subSequence(1, 14),
            "\u0000\u007f\u0080\u07ff",
            "\u20ac".repeat(100_000),
            "a".repeat(99_999) + "\ud83d\ude80");
    Handler handler =
        (connection, message) -> {
          for (CharSequence text : texts) {
            accept(connection.send(text));
          }
        };
    Server server = start(server().limits(ROOMY).route("/", handler).route("/out", recorder));
    RawClient client = connect(server);
    client.write(Frame.text("go"));
    RawClient other = connect(server, "/out");
    Connection connection = recorder.awaitOpen();
    for (CharSequence text : texts) {
      accept(connection.send(text));
      client.expectText(text.toString());
      other.expectText(text.toString());
    }
  }

  @Test
  void loneSurrogateThrowsWithItsIndexAndSendsNothing() throws Exception {
    RawClient client = connect(start(server().route("/", recorder)));
    Connection connection = recorder.awaitOpen();
    BlockingQueue<String> onLoop = new LinkedBlockingQueue<>();
    for (String text : List.of("ab\ud83d", "ab\ud83dc", "ab\ude80c", "ab\ude80\ud83d")) {
      String here =
          assertThrows(IllegalArgumentException.class, () -> connection.send(text)).getMessage();
      assertTrue(here.contains("2"), "the index is told: " + here);
      connection.execute(
          () ->
              onLoop.add(
                  assertThrows(IllegalArgumentException.class, () -> connection.send(text))
                      .getMessage()));
      assertEquals(here, Deadline.take(onLoop, "the same on the loop"));
    }
    accept(connection.send("fine"));
    client.expectText("fine");
  }

  /** Of a class of the application's, which may answer anything. */
  private record Unsized(int length) implements CharSequence {
    @Override
    public char charAt(int index) {
      return 'x';
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return this;
    }
  }

  @Test
  void textThatIsNoneThrowsAndSendsNothing() throws Exception {
    RawClient client = connect(start(server().route("/", recorder)));
    Connection connection = recorder.awaitOpen();
    BlockingQueue<String> onLoop = new LinkedBlockingQueue<>();
    for (int length : new int[] {-1, -5, Integer.MIN_VALUE}) {
      CharSequence text = new Unsized(length);
      String here =
          assertThrows(IllegalArgumentException.class, () -> connection.send(text)).getMessage();
      assertTrue(here.contains("length=" + length), here);
      connection.execute(
          () ->
              onLoop.add(
                  assertThrows(IllegalArgumentException.class, () -> connection.send(text))
                      .getMessage()));
      assertEquals(here, Deadline.take(onLoop, "the same on the loop"));
    }
    CharSequence none = null;
    String named =
        assertThrows(NullPointerException.class, () -> connection.send(none)).getMessage();
    assertEquals("text", named);
    accept(connection.send("fine"));
    client.expectText("fine");
  }

  /** Eight threads, four loops: complete, in each thread's order, nobody else's bytes. */
  @Test
  void eightThreadsToConnectionsOnOtherLoops() throws Exception {
    int connections = 12;
    int threads = 8;
    int each = 400;
    Server server = start(server().loops(4).route("/{number}", recorder));
    List<RawClient> clients = new ArrayList<>();
    List<Connection> opened = new ArrayList<>();
    for (int i = 0; i < connections; i++) {
      clients.add(connect(server, "/" + i));
      opened.add(recorder.awaitOpen());
    }
    List<Task> tasks = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int thread = t;
      tasks.add(Task.start("sender " + t, () -> sendStamped(opened, thread, each)));
    }
    for (int i = 0; i < connections; i++) {
      int number = i;
      tasks.add(
          Task.start(
              "reader " + i, () -> Stamp.readAll(clients.get(number), number, threads, each)));
    }
    for (Task task : tasks) {
      task.join();
    }
  }

  private static void sendStamped(List<Connection> connections, int thread, int each)
      throws Exception {
    Random random = Seed.random("sender " + thread);
    for (int sequence = 0; sequence < each; sequence++) {
      for (Connection connection : connections) {
        int target = Integer.parseInt(connection.handshake().parameter("number"));
        byte[] bytes = Stamp.of(target, thread, sequence, random.nextInt(1500));
        Way way = Way.values()[random.nextInt(2) * 3];
        Deadline.until(
            () -> {
              SendResult result = way.send(connection, bytes);
              assertTrue(result == SendResult.ACCEPTED || result == SendResult.REFUSED);
              return result == SendResult.ACCEPTED;
            },
            "room for a message");
      }
    }
  }

  @Test
  void everyThreadsSendAndCloseKeepTheirOrder() throws Exception {
    Server server = start(server().loops(2).limits(ROOMY).route("/", recorder));
    for (int run = 0; run < 50; run++) {
      RawClient client = connect(server);
      Connection connection = recorder.awaitOpen();
      for (int i = 0; i < 20; i++) {
        accept(connection.send("message " + i));
      }
      connection.close(4000, "last");
      for (int i = 0; i < 20; i++) {
        client.expectText("message " + i);
      }
      client.expectCloseAndEnd(4000);
      client.close();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 200, 70_000, 1_000_000})
  void retainedMessageIsSentLaterByAnotherThread(int size) throws Exception {
    BlockingQueue<Lease> leases = new LinkedBlockingQueue<>();
    Handler handler = (connection, message) -> leases.add(message.retain());
    Server server = start(server().limits(ROOMY).route("/in", handler).route("/out", recorder));
    RawClient in = connect(server, "/in");
    RawClient out = connect(server, "/out");
    Connection connection = recorder.awaitOpen();
    List<Lease> kept = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      int opcode = i % 2 == 0 ? Frame.BINARY : Frame.TEXT;
      in.write(Frame.of(opcode, ascii(size, i)));
      kept.add(Deadline.take(leases, "a lease"));
    }
    in.close(); // the leases outlive the connection they came from
    for (int i = 0; i < 10; i++) {
      Lease lease = kept.get(i);
      assertEquals(size, lease.length());
      assertEquals(i % 2 == 0 ? Message.Kind.BINARY : Message.Kind.TEXT, lease.kind());
      assertTrue(lease.buffer().isReadOnly());
      byte[] read = new byte[size];
      lease.buffer().duplicate().clear().get(read);
      assertArrayEquals(ascii(size, i), read);
      accept(connection.send(lease));
      out.expect(i % 2 == 0 ? Frame.BINARY : Frame.TEXT, ascii(size, i));
    }
  }

  @Test
  void leaseIsOwnedOnceAndThrowsAfterwards() throws Exception {
    RawClient client = connect(start(server().route("/", recorder)));
    Connection connection = recorder.awaitOpen();
    Lease sent = connection.lease(100);
    assertTrue(sent.capacity() >= 100);
    assertSame(sent.buffer(), sent.buffer());
    assertTrue(sent.buffer().isDirect());
    sent.buffer().put("lease".getBytes(StandardCharsets.US_ASCII));
    assertEquals(5, sent.length());
    accept(connection.send(sent));
    assertThrowsEverywhere(sent);
    assertThrows(IllegalStateException.class, () -> connection.send(sent));
    assertThrows(IllegalStateException.class, () -> connection.sendAsync(sent));
    sent.close();
    sent.close();
    Lease closed = connection.lease(1);
    closed.close();
    closed.close();
    assertThrowsEverywhere(closed);
    assertThrows(IllegalStateException.class, () -> connection.send(closed));
    client.expectBinary("lease".getBytes(StandardCharsets.US_ASCII));
  }

  private static void assertThrowsEverywhere(Lease lease) {
    assertThrows(IllegalStateException.class, lease::buffer);
    assertThrows(IllegalStateException.class, lease::capacity);
    assertThrows(IllegalStateException.class, lease::length);
    assertThrows(IllegalStateException.class, lease::offset);
    assertThrows(IllegalStateException.class, lease::kind);
    assertThrows(IllegalStateException.class, () -> lease.range(0, 0));
  }

  @Test
  void leaseSendsItsRange() throws Exception {
    RawClient client = connect(start(server().route("/", recorder)));
    Connection connection = recorder.awaitOpen();
    Lease lease = connection.lease(64);
    assertThrows(IllegalArgumentException.class, () -> lease.range(-1, 1));
    assertThrows(IllegalArgumentException.class, () -> lease.range(0, -1));
    assertThrows(IllegalArgumentException.class, () -> lease.range(1, lease.capacity()));
    assertThrows(
        IllegalArgumentException.class, () -> lease.range(Integer.MAX_VALUE, Integer.MAX_VALUE));
    for (int i = 0; i < 64; i++) {
      lease.buffer().put(i, (byte) i);
    }
    accept(connection.send(lease.range(60, 4)));
    client.expectBinary(new byte[] {60, 61, 62, 63});
    Lease empty = connection.lease(64);
    accept(connection.send(empty.range(64, 0)));
    client.expectBinary(new byte[0]);
    for (int capacity : new int[] {0, -1, Integer.MIN_VALUE, (256 << 20) + 1, Integer.MAX_VALUE}) {
      assertThrows(IllegalArgumentException.class, () -> connection.lease(capacity));
    }
  }

  @Test
  void sendAllKeepsOrderAndIsAllOrNone() throws Exception {
    BlockingQueue<Throwable> onLoop = new LinkedBlockingQueue<>();
    Server server = start(server().limits(ROOMY).route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    sendAll(connection);
    connection.execute(
        () -> {
          try {
            sendAll(connection);
          } catch (Throwable failure) {
            onLoop.add(failure);
          }
        });
    for (int run = 0; run < 2; run++) {
      for (int i = 0; i < 20; i++) {
        client.expectBinary(ascii(i * 3000, i));
      }
      client.expectText("behind");
    }
    assertTrue(onLoop.isEmpty(), () -> "on the loop: " + onLoop);
  }

  private static void sendAll(Connection connection) {
    List<Lease> leases = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      Lease lease = connection.lease(i * 3000 + 1);
      lease.buffer().put(ascii(i * 3000, i));
      leases.add(lease);
    }
    Lease spoiled = connection.lease(1);
    spoiled.close();
    List<Lease> withSpoiled = new ArrayList<>(leases);
    withSpoiled.add(spoiled);
    assertThrows(IllegalStateException.class, () -> connection.sendAll(withSpoiled));
    Lease twice = connection.lease(1);
    assertThrows(IllegalStateException.class, () -> connection.sendAll(List.of(twice, twice)));
    twice.close();
    assertEquals(3000, leases.get(1).length(), "none was consumed");
    accept(connection.sendAll(leases));
    assertThrows(IllegalStateException.class, () -> connection.sendAll(leases));
    accept(connection.send("behind"));
  }

  @Test
  void sendAsyncCompletesWhenTheKernelHasIt() throws Exception {
    RawClient client = connect(start(server().limits(ROOMY).route("/", recorder)));
    Connection connection = recorder.awaitOpen();
    Lease lease = connection.lease(3);
    lease.buffer().put(new byte[] {1, 2, 3});
    Deadline.await(connection.sendAsync(lease), "a lease to be sent");
    Deadline.await(connection.sendAsync("text"), "text to be sent");
    Deadline.await(connection.sendAsync(ByteBuffer.wrap(new byte[] {4})), "bytes to be sent");
    client.expectBinary(new byte[] {1, 2, 3});
    client.expectText("text");
    client.expectBinary(new byte[] {4});
  }

  @Test
  void sendAsyncFailsWhenTheConnectionEndsFirst() throws Exception {
    Server server = start(server().limits(ROOMY).route("/", recorder));
    RawClient client = closeLater(RawClient.connectSlow(address(server), "/"));
    Connection connection = recorder.awaitOpen();
    CompletionStage<Void> pending = connection.sendAsync(ByteBuffer.allocate(32 << 20));
    Deadline.until(() -> connection.bufferedBytes() > 0, "bytes that the kernel does not take");
    assertFalse(pending.toCompletableFuture().isDone());
    client.reset();
    assertEquals(SendResult.CLOSED, failureOf(pending));
    recorder.awaitClose();
    assertEquals(SendResult.CLOSED, failureOf(connection.sendAsync("late")));
    Lease lease = retry(() -> connection.lease(1));
    if (lease != null) {
      assertEquals(SendResult.CLOSED, failureOf(connection.sendAsync(lease)));
      assertThrowsEverywhere(lease);
    }
  }

  private static SendResult failureOf(CompletionStage<Void> stage) throws Exception {
    return assertThrows(SendException.class, () -> Deadline.await(stage, "the end of a send"))
        .result();
  }

  /** A lease of a connection that has ended may be given or denied; both are documented. */
  private static Lease retry(java.util.function.Supplier<Lease> lease) {
    try {
      return lease.get();
    } catch (IllegalStateException ended) {
      return null;
    }
  }

  @Test
  void flushSendsWithinTheHandler() throws Exception {
    CountDownLatch arrived = new CountDownLatch(1);
    Handler handler =
        (connection, message) -> {
          accept(connection.send("early"));
          accept(connection.send(message));
          connection.flush();
          Deadline.await(arrived, "the client to have it while the handler runs");
          accept(connection.send(message)); // still valid behind a flush
          accept(connection.send("late"));
        };
    RawClient client = connect(start(server().route("/", handler)));
    client.write(Frame.text("go"));
    client.expectText("early");
    client.expectText("go");
    arrived.countDown();
    client.expectText("go");
    client.expectText("late");
  }

  @Test
  void everySendToAClosedConnectionAnswersClosed() throws Exception {
    Server server = start(server().route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.close(1000, "");
    assertEveryWayIsClosed(connection);
    client.expectCloseAndEnd(1000);
    client.close();
    recorder.awaitClose();
    assertEveryWayIsClosed(connection);
    connection.pause();
    connection.resume();
    connection.flush();
    connection.close();
    assertEquals(SendResult.CLOSED, connection.webSocket().ping());
    assertEquals(0, connection.bufferedBytes());
  }

  /** Who sends as long as he may must come to an end, though nothing is told within a handler. */
  @Test
  void whoSendsUntilItIsNotAcceptedEndsWhenThePeerIsGone() throws Exception {
    int enough = 300_000;
    CompletableFuture<Void> gone = new CompletableFuture<>();
    CompletableFuture<Integer> sent = new CompletableFuture<>();
    Server server = start(server().route("/", recorder));
    RawClient client = connect(server);
    Connection connection = recorder.awaitOpen();
    connection.execute(
        () -> {
          gone.join();
          int accepted = 0;
          while (accepted < enough && connection.send("more") == SendResult.ACCEPTED) {
            accepted++;
          }
          sent.complete(accepted);
        });
    client.reset();
    gone.complete(null);
    int accepted = Deadline.await(sent, "the sends to end");
    assertTrue(accepted < enough, "sends to nobody are accepted for ever");
    recorder.awaitClose();
  }

  private static void assertEveryWayIsClosed(Connection connection) {
    assertEquals(SendResult.CLOSED, connection.send("text"));
    assertEquals(SendResult.CLOSED, connection.send(ByteBuffer.allocate(10)));
    Lease lease = retry(() -> connection.lease(10));
    if (lease != null) {
      assertEquals(SendResult.CLOSED, connection.send(lease));
      assertThrowsEverywhere(lease);
    }
    assertFalse(connection.isOpen());
    assertFalse(connection.isWritable());
  }

  @Test
  void callersMistakesThrowAtOnce() throws Exception {
    RawClient client = connect(start(server().route("/", recorder)));
    Connection connection = recorder.awaitOpen();
    for (int code : new int[] {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, -1, 66_536}) {
      IllegalArgumentException thrown =
          assertThrows(IllegalArgumentException.class, () -> connection.close(code, ""));
      assertTrue(thrown.getMessage().contains("" + code), thrown.getMessage());
    }
    IllegalArgumentException tooLong =
        assertThrows(
            IllegalArgumentException.class, () -> connection.close(1000, "\u20ac".repeat(42)));
    assertTrue(tooLong.getMessage().contains("126"), tooLong.getMessage());
    assertTrue(tooLong.getMessage().contains("123"), tooLong.getMessage());
    assertThrows(IllegalArgumentException.class, () -> connection.close(1000, "lone \ud83d"));
    accept(connection.send("still open"));
    client.expectText("still open");
    connection.close(1000, "\u20ac".repeat(41));
    assertEquals("\u20ac".repeat(41), client.expectClose(1000).closeReason());
  }

  @Test
  void interruptedSenderKeepsItsConnection() throws Exception {
    RawClient client = connect(start(server().route("/", recorder)));
    Connection connection = recorder.awaitOpen();
    Thread.currentThread().interrupt();
    accept(connection.send("interrupted"));
    assertTrue(Thread.interrupted(), "the interrupt is still the caller's");
    client.expectText("interrupted");
    client.write(Frame.text("alive"));
    recorder.awaitMessage();
  }
}
