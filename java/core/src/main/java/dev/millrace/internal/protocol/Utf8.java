// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.ByteBuffer;

/**
 * Validates UTF-8 as it comes, with all that must be known of the bytes so far in one number:
 *
 * <pre>
 *   bits 16-17  continuation bytes that are still to come
 *   bits 8-15   the smallest that the next of them may be
 *   bits 0-7    the greatest
 * </pre>
 *
 * The bounds are what rules out overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629
 * 4); they hold for the first continuation byte only. So a fault is found with the first byte that
 * cannot be right.
 */
public final class Utf8 {
  /** Between two characters: the state to begin with, and the one that a text must end in. */
  public static final int COMPLETE = 0;

  /** The bytes are not UTF-8. */
  public static final int INVALID = -1;

  private static final long HIGH_BITS = 0x8080_8080_8080_8080L;
  private static final int STEP = Long.BYTES;
  private static final int ANY = 0x80BF;
  private static final int ONE = 1 << 16;

  private Utf8() {}

  /**
   * Takes more bytes.
   *
   * @param state what the last call returned, not {@link #INVALID}
   * @param bytes in any order
   * @param from the first of them
   * @param length how many
   * @return the state behind them, or {@link #INVALID}
   */
  public static int append(int state, ByteBuffer bytes, int from, int length) {
    int at = from;
    int end = from + length;
    int now = state;
    while (at < end) {
      if (now == COMPLETE) {
        at = skipAscii(bytes, at, end);
        // Text that is not ASCII here is mostly not ASCII next: whole characters, one by one.
        while (end - at >= 4) {
          int lead = bytes.get(at);
          if (lead >= 0) {
            break;
          }
          int taken = takeWhole(bytes, at, lead);
          if (taken < 0) {
            return INVALID;
          }
          at += taken;
        }
        if (at == end) {
          return COMPLETE;
        }
      }
      now = next(now, bytes.get(at++) & 0xFF);
      if (now == INVALID) {
        return INVALID;
      }
    }
    return now;
  }

  private static int skipAscii(ByteBuffer bytes, int from, int end) {
    int at = from;
    while (end - at >= STEP && (bytes.getLong(at) & HIGH_BITS) == 0) {
      at += STEP;
    }
    while (at < end && bytes.get(at) >= 0) {
      at++;
    }
    return at;
  }

  /** The length of the character that begins here, all of it there, or a negative number. */
  private static int takeWhole(ByteBuffer bytes, int at, int lead) {
    int state = next(COMPLETE, lead & 0xFF);
    if (state == INVALID) {
      return -1;
    }
    int second = bytes.get(at + 1) & 0xFF;
    if (second < (state >> 8 & 0xFF) || second > (state & 0xFF)) {
      return -1;
    }
    int left = state >> 16;
    if (left == 1) {
      return 2;
    }
    // A continuation byte is one below -64.
    if (bytes.get(at + 2) >= -64 || left == 3 && bytes.get(at + 3) >= -64) {
      return -1;
    }
    return left + 1;
  }

  private static int next(int state, int b) {
    if (state != COMPLETE) {
      if (b < (state >> 8 & 0xFF) || b > (state & 0xFF)) {
        return INVALID;
      }
      int left = (state >> 16) - 1;
      return left == 0 ? COMPLETE : left << 16 | ANY;
    }
    if (b < 0x80) {
      return COMPLETE;
    }
    if (b < 0xC2 || b > 0xF4) {
      return INVALID;
    }
    if (b < 0xE0) {
      return ONE | ANY;
    }
    if (b < 0xF0) {
      int bounds = b == 0xE0 ? 0xA0BF : b == 0xED ? 0x809F : ANY;
      return 2 * ONE | bounds;
    }
    int bounds = b == 0xF0 ? 0x90BF : b == 0xF4 ? 0x808F : ANY;
    return 3 * ONE | bounds;
  }
}
