// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.nio.ByteBuffer;

/** Encodes text as UTF-8 straight into outgoing memory, allocating nothing. */
public final class Utf8Encoder {
  /** The most bytes one {@code char} can need; a surrogate pair needs four for its two. */
  public static final int MAX_BYTES_PER_CHAR = 3;

  private static final int STEP = 8;
  private static final int ASCII_END = 0x80;
  private static final int TWO_BYTES_END = 0x800;

  private Utf8Encoder() {}

  /**
   * The bytes that the text needs.
   *
   * @throws IllegalArgumentException if the text holds a lone surrogate, with its index, or its
   *     length is negative
   */
  public static long encodedLength(CharSequence text) {
    int length = requireLength(text);
    long bytes = 0;
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (c < ASCII_END) {
        bytes++;
      } else if (c < TWO_BYTES_END) {
        bytes += 2;
      } else if (!Character.isSurrogate(c)) {
        bytes += 3;
      } else {
        codePoint(text, i++, length);
        bytes += 4;
      }
    }
    return bytes;
  }

  /**
   * Writes the text from {@code offset} on, where at least {@link #encodedLength} bytes must lie
   * free, and returns how many bytes that were.
   *
   * @param target a little-endian buffer
   * @throws IllegalArgumentException if the text holds a lone surrogate, with its index, or its
   *     length is negative; bytes from {@code offset} on may have been written then
   */
  public static int encode(CharSequence text, ByteBuffer target, int offset) {
    int length = requireLength(text);
    int at = offset;
    int i = 0;
    while (length - i >= STEP) {
      long ascii = asciiStep(text, i);
      if (ascii >= 0) {
        target.putLong(at, ascii);
        at += STEP;
        i += STEP;
      } else {
        // Text that is not ASCII here is mostly not ASCII next: do not try the fast step again at
        // once.
        int end = i + STEP;
        while (i < end) {
          int bytes = put(text, i, length, target, at);
          at += bytes;
          i += bytes == 4 ? 2 : 1;
        }
      }
    }
    while (i < length) {
      int bytes = put(text, i, length, target, at);
      at += bytes;
      i += bytes == 4 ? 2 : 1;
    }
    return at - offset;
  }

  /** A class of the application's may answer anything. */
  private static int requireLength(CharSequence text) {
    int length = text.length();
    if (length < 0) {
      throw new IllegalArgumentException("a text of negative length: length=" + length);
    }
    return length;
  }

  /** Eight characters as eight bytes, or a negative number when one of them is not ASCII. */
  private static long asciiStep(CharSequence text, int i) {
    int c0 = text.charAt(i);
    int c1 = text.charAt(i + 1);
    int c2 = text.charAt(i + 2);
    int c3 = text.charAt(i + 3);
    int c4 = text.charAt(i + 4);
    int c5 = text.charAt(i + 5);
    int c6 = text.charAt(i + 6);
    int c7 = text.charAt(i + 7);
    if ((c0 | c1 | c2 | c3 | c4 | c5 | c6 | c7) >= ASCII_END) {
      return -1;
    }
    // Seven bits each: the sign bit stays clear.
    int low = c0 | c1 << 8 | c2 << 16 | c3 << 24;
    int high = c4 | c5 << 8 | c6 << 16 | c7 << 24;
    return low | (long) high << 32;
  }

  /** Writes the character at {@code i}, or the pair that begins there, and returns its bytes. */
  private static int put(CharSequence text, int i, int length, ByteBuffer target, int at) {
    char c = text.charAt(i);
    if (c < ASCII_END) {
      target.put(at, (byte) c);
      return 1;
    }
    if (c < TWO_BYTES_END) {
      target.put(at, (byte) (0xC0 | c >> 6));
      target.put(at + 1, continuation(c));
      return 2;
    }
    if (!Character.isSurrogate(c)) {
      target.put(at, (byte) (0xE0 | c >> 12));
      target.put(at + 1, continuation(c >> 6));
      target.put(at + 2, continuation(c));
      return 3;
    }
    int codePoint = codePoint(text, i, length);
    target.put(at, (byte) (0xF0 | codePoint >> 18));
    target.put(at + 1, continuation(codePoint >> 12));
    target.put(at + 2, continuation(codePoint >> 6));
    target.put(at + 3, continuation(codePoint));
    return 4;
  }

  private static byte continuation(int bits) {
    return (byte) (0x80 | bits & 0x3F);
  }

  private static int codePoint(CharSequence text, int i, int length) {
    char high = text.charAt(i);
    if (Character.isHighSurrogate(high) && i + 1 < length) {
      char low = text.charAt(i + 1);
      if (Character.isLowSurrogate(low)) {
        return Character.toCodePoint(high, low);
      }
    }
    throw new IllegalArgumentException(
        "text is not well formed: lone surrogate at index=" + i + ", length=" + length);
  }
}
