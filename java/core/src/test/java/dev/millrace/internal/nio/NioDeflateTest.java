// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.CloseCode;
import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.MemoryArea;
import dev.millrace.Server;
import dev.millrace.internal.protocol.MessageDeflater;
import dev.millrace.internal.protocol.ProtocolError;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.suite.Deadline;
import dev.millrace.suite.DeflateClient;
import dev.millrace.suite.DeflateSuite;
import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import dev.millrace.suite.Recorder;
import dev.millrace.suite.Seed;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class NioDeflateTest extends DeflateSuite {

  @Override
  protected Engine engine() {
    return Engine.JAVA;
  }

  private static MessageDeflater deflaterOf(Connection connection) throws Exception {
    CompletableFuture<MessageDeflater> deflater = new CompletableFuture<>();
    connection.execute(
        () -> deflater.complete(((NioConnection) connection).stream().deflation().deflater()));
    return Deadline.await(deflater, "the deflater");
  }

  private static void use(MessageDeflater deflater) {
    deflater.begin(ByteBuffer.allocate(8), 0, 8, 15, false);
    deflater.abandon();
  }

  /** Not by the garbage collector, which does not see how much it is. */
  @Test
  void aDeflaterEndsWithItsConnectionAndTheSharedOneWithItsLoop() throws Exception {
    Recorder recorder = new Recorder();
    Compression compression = Compression.enabled().withContextTakeover(true);
    try (Server server = server().route("/", recorder).compression(compression).start()) {
      String name = "permessage-deflate";
      DeflateClient one = closeLater(DeflateClient.connect(address(server), "/", name));
      MessageDeflater own = deflaterOf(recorder.awaitOpen());
      closeLater(
          DeflateClient.connect(address(server), "/", name + "; server_no_context_takeover"));
      MessageDeflater shared = deflaterOf(recorder.awaitOpen());
      assertThat(own).isNotSameAs(shared);
      use(own);
      one.raw().reset();
      recorder.awaitClose();
      assertThatThrownBy(() -> use(own)).hasMessageContaining("closed");
      server.shutdown(Duration.ZERO);
      assertThatThrownBy(() -> use(shared)).hasMessageContaining("closed");
    }
  }

  /** Where a message ends the turn of those who compress, and many of them come in one receive. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whoFloodsWhatInflatesTakesTurnsWithOthers(boolean othersCompress) throws Exception {
    int count = 12;
    List<Integer> order = new CopyOnWriteArrayList<>();
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch allAreThere = new CountDownLatch(1);
    Handler handler =
        (connection, message) -> {
          byte[] bytes = message.toByteArray();
          byte[] expected = new byte[bytes.length];
          Arrays.fill(expected, bytes[0]);
          order.add(Arrays.equals(expected, bytes) ? (int) bytes[0] : -1);
          entered.countDown();
          Deadline.await(allAreThere, "what the others send");
        };
    Server server = start(server().loops(1).route("/", handler).compression(Compression.enabled()));
    DeflateClient first = deflating(server);
    DeflateClient second = deflating(server);
    DeflateClient other = deflating(server);
    RawClient plain = connect(server, "/");
    first.raw().write(flood(first, 0, count));
    Deadline.await(entered, "the first message");
    second.raw().write(flood(second, count, count));
    if (othersCompress) {
      other.send(Frame.BINARY, new byte[] {100});
    } else {
      plain.write(Frame.binary(new byte[] {100}));
    }
    allAreThere.countDown();
    first.raw().expectPongs("behind");
    assertThat(order).filteredOn(number -> number < count).isEqualTo(range(0, count));
    second.raw().expectPongs("behind");
    assertThat(order)
        .filteredOn(number -> number >= count && number < 100)
        .isEqualTo(range(count, 2 * count));
    assertThat(order.subList(0, count / 2)).contains(100, count);
    assertThat(order.indexOf(count - 1)).isGreaterThan(count);
  }

  // ---- A message that takes many turns.

  /** As it may come: its payload in one receive, in fragments, or in many receives. */
  enum Coming {
    AT_ONCE,
    IN_FRAGMENTS,
    IN_MANY_RECEIVES;

    byte[] message() {
      byte[] message = new byte[LENGTH];
      if (this == IN_MANY_RECEIVES) {
        // Half of it is none that shrinks.
        System.arraycopy(Seed.bytes(new Random(1), LENGTH / 2), 0, message, 0, LENGTH / 2);
      }
      return message;
    }

    void send(DeflateClient client, byte[] message) throws Exception {
      if (this == IN_FRAGMENTS) {
        client.sendFragments(Frame.BINARY, client.compress(message), 100);
      } else {
        client.send(Frame.BINARY, message);
      }
    }
  }

  private static final int LENGTH = 1 << 20;

  private static NioLoop loopOf(Connection connection) {
    return ((NioConnection) connection).loop();
  }

  private static Stream streamOf(Connection connection) {
    return ((NioConnection) connection).stream();
  }

  /** Between two turns of a message that is being inflated, and has its block. */
  private static CompletableFuture<Void> inMidInflation(Connection connection, Step step) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    NioLoop loop = loopOf(connection);
    Stream stream = streamOf(connection);
    loop.post(
        new Runnable() {
          @Override
          public void run() {
            boolean isBegun = loop.codec().decompressor().stream() == stream;
            if (!isBegun || stream.intake().pinnedBytes() <= LENGTH) {
              loop.post(this);
              return;
            }
            try {
              step.run();
              done.complete(null);
            } catch (Throwable t) {
              done.completeExceptionally(t);
            }
          }
        });
    return done;
  }

  private interface Step {
    void run() throws Exception;
  }

  /** How many turns a message of a connection takes behind its first. */
  private static AtomicInteger countTurns(Connection connection) {
    AtomicInteger turns = new AtomicInteger();
    NioLoop loop = loopOf(connection);
    loop.post(
        new Runnable() {
          @Override
          public void run() {
            if (loop.codec().decompressor().stream() == streamOf(connection)) {
              turns.incrementAndGet();
            }
            loop.post(this);
          }
        });
    return turns;
  }

  private static void awaitReadable(Connection connection) throws Exception {
    try (Selector selector = Selector.open()) {
      streamOf(connection).channel().register(selector, SelectionKey.OP_READ);
      assertThat(selector.select(10_000)).isOne();
    }
  }

  private static long blockBytes(Server server) {
    return server.statistics().get(0).use(MemoryArea.BLOCKS);
  }

  private static void awaitNothingHeld(Server server) {
    Deadline.until(() -> blockBytes(server) == 0, "the blocks are given back");
    assertThat(server.statistics().get(0).inboundBytesPinned()).isZero();
  }

  private static void expect(Recorder recorder, byte[] message) throws Exception {
    assertThat(recorder.awaitMessage().payload()).isEqualTo(message);
  }

  private Server startOne(Handler handler) throws Exception {
    Compression compression = Compression.enabled().withContextTakeover(true);
    return start(server().loops(1).route("/", handler).compression(compression));
  }

  @ParameterizedTest
  @EnumSource(Coming.class)
  void othersAreServedBetweenTwoPartsOfALongMessage(Coming coming) throws Exception {
    Recorder recorder = new Recorder();
    Server server = startOne(recorder);
    DeflateClient client = deflating(server);
    Connection slow = recorder.awaitOpen();
    RawClient plain = connect(server, "/");
    Connection other = recorder.awaitOpen();
    byte[] message = coming.message();
    byte[] between = Seed.bytes(new Random(3), 4_000);
    CountDownLatch begun = new CountDownLatch(1);
    AtomicInteger turns = countTurns(slow);
    CompletableFuture<Void> waited =
        inMidInflation(
            slow,
            () -> {
              begun.countDown();
              awaitReadable(other);
            });

    coming.send(client, message);
    client.sendText("behind");
    client.raw().write(Frame.close(1000, ""));
    Deadline.await(begun, "the long message");
    plain.write(Frame.binary(between));
    Deadline.await(waited, "what the other has sent");

    expect(recorder, between);
    expect(recorder, message);
    expect(recorder, "behind".getBytes(StandardCharsets.UTF_8));
    client.raw().expectCloseAndEnd(1000);
    assertThat(turns.get()).isGreaterThanOrEqualTo(LENGTH / Decompressor.SLICE_BYTES - 1);
  }

  /** What comes to nothing is cut by what goes in. */
  @Test
  void othersAreServedBetweenTwoPartsOfEmptyBlocks() throws Exception {
    Recorder recorder = new Recorder();
    Server server = startOne(recorder);
    DeflateClient client = deflating(server);
    Connection slow = recorder.awaitOpen();
    byte[] block = {0, 0, 0, (byte) 0xff, (byte) 0xff};
    byte[] payload = new byte[200_000 * block.length + 1];
    for (int at = 0; at + block.length < payload.length; at += block.length) {
      System.arraycopy(block, 0, payload, at, block.length);
    }
    AtomicInteger turns = countTurns(slow);

    client.raw().write(Frame.binary(payload).withReservedBits(4));
    client.sendText("behind");

    expect(recorder, new byte[0]);
    expect(recorder, "behind".getBytes(StandardCharsets.UTF_8));
    assertThat(turns.get()).isGreaterThanOrEqualTo(payload.length / Decompressor.SLICE_BYTES - 1);
    awaitNothingHeld(server);
  }

  @Test
  void longMessagesOfManyAreAllInflated() throws Exception {
    Recorder recorder = new Recorder();
    Server server = startOne(recorder);
    List<DeflateClient> clients = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      clients.add(deflating(server));
      recorder.awaitOpen();
    }
    for (int round = 0; round < 2; round++) {
      for (DeflateClient client : clients) {
        byte number = (byte) clients.indexOf(client);
        for (Coming coming : Coming.values()) {
          byte[] message = coming.message();
          message[0] = number;
          message[LENGTH - 1] = number;
          coming.send(client, message);
        }
      }
      int[] next = new int[clients.size()];
      for (int i = 0; i < next.length * Coming.values().length; i++) {
        byte[] message = recorder.awaitMessage().payload();
        byte[] expected = Coming.values()[next[message[0]]++].message();
        expected[0] = message[0];
        expected[LENGTH - 1] = message[0];
        assertThat(message).isEqualTo(expected);
      }
    }
    awaitNothingHeld(server);
  }

  /** A step that comes when its client has sent everything: it may end what would be sent. */
  private static Step behind(CountDownLatch sent, Step step) {
    return () -> {
      Deadline.await(sent, "what comes behind");
      step.run();
    };
  }

  /** What ends a stream while a message of it is half inflated. */
  enum Cut {
    CLOSED,
    RESET,
    OUT_OF_MEMORY,
    BROKEN_RULE;

    void make(Connection connection) {
      Stream stream = streamOf(connection);
      switch (this) {
        case CLOSED -> connection.close();
        case RESET -> stream.end(0, true);
        case OUT_OF_MEMORY -> stream.giveWay();
        case BROKEN_RULE -> stream.fail(ProtocolError.IDLE);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Cut.class)
  void whoEndsInMidInflationGivesEverythingBack(Cut cut) throws Exception {
    Recorder recorder = new Recorder();
    Server server = startOne(recorder);
    DeflateClient other = deflating(server);
    recorder.awaitOpen();
    for (Coming coming : Coming.values()) {
      DeflateClient client = deflating(server);
      Connection connection = recorder.awaitOpen();
      CountDownLatch sent = new CountDownLatch(1);
      CompletableFuture<Void> done =
          inMidInflation(connection, behind(sent, () -> cut.make(connection)));
      coming.send(client, coming.message());
      client.sendText("behind");
      sent.countDown();
      Deadline.await(done, "the end");
      other.sendText("other");
      expect(recorder, "other".getBytes(StandardCharsets.UTF_8));
      client.close();
      recorder.awaitClose();
      awaitNothingHeld(server);
    }
  }

  @Test
  void aLoopThatEndsInMidInflationGivesEverythingBack() throws Exception {
    for (Coming coming : Coming.values()) {
      Recorder recorder = new Recorder();
      Server server = startOne(recorder);
      DeflateClient client = deflating(server);
      Connection connection = recorder.awaitOpen();
      NioLoop loop = loopOf(connection);
      CountDownLatch sent = new CountDownLatch(1);
      CompletableFuture<Void> done =
          inMidInflation(
              connection, behind(sent, () -> loop.shutdown(Duration.ZERO, Duration.ZERO)));
      coming.send(client, coming.message());
      client.sendText("behind");
      sent.countDown();
      Deadline.await(done, "the end");
      recorder.awaitClose();
      Deadline.join(loop.thread());
      long[] statistics = new long[LoopCounter.valueCount()];
      loop.readStatistics(statistics);
      assertThat(statistics[LoopCounter.BLOCK_BYTES_IN_USE.ordinal()]).isZero();
      assertThat(statistics[LoopCounter.INBOUND_BYTES_PINNED.ordinal()]).isZero();
      assertThat(recorder.deliveries()).isZero();
    }
  }

  /** Whoever is late is asked once more what it has sent, also while others inflate. */
  @Test
  void whatIsReadInMidInflationWaitsToBeInflated() throws Exception {
    Recorder recorder = new Recorder();
    Server server = startOne(recorder);
    DeflateClient client = deflating(server);
    Connection connection = recorder.awaitOpen();
    DeflateClient late = deflating(server);
    Connection other = recorder.awaitOpen();
    byte[] message = Seed.bytes(new Random(2), 60_000);
    byte[] frame = Frame.of(Frame.BINARY, late.compress(message)).withReservedBits(4).bytes();
    late.raw().write(Arrays.copyOf(frame, 20_000));
    Deadline.until(() -> other.pinnedBytes() >= 19_000, "the first part");
    CompletableFuture<Void> done =
        inMidInflation(
            connection,
            () -> {
              late.raw().write(Arrays.copyOfRange(frame, 20_000, frame.length));
              for (int i = 0; i < 2; i++) {
                awaitReadable(other);
                streamOf(other).readOnce();
              }
            });
    client.send(Frame.BINARY, Coming.AT_ONCE.message());
    Deadline.await(done, "what comes late");
    expect(recorder, Coming.AT_ONCE.message());
    expect(recorder, message);
  }

  /** The inflater is not kept from the others by one who takes nothing. */
  @ParameterizedTest
  @EnumSource(Coming.class)
  void whoPausesInMidInflationIsToldWhatHasBegunAndNothingBehindIt(Coming coming) throws Exception {
    Recorder recorder = new Recorder();
    Server server = startOne(recorder);
    DeflateClient client = deflating(server);
    Connection connection = recorder.awaitOpen();
    DeflateClient other = deflating(server);
    recorder.awaitOpen();
    byte[] message = coming.message();
    CompletableFuture<Void> done = inMidInflation(connection, connection::pause);

    coming.send(client, message);
    client.sendText("behind");
    Deadline.await(done, "the pause");
    expect(recorder, message);
    other.sendText("other");
    expect(recorder, "other".getBytes(StandardCharsets.UTF_8));
    assertThat(recorder.deliveries()).isEqualTo(2);

    connection.resume();
    expect(recorder, "behind".getBytes(StandardCharsets.UTF_8));
  }

  /** Wherever a part of it ends. */
  @Test
  void theCharactersOfALongTextMayLieInTwoParts() throws Exception {
    Recorder recorder = new Recorder();
    DeflateClient client = deflating(startOne(recorder));
    for (int shift = 0; shift < 3; shift++) {
      byte[] text = ("a".repeat(shift) + "\u20ac".repeat(100_000)).getBytes(StandardCharsets.UTF_8);
      client.send(Frame.TEXT, text);
      expect(recorder, text);
    }
    byte[] broken = "\u20ac".repeat(100_000).getBytes(StandardCharsets.UTF_8);
    broken[Decompressor.SLICE_BYTES + 2] = 'a';
    client.send(Frame.TEXT, broken);
    client.raw().expectCloseAndEnd(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
    assertThat(recorder.deliveries()).isEqualTo(3);
  }

  private DeflateClient deflating(Server server) throws Exception {
    return closeLater(DeflateClient.connect(address(server), "/", "permessage-deflate"));
  }

  /** Messages of 400,000 times their number, and a ping behind them. */
  private static byte[] flood(DeflateClient client, int number, int count) {
    List<Frame> frames = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] message = new byte[400_000];
      Arrays.fill(message, (byte) (number + i));
      frames.add(Frame.of(Frame.BINARY, client.compress(message)).withReservedBits(4));
    }
    frames.add(Frame.ping("behind"));
    return RawClient.bytesOf(frames.toArray(Frame[]::new));
  }

  private static List<Integer> range(int from, int to) {
    return IntStream.range(from, to).boxed().toList();
  }
}
