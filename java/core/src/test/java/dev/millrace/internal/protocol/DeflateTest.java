// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.millrace.suite.Frame;
import dev.millrace.suite.ReferenceInflater;
import dev.millrace.suite.Seed;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** RFC 7692 7.2: what is compressed inflates to the same, and what cannot be inflated is told. */
class DeflateTest {

  private static final int OFFSET = 5;

  private final MessageDeflater deflater = new MessageDeflater(1);
  private final MessageInflater inflater = new MessageInflater();
  private final Random random = Seed.random("deflate");

  @AfterEach
  void close() {
    deflater.close();
    inflater.close();
  }

  // ---- Windows.

  @ParameterizedTest
  @ValueSource(ints = {8, 9, 10, 11, 12, 13, 14, 15})
  void aWindowIsHonoured(int bits) {
    ReferenceInflater reference = new ReferenceInflater();
    int farthest = 0;
    for (int i = 0; i < 40; i++) {
      byte[] message = repetitive(1 + random.nextInt(3 << bits), 1 << bits);

      byte[] compressed = deflate(message, bits, false, 64);

      reference.forget();
      assertThat(reference.message(compressed)).isEqualTo(message);
      farthest = reference.maxDistance();
    }
    assertThat(farthest).isGreaterThan(1 << bits - 2).isLessThanOrEqualTo(1 << bits);
  }

  @Test
  void withTakeoverAMessageRefersToTheOneBefore() throws DataFormatException {
    DeflateWindow window = new DeflateWindow(15);
    byte[] message = random(500);
    byte[] first = deflate(message, 15, true, 64);
    byte[] second = deflate(message, 15, true, 64);

    assertThat(first.length).isGreaterThan(500);
    assertThat(second.length).isLessThan(50);
    assertThat(inflate(first, window, 64)).isEqualTo(message);
    assertThat(inflate(second, window, 64)).isEqualTo(message);
  }

  @Test
  void withoutTakeoverItDoesNot() {
    byte[] message = random(500);

    assertThat(deflate(message, 15, false, 64)).isEqualTo(deflate(message, 15, false, 64));
  }

  @Test
  void anAbandonedMessageIsNotReferredTo() throws DataFormatException {
    byte[] message = random(500);
    deflater.begin(ByteBuffer.wrap(message), 0, 500, 15, true);
    deflater.deflate(ByteBuffer.allocate(64), 0, 64);
    deflater.abandon();

    assertThat(inflate(deflate(message, 15, true, 64), new DeflateWindow(15), 64))
        .isEqualTo(message);
  }

  @ParameterizedTest
  @CsvSource({"8", "9", "12", "15"})
  void aWindowKeepsTheLastBytesWhateverTheLengths(int bits) throws DataFormatException {
    DeflateWindow window = new DeflateWindow(bits);
    MessageDeflater sender = new MessageDeflater(6);
    for (int i = 0; i < 200; i++) {
      // As a sender whose whole context fits into the window.
      boolean takesOver = bits == 15;
      int length = 1 + random.nextInt(random.nextBoolean() ? 100 : 3 << bits);
      byte[] message = repetitive(length, 1 << bits);
      byte[] compressed = deflate(sender, message, bits, takesOver, 100);
      assertThat(inflate(compressed, window, 1 + random.nextInt(1000))).isEqualTo(message);
    }
    assertThat(window.length()).isEqualTo(1 << bits);
    sender.close();
  }

  // ---- Room.

  @ParameterizedTest
  @ValueSource(ints = {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 40, 1000})
  void roomMayComeInSmallPieces(int room) throws DataFormatException {
    for (int length = 1; length < 700; length += 1 + length / 8) {
      byte[] message = random(length);
      byte[] compressed = deflate(message, 8 + random.nextInt(8), false, room);
      assertThat(inflate(compressed, null, 1)).isEqualTo(message);
    }
  }

  @Test
  void aMessageThatFillsTheRoomExactlyIsDone() throws DataFormatException {
    byte[] message = random(100);
    byte[] compressed = deflate(message, 15, false, 64);
    inflater.begin(ByteBuffer.wrap(compressed), 0, compressed.length, null);

    assertThat(inflater.inflate(ByteBuffer.allocate(100), 0, 100)).isEqualTo(100);

    assertThat(inflater.isDone()).isTrue();
  }

