// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.ByteBuffer;

/**
 * Takes the mask off a payload, or puts it on, which is the same (RFC 6455 5.3): eight bytes a
 * step.
 */
public final class Masking {
  private static final int STEP = Long.BYTES;
  private static final int BLOCK = 4 * STEP;

  private Masking() {}

  /**
   * Unmasks in place.
   *
   * @param bytes little-endian
   * @param from the first byte, masked with the key's lowest byte
   * @param length how many
   * @param key as of {@link FrameHeader#maskingKey()}
   */
  public static void unmask(ByteBuffer bytes, int from, int length, int key) {
    if (key == 0) {
      return;
    }
    long wide = widen(key);
    int at = from;
    int end = from + length;
    // Unrolled by hand: the compiler leaves buffer accesses alone.
    for (; end - at >= BLOCK; at += BLOCK) {
      bytes.putLong(at, bytes.getLong(at) ^ wide);
      bytes.putLong(at + STEP, bytes.getLong(at + STEP) ^ wide);
      bytes.putLong(at + 2 * STEP, bytes.getLong(at + 2 * STEP) ^ wide);
      bytes.putLong(at + 3 * STEP, bytes.getLong(at + 3 * STEP) ^ wide);
    }
    for (; end - at >= STEP; at += STEP) {
      bytes.putLong(at, bytes.getLong(at) ^ wide);
    }
    for (; at < end; at++) {
      bytes.put(at, (byte) (bytes.get(at) ^ (int) wide));
      wide >>>= Byte.SIZE;
    }
  }

  /**
   * As {@link #unmask}, into another buffer.
   *
   * @param source little-endian
   * @param target little-endian
   */
  public static void unmaskTo(
      ByteBuffer source, int from, int length, int key, ByteBuffer target, int to) {
    // Two passes are several times as fast as one: the copy is the system's, and the compiler has
    // one buffer to think of.
    target.put(to, source, from, length);
    unmask(target, to, length, key);
  }

  /** The key for what follows so many bytes. */
  public static int rotate(int key, int length) {
    return Integer.rotateRight(key, Byte.SIZE * (length & 3));
  }

  private static long widen(int key) {
    return key & 0xFFFF_FFFFL | (long) key << Integer.SIZE;
  }
}
