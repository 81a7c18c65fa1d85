// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.internal.protocol.FrameHeader;
import dev.millrace.internal.protocol.Masking;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.protocol.Relaxed;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class FrameWriterTest {
  private static final int[] LENGTHS = {0, 1, 3, 4, 7, 8, 31, 32, 33, 125, 126, 65_535, 65_536};

  private final Random random = new Random(20_261_120);

  /** A payload where a frame of it ends, at any alignment. */
  private ByteBuffer filled(byte[] payload, int at) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(at + payload.length + 5);
    random.nextBytes(payload);
    bytes.put(at, payload);
    return bytes.order(ByteOrder.LITTLE_ENDIAN);
  }

  private static byte[] copy(ByteBuffer bytes, int at, int length) {
    byte[] copy = new byte[length];
    bytes.get(at, copy);
    return copy;
  }

  @Test
  void whatAClientWritesAServerReads() {
    FrameWriter writer = new FrameWriter(new MaskingKeys());
    FrameHeader header = new FrameHeader(Relaxed.NONE, false);
    Set<Integer> keys = new HashSet<>();
    int frames = 0;
    for (int length : LENGTHS) {
      for (int at = 0; at < 9; at++) {
        byte[] payload = new byte[length];
        int begin = writer.headerLength(length) + at;
        ByteBuffer bytes = filled(payload, begin);
        writer.write(bytes, at, Opcode.TEXT, length);
        assertThat(header.parse(bytes, at, bytes.capacity(), false)).isEqualTo(begin - at);
        assertThat(header.payloadLength()).isEqualTo(length);
        Masking.unmask(bytes, begin, length, header.maskingKey());
        assertThat(copy(bytes, begin, length)).isEqualTo(payload);
        assertThat(copy(bytes, begin + length, 5)).containsOnly(0);
        keys.add(header.maskingKey());
        frames++;
      }
    }
    assertThat(keys).hasSize(frames);
    assertThat(writer.masks()).isTrue();
  }

  @Test
  void whatAServerWritesIsPlain() {
    FrameWriter writer = new FrameWriter(null);
    FrameHeader header = new FrameHeader(Relaxed.NONE, true);
    for (int length : LENGTHS) {
      byte[] payload = new byte[length];
      int begin = writer.headerLength(length);
      ByteBuffer bytes = filled(payload, begin);
      writer.write(bytes, 0, Opcode.BINARY, length);
      assertThat(header.parse(bytes, 0, bytes.capacity(), false)).isEqualTo(begin);
      assertThat(copy(bytes, begin, length)).isEqualTo(payload);
    }
    assertThat(writer.masks()).isFalse();
  }

  /** Every key is a new one, also where they are fetched again. */
  @Test
  void keysAreNotGivenOutTwice() {
    MaskingKeys keys = new MaskingKeys();
    Set<Integer> seen = new HashSet<>();
    int count = 5000;
    for (int i = 0; i < count; i++) {
      seen.add(keys.next());
    }
    // By chance, one in three hundred runs has a pair.
    assertThat(seen.size()).isGreaterThan(count - 5);
  }
}