  @Test
  void whatEndsAtTheLimitIsToldFromWhatGoesOnAndFromWhatBreaksOff() throws DataFormatException {
    byte[] whole = hex("000500faff48656c6c6f00");
    byte[] brokenOff = hex("000700f8ff48656c6c6f");
    for (int limit : new int[] {4, 5}) {
      inflater.begin(ByteBuffer.wrap(whole), 0, whole.length, null);
      assertThat(inflater.inflate(ByteBuffer.allocate(limit), 0, limit)).isEqualTo(limit);
      assertThat(inflater.goesBeyond(limit)).isEqualTo(limit == 4);
      assertThat(inflater.isDone()).isTrue();
      // Of the trailer four bytes are taken for what is missing.
      inflater.begin(ByteBuffer.wrap(brokenOff), 0, brokenOff.length, null);
      inflater.inflate(ByteBuffer.allocate(limit), 0, limit);
      assertThat(inflater.goesBeyond(limit)).isTrue();
    }
    byte[] cut = hex("f248cdc9");
    inflater.begin(ByteBuffer.wrap(cut), 0, cut.length, null);
    int length = inflater.inflate(ByteBuffer.allocate(3), 0, 3);
    assertThat(length).isEqualTo(3);
    assertThatThrownBy(() -> inflater.goesBeyond(3)).isInstanceOf(DataFormatException.class);
  }

  @Test
  void aBombIsLeftAtTheLimit() throws DataFormatException {
    byte[] bomb = deflate(new byte[64 << 20], 15, false, 1 << 20);

    assertTimeoutPreemptively(
        Duration.ofSeconds(2),
        () -> {
          inflater.begin(ByteBuffer.wrap(bomb), 0, bomb.length, null);
          assertThat(inflater.inflate(ByteBuffer.allocate(1 << 16), 0, 1 << 16)).isEqualTo(1 << 16);
        });
    assertThat(inflater.isDone()).isFalse();
    inflater.forgetMessage();
    assertThat(inflate(hex("f248cdc9c90700"), null, 10)).isEqualTo(ascii("Hello"));
  }

  // ---- The examples of RFC 7692 7.2.3, and other forms that are legal.

  @ParameterizedTest
  @CsvSource({
    "f248cdc9c90700, Hello", // 7.2.3.1
    "000500faff48656c6c6f00, Hello", // 7.2.3.3
    "f348cdc9c9070000, Hello", // 7.2.3.4
    "f24805000000ffffcac9c90700, Hello", // 7.2.3.5
    "00, ''", // 7.2.3.6
    "0200, ''",
    "010000ffff00, ''",
    "f348cdc9c90700, Hello", // a last block, and nothing behind it
    "010500faff48656c6c6f, Hello",
    "f348cdc9c9070000, Hello",
    "f348cdc9c90700f348cdc9c90700, HelloHello",
    "f348cdc9c90700f248cdc9c90700, HelloHello",
    "01, ''"
  })
  void whatIsLegalInflates(String payload, String text) throws DataFormatException {
    for (int room = 1; room < 12; room++) {
      assertThat(inflate(hex(payload), null, room)).isEqualTo(ascii(text));
      assertThat(inflate(hex(payload), new DeflateWindow(9), room)).isEqualTo(ascii(text));
    }
  }

  @Test
  void theSecondMessageOfTheExampleRefersToTheFirst() throws DataFormatException {
    DeflateWindow window = new DeflateWindow(8);
    assertThat(inflate(hex("f248cdc9c90700"), window, 3)).isEqualTo(ascii("Hello")); // 7.2.3.2
    assertThat(inflate(hex("f200110000"), window, 3)).isEqualTo(ascii("Hello"));
  }

  @Test
  void behindALastBlockNothingBeforeItIsReferredTo() throws DataFormatException {
    DeflateWindow window = new DeflateWindow(8);
    assertThat(inflate(hex("f348cdc9c9070000"), window, 3)).isEqualTo(ascii("Hello"));
    assertThat(window.length()).isZero();
    assertThatThrownBy(() -> inflate(hex("f200110000"), window, 3))
        .isInstanceOf(DataFormatException.class);
  }

