// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.flatbuffers.Orders;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What each benchmark computes is right: the native one, and the Java it is compared with. */
final class AnswersTest {
  private static final int[] LENGTHS = {1, 7, 10, 63, 125, 126, 1024, 65_535, 65_536};

  private static final Map<Class<?>, Consumer<Method>> CHECKS =
      Map.of(
          NativeCallBenchmark.class, AnswersTest::callReturns,
          UnmaskBenchmark.class, AnswersTest::unmasks,
          Utf8Benchmark.class, AnswersTest::tellsUtf8,
          FrameParseBenchmark.class, AnswersTest::readsFrames,
          HandshakeBenchmark.class, AnswersTest::readsRequests,
          AcceptKeyBenchmark.class, AnswersTest::answersKey,
          RingBenchmark.class, AnswersTest::countsRecords,
          InboxBenchmark.class, AnswersTest::losesNothing,
          CodecBenchmark.class, AnswersTest::codesOrders,
          StatisticsBenchmark.class, AnswersTest::measures);

  @TestFactory
  Stream<DynamicTest> everyBenchmark() {
    return Benchmarks.methods().stream()
        .map(
            method ->
                DynamicTest.dynamicTest(
                    method.getDeclaringClass().getSimpleName() + '.' + method.getName(),
                    () -> assertTimeoutPreemptively(Duration.ofSeconds(30), () -> check(method))));
  }

  private static void check(Method benchmark) {
    assertThat(CHECKS).containsKey(benchmark.getDeclaringClass());
    CHECKS.get(benchmark.getDeclaringClass()).accept(benchmark);
  }

  private static void callReturns(Method benchmark) {
    assertThat(Benchmarks.call(benchmark, new NativeCallBenchmark())).isNull();
  }

  private static void measures(Method benchmark) {
    StatisticsBenchmark state = new StatisticsBenchmark();
    assertThatCode(state::start).doesNotThrowAnyException();
    try {
      Object answer = Benchmarks.call(benchmark, state);
      switch (benchmark.getName()) {
        case "message" -> assertThat(answer).as("the first is not measured").isEqualTo(false);
        case "snapshot" -> assertThat(answer).as("no connection, and one").isEqualTo(1L);
        default -> assertThat(answer).isInstanceOf(Long.class);
      }
    } finally {
      state.stop();
    }
  }

  private static void codesOrders(Method benchmark) {
    for (int legs : new int[] {1, 16}) {
      CodecBenchmark codec = new CodecBenchmark();
      codec.legs = legs;
      assertThatCode(codec::fill).doesNotThrowAnyException();
      FlatBufferBuilder builder = new FlatBufferBuilder();
      Orders.write(builder, legs);
      byte[] built = builder.sizedByteArray();
      Object expected =
          switch (benchmark.getName()) {
            case "encodeInLease", "encodeAndCopy" -> built.length;
            case "verifyAndRead", "copyAndRead" ->
                Orders.schema().read(ByteBuffer.wrap(built)).sum();
            case "decodeJson" -> JsonOrder.of(legs).sum();
            default -> codec.jsonLength();
          };
      assertThat(Benchmarks.call(benchmark, codec)).isEqualTo(expected);
    }
  }

  private static void unmasks(Method benchmark) {
    for (int length : LENGTHS) {
      UnmaskBenchmark state = new UnmaskBenchmark();
      state.length = length;
      state.fill();
      for (int call = 0; call < 2; call++) {
        Object answer = Benchmarks.call(benchmark, state);
        byte[] payload =
            answer instanceof ByteBuffer direct
                ? OffHeap.bytesOf(direct, state.last(), length)
                : part((byte[]) answer, OffHeap.HEADER + state.last(), length);
        byte[] text = Texts.fill(Texts.ASCII, length);
        if (length > 1024 && call == 1) { // at the same place again
          mask(text, UnmaskBenchmark.KEY);
        }
        assertThat(payload).as("%s of %d, call %d", benchmark, length, call).isEqualTo(text);
      }
    }
  }

