// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Limits;
import dev.millrace.Server;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Data frames there and back (RFC 6455 5.2, 5.4, 5.6), however they are cut. */
public abstract class EchoSuite extends EngineSuite {

  private static final int QUANTUM = 128 << 10;
  private static final int MEBI = 1 << 20;
  private static final int MAX_MESSAGE = 16 * MEBI;

  /** Two, three and four bytes a character. */
  private static final String MULTI_BYTE = "Mühlgerinne \u20ac \u65e5\u672c \ud83d\ude80 ";

  private Server server;

  @BeforeEach
  final void startServer() throws Exception {
    Limits limits = Limits.defaults().withMaxMessageBytes(MAX_MESSAGE);
    server = start(server().limits(limits).route("/", ECHO));
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        0,
        1,
        2,
        124,
        125,
        126,
        127,
        128,
        1000,
        65_534,
        65_535,
        65_536,
        65_537,
        QUANTUM - 1,
        QUANTUM,
        QUANTUM + 1,
        512 << 10,
        MEBI - 1,
        MEBI,
        MEBI + 1,
        MAX_MESSAGE - 1,
        MAX_MESSAGE
      })
  void rfc6455_5_2_everyLengthForm(int length) throws Exception {
    Random random = Seed.random("length " + length);
    byte[] binary = Seed.bytes(random, length);
    byte[] ascii = asciiOf(random, length);
    RawClient client = connect(server);
    echo(client, Frame.BINARY, binary);
    echo(client, Frame.TEXT, ascii);
  }

  private static void echo(RawClient client, int opcode, byte[] payload) throws Exception {
    CompletableFuture<Void> writing = client.writeMeanwhile(Frame.of(opcode, payload).bytes());
    client.expect(opcode, payload);
    Deadline.await(writing, "the write");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 40, 200, 20_000, 60_000})
  void rfc6455_5_6_textOfSeveralBytesACharacter(int repeats) throws Exception {
    String text = MULTI_BYTE.repeat(repeats);
    RawClient client = connect(server);
    CompletableFuture<Void> writing = client.writeMeanwhile(Frame.text(text).bytes());
    client.expectText(text);
    Deadline.await(writing, "the write");
  }

  @Test
  void manyPipelinedMessagesKeepTheirOrder() throws Exception {
    Random random = Seed.random("pipelined");
    List<byte[]> payloads = new ArrayList<>();
    Frame[] frames = new Frame[20_000];
    for (int i = 0; i < frames.length; i++) {
      payloads.add(Seed.bytes(random, random.nextInt(i % 100 == 0 ? 5000 : 100)));
      frames[i] = Frame.binary(payloads.get(i));
    }
    RawClient client = connect(server);
    CompletableFuture<Void> writing = client.writeMeanwhile(RawClient.bytesOf(frames));
    for (byte[] payload : payloads) {
      client.expectBinary(payload);
    }
    Deadline.await(writing, "the write");
  }

  @Test
  void rfc6455_5_4_fragmentsAreJoined() throws Exception {
    RawClient client = connect(server);
    client.write(
        Frame.text("two ").unfinished(),
        Frame.continuation("fragments".getBytes(StandardCharsets.UTF_8)));
    client.expectText("two fragments");
  }

  @Test
  void rfc6455_5_4_manyFragments() throws Exception {
    Random random = Seed.random("fragments");
    byte[] payload = Seed.bytes(random, 300_000);
    RawClient client = connect(server);
    CompletableFuture<Void> writing =
        client.writeMeanwhile(
            RawClient.bytesOf(fragments(Frame.BINARY, payload, cutsOf(random, payload, 2000))));
    client.expectBinary(payload);
    Deadline.await(writing, "the write");
  }

  @Test
  void rfc6455_5_4_emptyFragments() throws Exception {
    RawClient client = connect(server);
    byte[] none = new byte[0];
    client.write(
        Frame.binary(none).unfinished(),
        Frame.continuation(none).unfinished(),
        Frame.continuation(new byte[] {7}).unfinished(),
        Frame.continuation(none).unfinished(),
        Frame.continuation(none),
        Frame.text("").unfinished(),
        Frame.continuation(none));
    client.expectBinary(new byte[] {7});
    client.expectText("");
  }

  @Test
  void rfc6455_5_4_controlFramesBetweenFragments() throws Exception {
    RawClient client = connect(server);
    client.write(
        Frame.text("one ").unfinished(),
        Frame.ping("between"),
        Frame.continuation("two ".getBytes(StandardCharsets.UTF_8)).unfinished(),
        Frame.pong("unasked"),
        Frame.continuation("three".getBytes(StandardCharsets.UTF_8)));
    client.expectPongs("between");
    client.expectText("one two three");
  }

  @Test
  void rfc6455_8_1_charactersCutByFragments() throws Exception {
    byte[] utf8 = MULTI_BYTE.getBytes(StandardCharsets.UTF_8);
    RawClient client = connect(server);
    for (int cut = 0; cut <= utf8.length; cut++) {
      client.write(fragments(Frame.TEXT, utf8, cut));
      client.expectText(MULTI_BYTE);
    }
    int[] everywhere = new int[utf8.length - 1];
    for (int i = 0; i < everywhere.length; i++) {
      everywhere[i] = i + 1;
    }
    client.write(fragments(Frame.TEXT, utf8, everywhere));
    client.expectText(MULTI_BYTE);
  }

  /** A stream of everything a client may send, short enough to be cut at each of its bytes. */
  private static byte[] everything() {
    return RawClient.bytesOf(
        Frame.text(MULTI_BYTE),
        Frame.ping("p"),
        Frame.binary(new byte[130]),
        Frame.binary(new byte[0]),
        Frame.text("a\u20ac").unfinished(),
        Frame.ping("between"),
        Frame.continuation(new byte[0]).unfinished(),
        Frame.continuation("\ud83d\ude80".getBytes(StandardCharsets.UTF_8)),
        Frame.pong("unasked"),
        Frame.text("x".repeat(126)));
  }

  private static void expectEverything(RawClient client) throws IOException {
    client.expectText(MULTI_BYTE);
    client.expectBinary(new byte[130]);
    client.expectBinary(new byte[0]);
    client.expectText("a\u20ac\ud83d\ude80");
    client.expectText("x".repeat(126));
    client.expectPongs("p", "between");
  }

  @Test
  void streamCutAtEveryByte() throws Exception {
    byte[] stream = everything();
    assertTrue(stream.length <= 512, "the stream is short: " + stream.length);
    RawClient client = connect(server);
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      for (int cut = 1; cut < stream.length; cut++) {
        probe.writeCut(client, stream, cut);
        expectEverything(client);
      }
    }
  }

  @Test
  void streamCutTwiceAtRandom() throws Exception {
    Random random = Seed.random("cut twice");
    byte[] stream = everything();
    RawClient client = connect(server);
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      for (int run = 0; run < 500; run++) {
        probe.writeCut(client, stream, cutsOf(random, stream, 2));
        expectEverything(client);
      }
    }
  }

  @Test
  void oneByteAtATime() throws Exception {
    byte[] stream = everything();
    int[] everywhere = new int[stream.length - 1];
    for (int i = 0; i < everywhere.length; i++) {
      everywhere[i] = i + 1;
    }
    RawClient client = connect(server);
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      for (int run = 0; run < 3; run++) {
        probe.writeCut(client, stream, everywhere);
        expectEverything(client);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 65_536, QUANTUM + 7, 700_000, 3 * MEBI})
  void largeMessagesCutAtRandom(int length) throws Exception {
    Random random = Seed.random("cut large " + length);
    RawClient client = connect(server);
    try (LoopProbe probe = new LoopProbe(server, "/")) {
      for (int run = 0; run < 5; run++) {
        byte[] payload = Seed.bytes(random, length);
        byte[] text = MULTI_BYTE.repeat(length / 30).getBytes(StandardCharsets.UTF_8);
        byte[] stream = RawClient.bytesOf(Frame.binary(payload), Frame.of(Frame.TEXT, text));
        int[] cuts = cutsOf(random, stream, 12);
        CompletableFuture<Void> writing =
            CompletableFuture.runAsync(() -> writeCut(probe, client, stream, cuts));
        client.expectBinary(payload);
        client.expect(Frame.TEXT, text);
        Deadline.await(writing, "the write");
      }
    }
  }

  private static void writeCut(LoopProbe probe, RawClient client, byte[] stream, int[] cuts) {
    try {
      probe.writeCut(client, stream, cuts);
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /** Messages of one frame and of many, small and large, with pings, in a random stream. */
  @Test
  void randomStreams() throws Exception {
    Random random = Seed.random("streams");
    for (int run = 0; run < 20; run++) {
      List<ServerFrame> answers = new ArrayList<>();
      byte[] stream = randomStream(random, answers);
      RawClient client = connect(server);
      CompletableFuture<Void> writing = client.writeMeanwhile(stream);
      for (ServerFrame answer : answers) {
        client.expect(answer.opcode(), answer.payload());
      }
      Deadline.await(writing, "the write");
      client.close();
    }
  }

  private static byte[] randomStream(Random random, List<ServerFrame> answers) {
    List<Frame> frames = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      int opcode = random.nextBoolean() ? Frame.TEXT : Frame.BINARY;
      int length = random.nextInt(1 << random.nextInt(18));
      byte[] payload = opcode == Frame.TEXT ? asciiOf(random, length) : Seed.bytes(random, length);
      int[] cuts = cutsOf(random, payload, random.nextInt(4));
      frames.addAll(List.of(fragments(opcode, payload, cuts)));
      answers.add(new ServerFrame(true, opcode, payload));
    }
    return RawClient.bytesOf(frames.toArray(new Frame[0]));
  }

  private static byte[] asciiOf(Random random, int length) {
    byte[] ascii = new byte[length];
    for (int i = 0; i < length; i++) {
      ascii[i] = (byte) (' ' + random.nextInt(95));
    }
    return ascii;
  }

  /** Random places in rising order, never before the first byte or behind the last. */
  private static int[] cutsOf(Random random, byte[] stream, int count) {
    return stream.length < 2
        ? new int[0]
        : random.ints(count, 1, stream.length).sorted().distinct().toArray();
  }

  private static Frame[] fragments(int opcode, byte[] payload, int... cuts) {
    Frame[] frames = new Frame[cuts.length + 1];
    int from = 0;
    for (int i = 0; i < frames.length; i++) {
      int to = i < cuts.length ? cuts[i] : payload.length;
      byte[] part = Arrays.copyOfRange(payload, from, to);
      frames[i] = Frame.of(i == 0 ? opcode : Frame.CONTINUATION, part);
      if (i < cuts.length) {
        frames[i].unfinished();
      }
      from = to;
    }
    return frames;
  }
}