  // ---- What is not.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", // not even an empty block
        "07", // block type 3
        "ff",
        "000500faff48656c", // a stored block without its end
        "00000000", // a stored length without its complement
        "f248cdc9", // broken off within a block
        "f200110000", // refers to a message before
        "05e0ff", // broken off within a code
        "f348cdc9c907004865"
      })
  void whatIsNotIsTold(String payload) {
    for (int room = 1; room < 12; room++) {
      int limit = room;
      assertThatThrownBy(() -> inflate(hex(payload), null, limit))
          .isInstanceOf(DataFormatException.class);
    }
  }

  @Test
  void whatItTakesAndRefusesEqualsTheReference() {
    int taken = 0;
    for (int i = 0; i < 20_000; i++) {
      taken += equalsReference(mutated()) ? 1 : 0;
    }
    assertThat(taken).isBetween(1000, 19_000);
  }

  @Test
  void soItDoesWithEveryTruncation() {
    byte[] compressed = deflate(repetitive(3000, 400), 15, false, 64);
    int taken = 0;
    for (int length = 0; length < compressed.length; length++) {
      taken += equalsReference(Arrays.copyOf(compressed, length)) ? 1 : 0;
    }
    assertThat(taken).isLessThan(5);
  }

  /**
   * Whether both take it. It is more lenient in two things: nothing need follow a last block, and
   * the empty last block may as well be the end of another.
   */
  private boolean equalsReference(byte[] payload) {
    byte[] inflated = null;
    try {
      inflated = inflate(payload, null, 64);
    } catch (DataFormatException broken) {
      // Compared below.
    }
    byte[] expected = reference(payload, "0000ffff");
    if (expected == null && inflated != null) {
      expected = reference(payload, "");
    }
    if (expected == null && inflated != null) {
      expected = reference(payload, "0000ffff0300");
    }
    assertThat(inflated).as(() -> HexFormat.of().formatHex(payload)).isEqualTo(expected);
    return inflated != null;
  }

  private static byte @Nullable [] reference(byte[] payload, String trailer) {
    try {
      return new ReferenceInflater().stream(Frame.join(payload, hex(trailer)));
    } catch (ReferenceInflater.BrokenException broken) {
      return null;
    }
  }

  private byte[] mutated() {
    byte[] payload = deflate(repetitive(1 + random.nextInt(60), 20), 15, false, 64);
    if (random.nextInt(4) == 0) {
      payload = random(1 + random.nextInt(12));
    }
    for (int times = random.nextInt(3); times > 0; times--) {
      payload[random.nextInt(payload.length)] ^= (byte) (1 << random.nextInt(8));
    }
    return random.nextInt(4) > 0
        ? payload
        : Arrays.copyOf(payload, random.nextInt(payload.length + 1));
  }

  // ---- Helpers.

  private byte[] deflate(byte[] message, int bits, boolean takesOver, int room) {
    return deflate(deflater, message, bits, takesOver, room);
  }

  private static byte[] deflate(
      MessageDeflater deflater, byte[] message, int bits, boolean takesOver, int room) {
    ByteBuffer from = ByteBuffer.allocateDirect(message.length + OFFSET).put(OFFSET, message);
    deflater.begin(from, OFFSET, message.length, bits, takesOver);
    ByteBuffer to = ByteBuffer.allocate(2 * message.length + 12_000 + 1024);
    int at = OFFSET;
    while (!deflater.isDone()) {
      at = deflater.deflate(to, at, Math.min(at + room, to.capacity()));
    }
    return Arrays.copyOfRange(to.array(), OFFSET, at);
  }

  private byte[] inflate(byte[] payload, @Nullable DeflateWindow window, int room)
      throws DataFormatException {
    ByteBuffer from = ByteBuffer.allocateDirect(payload.length + OFFSET).put(OFFSET, payload);
    inflater.begin(from, OFFSET, payload.length, window);
    ByteBuffer to = ByteBuffer.allocate(OFFSET + room);
    int at = OFFSET;
    while (!inflater.isDone()) {
      if (at == to.capacity()) {
        to = ByteBuffer.allocate(at + room).put(0, to.array());
      }
      at = inflater.inflate(to, at, to.capacity());
    }
    if (window != null) {
      inflater.keep(window, to, OFFSET, at - OFFSET);
    }
    return Arrays.copyOfRange(to.array(), OFFSET, at);
  }

  private byte[] random(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  /** Whose bytes come again after about so many others. */
  private byte[] repetitive(int length, int period) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    byte[] phrase = random(Math.max(1, period - random.nextInt(1 + period / 2)));
    while (bytes.size() < length) {
      bytes.write(phrase, 0, Math.min(phrase.length, length - bytes.size()));
    }
    return bytes.toByteArray();
  }

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }
}