  private static void tellsUtf8(Method benchmark) {
    for (int length : LENGTHS) {
      for (String text : List.of("ascii", "mixed")) {
        Utf8Benchmark state = new Utf8Benchmark();
        state.length = length;
        state.text = text;
        state.fill();
        assertThat(Benchmarks.call(benchmark, state)).as("%s of %d", text, length).isEqualTo(true);
        assertThat(Benchmarks.call(benchmark, state)).as("again").isEqualTo(true);
      }
    }
    // RFC 3629: a stray continuation, an overlong form, a surrogate, above U+10FFFF, cut short.
    for (String bad :
        List.of(
            "\u0080",
            "\u00C0\u00AF",
            "\u00ED\u00A0\u0080",
            "\u00F4\u0090\u0080\u0080",
            "\u00E2\u0082")) {
      for (int before : LENGTHS) {
        Utf8Benchmark state = new Utf8Benchmark();
        state.take(joined(Texts.fill(Texts.MIXED, before), bad.getBytes(ISO_8859_1)));
        assertThat(Benchmarks.call(benchmark, state)).as("bad at %d", before).isEqualTo(false);
      }
    }
  }

  private static void readsFrames(Method benchmark) {
    for (int length : LENGTHS) {
      FrameParseBenchmark state = new FrameParseBenchmark();
      state.length = length;
      state.fill();
      long sum =
          IntStream.range(0, FrameParseBenchmark.FRAMES)
              .mapToLong(frame -> length + Integer.toUnsignedLong(FrameParseBenchmark.key(frame)))
              .sum();
      assertThat(Benchmarks.call(benchmark, state)).as("%d bytes", length).isEqualTo(sum);
      boolean unmasks = benchmark.getName().endsWith("Frames");
      int header = state.received().limit() / FrameParseBenchmark.FRAMES - length;
      for (int frame = 0; frame < FrameParseBenchmark.FRAMES; frame++) {
        int offset = frame * (header + length) + header;
        byte[] expected = state.payload(frame);
        if (!unmasks) {
          mask(expected, FrameParseBenchmark.key(frame));
        }
        assertThat(OffHeap.bytesOf(state.received(), offset, length)).isEqualTo(expected);
      }
    }
  }

  private static void readsRequests(Method benchmark) {
    assertThat(facts(benchmark, UpgradeRequests.EXAMPLE.bytes()))
        .isEqualTo(
            new UpgradeFacts(
                "/chat", "server.example.com", "http://example.com", "dGhlIHNhbXBsZSBub25jZQ=="));
    assertThat(facts(benchmark, UpgradeRequests.BROWSER.bytes()))
        .isEqualTo(
            new UpgradeFacts(
                "/market/stream?symbol=MILL&depth=20",
                "market.example.com",
                "https://market.example.com",
                "dGhlIHNhbXBsZSBub25jZQ=="));
    for (String spoilt :
        List.of(
            "GET /->POST /",
            "HTTP/1.1->HTTP/1.0",
            "Host: ->Hosts: ",
            "Upgrade: websocket->Upgrade: h2c",
            "Connection: Upgrade->Connection: close",
            "Version: 13->Version: 8",
            "dGhlIHNhbXBsZSBub25jZQ==->dGhlIHNhbXBsZQ==",
            "Origin: ->Ori gin: ",
            "Origin: ->Host: ",
            "Origin: ->Origin: \u0001",
            "\r\n\r\n->\r\n")) {
      String[] change = spoilt.split("->");
      String head = new String(UpgradeRequests.EXAMPLE.bytes(), ISO_8859_1);
      assertThat(head).contains(change[0]);
      assertThat(facts(benchmark, head.replace(change[0], change[1]).getBytes(ISO_8859_1)))
          .as(spoilt)
          .isNull();
    }
  }

