// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Unmasking (RFC 6455 5.3) as Java is written for it. The key is the four bytes of the wire, the
 * first one lowest.
 */
final class JavaUnmask {
  private static final VarHandle LONG_OF_ARRAY =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG_OF_BUFFER =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private JavaUnmask() {}

  static void bytewise(byte[] bytes, int offset, int length, int key) {
    for (int i = 0; i < length; i++) {
      bytes[offset + i] ^= (byte) (key >>> 8 * (i & 3));
    }
  }

  static void longs(byte[] bytes, int offset, int length, int key) {
    long twice = Integer.toUnsignedLong(key) | (long) key << 32;
    int i = 0;
    for (; i <= length - Long.BYTES; i += Long.BYTES) {
      long word = (long) LONG_OF_ARRAY.get(bytes, offset + i);
      LONG_OF_ARRAY.set(bytes, offset + i, word ^ twice);
    }
    for (; i < length; i++) {
      bytes[offset + i] ^= (byte) (key >>> 8 * (i & 3));
    }
  }

  static void longs(ByteBuffer bytes, int offset, int length, int key) {
    long twice = Integer.toUnsignedLong(key) | (long) key << 32;
    int i = 0;
    for (; i <= length - Long.BYTES; i += Long.BYTES) {
      long word = (long) LONG_OF_BUFFER.get(bytes, offset + i);
      LONG_OF_BUFFER.set(bytes, offset + i, word ^ twice);
    }
    for (; i < length; i++) {
      bytes.put(offset + i, (byte) (bytes.get(offset + i) ^ key >>> 8 * (i & 3)));
    }
  }
}
