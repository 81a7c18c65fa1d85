// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MaskingTest {
  private static final int MAX_LENGTH = 300;
  private static final int KEY = 0xA1B2C3D4;

  private final Random random = new Random(1);

  private ByteBuffer random(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return ByteBuffer.allocateDirect(length).put(0, bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** RFC 6455 5.3: octet i is masked with octet i modulo 4 of the key. */
  private static ByteBuffer plain(ByteBuffer bytes, int from, int length, int key) {
    ByteBuffer expected = ByteBuffer.allocate(bytes.capacity());
    for (int i = 0; i < bytes.capacity(); i++) {
      int octet = i < from || i >= from + length ? 0 : key >>> 8 * ((i - from) % 4);
      expected.put(i, (byte) (bytes.get(i) ^ octet));
    }
    return expected;
  }

  @Test
  void everyLengthAtEveryAlignment() {
    for (int length = 0; length <= MAX_LENGTH; length++) {
      for (int from = 0; from < 8; from++) {
        ByteBuffer bytes = random(MAX_LENGTH + 16);
        ByteBuffer expected = plain(bytes, from, length, KEY);
        ByteBuffer copied = random(MAX_LENGTH + 16);
        int to = 7 - from;
        Masking.unmaskTo(bytes, from, length, KEY, copied, to);
        assertThat(copied.slice(to, length)).isEqualTo(expected.slice(from, length));
        Masking.unmask(bytes, from, length, KEY);
        assertThat(bytes).as("length=%d from=%d", length, from).isEqualTo(expected);
      }
    }
  }

  @Test
  void aKeyOfZeroChangesNothing() {
    ByteBuffer bytes = random(64);
    ByteBuffer copied = random(64);
    ByteBuffer expected = plain(bytes, 0, 0, 0);
    Masking.unmask(bytes, 0, 64, 0);
    Masking.unmaskTo(bytes, 3, 33, 0, copied, 1);
    assertThat(bytes).isEqualTo(expected);
    assertThat(copied.slice(1, 33)).isEqualTo(expected.slice(3, 33));
  }

  @Test
  void cutAtEveryPlace() {
    ByteBuffer bytes = random(50);
    ByteBuffer expected = plain(bytes, 0, 50, KEY);
    for (int cut = 0; cut <= 50; cut++) {
      ByteBuffer copied = random(50);
      Masking.unmaskTo(bytes, 0, cut, KEY, copied, 0);
      Masking.unmaskTo(bytes, cut, 50 - cut, Masking.rotate(KEY, cut), copied, cut);
      assertThat(copied).as("cut=%d", cut).isEqualTo(expected);
    }
  }
}