  private static Object facts(Method benchmark, byte[] head) {
    HandshakeBenchmark state = new HandshakeBenchmark();
    state.take(head);
    Object answer = Benchmarks.call(benchmark, state);
    return answer instanceof ByteBuffer
        ? new UpgradeFacts(state.string(0), state.string(8), state.string(16), state.string(24))
        : answer;
  }

  /** The key and its answer from RFC 6455 1.3. */
  private static void answersKey(Method benchmark) {
    Object answer = Benchmarks.call(benchmark, new AcceptKeyBenchmark());
    byte[] accept =
        answer instanceof ByteBuffer direct ? OffHeap.bytesOf(direct, 0, 28) : (byte[]) answer;
    assertThat(new String(accept, UTF_8)).isEqualTo("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  }

  /** Numbers from the table in docs/rings.md: MESSAGE is 132, BINARY 2, OWNED 8. */
  private static void countsRecords(Method benchmark) {
    RingBenchmark state = new RingBenchmark();
    state.turn();
    long region = 1L << 48;
    long expected =
        switch (benchmark.getName()) {
          case "writeCommands" -> 256;
          case "turnOf1" -> 132 + 2 + 7 + region + 64;
          case "callPerCommand" -> sumOverSlots(2 + 8 + 7 + region + 64);
          default -> sumOverSlots(132 + 2 + 7 + region + 64);
        };
    for (int call = 0; call < 2; call++) {
      assertThat(((Number) Benchmarks.call(benchmark, state)).longValue()).isEqualTo(expected);
    }
  }

  private static long sumOverSlots(long constant) {
    return LongStream.range(0, 256).map(slot -> constant + slot + (slot << 8) + slot).sum();
  }

  private static void losesNothing(Method benchmark) {
    for (Mailbox.Kind kind : Mailbox.Kind.values()) {
      InboxBenchmark state = new InboxBenchmark();
      state.kind = kind;
      state.open();
      int waiting = benchmark.getName().endsWith("Drain") ? InboxBenchmark.RECORDS : 0;
      if (waiting > 0) {
        state.contendedLoop(); // leaves nothing behind
        Benchmarks.methods(InboxBenchmark.class).stream()
            .filter(method -> method.getName().equals("handOverPost"))
            .forEach(method -> Benchmarks.call(method, state));
      }
      assertThat(Benchmarks.call(benchmark, state)).as("%s", kind).isEqualTo(64);
    }
  }

  /** Both walks refuse the same frames, and take the same ones. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void walksAgreeOnRandomBytes(long seed) {
    Random random = new Random(seed);
    ByteBuffer bytes = OffHeap.allocate(64);
    long address = NativeKernels.address(bytes);
    int taken = 0;
    for (int round = 0; round < 20_000; round++) {
      byte[] noise = new byte[64];
      random.nextBytes(noise);
      noise[0] &= (byte) 0x8F; // or three in four would be refused for their reserved bits
      noise[1] =
          (byte) (0x80 | (random.nextBoolean() ? random.nextInt(16) : 112 + random.nextInt(16)));
      int zeros = random.nextInt(9);
      Arrays.fill(noise, 2, 2 + zeros, (byte) 0);
      bytes.put(0, noise);
      int length = random.nextInt(65);
      long expected = JavaFrames.headers(bytes, length);
      assertThat(NativeKernels.headers(address, length)).as("round %d", round).isEqualTo(expected);
      taken += expected == JavaFrames.ERROR ? 0 : 1;
    }
    assertThat(taken).as("rounds whose frames were taken").isGreaterThan(100);
  }

  private static byte[] part(byte[] bytes, int offset, int length) {
    return Arrays.copyOfRange(bytes, offset, offset + length);
  }

  private static byte[] joined(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  /** RFC 6455 5.3, as it is written there. */
  private static void mask(byte[] bytes, int key) {
    byte[] octets = {(byte) key, (byte) (key >>> 8), (byte) (key >>> 16), (byte) (key >>> 24)};
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] ^= octets[i % 4];
    }
  }
}
