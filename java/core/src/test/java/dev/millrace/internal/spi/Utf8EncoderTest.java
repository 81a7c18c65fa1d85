// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Utf8EncoderTest {
  private static final int OFFSET = 3;
  private static final byte GUARD = (byte) 0xDB;

  /** What the encoder writes; checks its length, and that it writes nowhere else. */
  private static byte[] encode(CharSequence text) {
    int expected = text.toString().getBytes(StandardCharsets.UTF_8).length;
    ByteBuffer target =
        ByteBuffer.allocateDirect(OFFSET + expected + 1).order(ByteOrder.LITTLE_ENDIAN);
    while (target.hasRemaining()) {
      target.put(GUARD);
    }
    int length = Utf8Encoder.encode(text, target, OFFSET);
    assertThat(length).isEqualTo(expected);
    assertThat(Utf8Encoder.encodedLength(text)).isEqualTo(expected);
    for (int i = 0; i < OFFSET; i++) {
      assertThat(target.get(i)).isEqualTo(GUARD);
    }
    assertThat(target.get(OFFSET + length)).isEqualTo(GUARD);
    byte[] bytes = new byte[length];
    target.get(OFFSET, bytes);
    return bytes;
  }

  @Test
  void everyCodePointAsTheJdkEncodesIt() {
    for (int codePoint = 0; codePoint <= Character.MAX_CODE_POINT; codePoint++) {
      if (codePoint < Character.MIN_SURROGATE || codePoint > Character.MAX_SURROGATE) {
        String text = Character.toString(codePoint);
        ByteBuffer target = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        byte[] expected = text.getBytes(StandardCharsets.UTF_8);
        assertThat(Utf8Encoder.encode(text, target, 0)).isEqualTo(expected.length);
        assertThat(Utf8Encoder.encodedLength(text)).isEqualTo(expected.length);
        assertThat(target.slice(0, expected.length)).isEqualTo(ByteBuffer.wrap(expected));
      }
    }
  }

  /** One character of every length at every place around the eight of a step. */
  @Test
  void otherCharactersAtEveryPlaceOfAsciiText() {
    for (String other : new String[] {"", "\u0080", "ß", "€", "\uFFFF", "😀"}) {
      for (int before = 0; before < 20; before++) {
        for (int after = 0; after < 20; after++) {
          String text = "a".repeat(before) + other + "z".repeat(after);
          assertThat(encode(text)).isEqualTo(text.getBytes(StandardCharsets.UTF_8));
        }
      }
    }
  }

  @Test
  void randomText() {
    Random random = new Random(7);
    for (int run = 0; run < 2_000; run++) {
      StringBuilder text = new StringBuilder();
      int length = random.nextInt(64);
      for (int i = 0; i < length; i++) {
        int bound = new int[] {0x80, 0x800, 0xD800, 0x110000}[random.nextInt(4)];
        int codePoint = random.nextInt(bound);
        boolean surrogate = codePoint >= 0xD800 && codePoint <= 0xDFFF;
        text.appendCodePoint(surrogate ? 'x' : codePoint);
      }
      assertThat(encode(text)).isEqualTo(text.toString().getBytes(StandardCharsets.UTF_8));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 6, 7, 8, 9, 15, 16, 17})
  void loneSurrogateIsNamedByItsIndex(int index) {
    for (String lone : new String[] {"\uD83D", "\uDE00", "\uDE00\uD83D"}) {
      for (String after : new String[] {"", "b", "bbbbbbbbbbbbbbbbbb"}) {
        String text = "a".repeat(index) + lone + after;
        ByteBuffer target = ByteBuffer.allocate(3 * text.length()).order(ByteOrder.LITTLE_ENDIAN);
        assertThatThrownBy(() -> Utf8Encoder.encode(text, target, 0))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("index=" + index + ",");
        assertThatThrownBy(() -> Utf8Encoder.encodedLength(text))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("index=" + index + ",");
      }
    }
  }
}
