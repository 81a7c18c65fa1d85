// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import java.nio.ByteBuffer;

/**
 * Reads the frames that one receive brought (RFC 6455 5.2), as a plain Java server does: absolute
 * accessors on a direct buffer, every rule that a header can break, no object for a frame.
 */
final class JavaFrames {
  private static final int LENGTH_16 = 126;
  private static final int LENGTH_64 = 127;

  /** An answer in place of a sum: the bytes are no sequence of whole frames that a server takes. */
  static final long ERROR = -1;

  private JavaFrames() {}

  /** Walks over the headers; answers the sum of payload lengths and masking keys. */
  static long headers(ByteBuffer bytes, int length) {
    return walk(bytes, length, false);
  }

  /** The same, and unmasks each payload. */
  static long frames(ByteBuffer bytes, int length) {
    return walk(bytes, length, true);
  }

  private static long walk(ByteBuffer bytes, int length, boolean unmask) {
    long sum = 0;
    int offset = 0;
    while (offset < length) {
      int end = headerEnd(bytes, offset, length);
      if (end < 0) {
        return ERROR;
      }
      long payload = payloadLength(bytes, offset);
      if (payload < 0 || payload > length - end) {
        return ERROR;
      }
      int key = Integer.reverseBytes(bytes.getInt(end - Integer.BYTES));
      if (unmask) {
        JavaUnmask.longs(bytes, end, (int) payload, key);
      }
      sum += payload + Integer.toUnsignedLong(key);
      offset = end + (int) payload;
    }
    return sum;
  }

  /** Where the payload begins, or {@link #ERROR} for a header that is broken or not whole. */
  private static int headerEnd(ByteBuffer bytes, int offset, int length) {
    if (length - offset < 2) {
      return (int) ERROR;
    }
    int first = bytes.get(offset);
    int second = bytes.get(offset + 1);
    int opcode = first & 0x0F;
    boolean isFinal = (first & 0x80) != 0;
    boolean isMasked = (second & 0x80) != 0;
    if ((first & 0x70) != 0 || (opcode & 7) > 2 || !isMasked) {
      return (int) ERROR;
    }
    int shortLength = second & 0x7F;
    if (opcode >= 8 && (!isFinal || shortLength >= LENGTH_16)) {
      return (int) ERROR;
    }
    int extended =
        shortLength == LENGTH_16 ? Short.BYTES : shortLength == LENGTH_64 ? Long.BYTES : 0;
    int end = offset + 2 + extended + Integer.BYTES;
    return end <= length ? end : (int) ERROR;
  }

  /** The length, or {@link #ERROR} for one that has a shorter form or the sign bit. */
  private static long payloadLength(ByteBuffer bytes, int offset) {
    int shortLength = bytes.get(offset + 1) & 0x7F;
    if (shortLength == LENGTH_16) {
      int length = Short.toUnsignedInt(bytes.getShort(offset + 2));
      return length >= LENGTH_16 ? length : ERROR;
    }
    if (shortLength == LENGTH_64) {
      long length = bytes.getLong(offset + 2);
      return length > 0xFFFF ? length : ERROR;
    }
    return shortLength;
  }
}
