// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Bytes that grow at their end. */
final class Bytes {
  private byte[] bytes = new byte[256];
  private int length;

  int length() {
    return length;
  }

  byte at(int index) {
    return bytes[index];
  }

  void set(int index, int value) {
    bytes[index] = (byte) value;
  }

  Bytes clear() {
    length = 0;
    return this;
  }

  Bytes put(int value) {
    reserve(1);
    bytes[length++] = (byte) value;
    return this;
  }

  Bytes put(byte[] source, int from, int count) {
    reserve(count);
    System.arraycopy(source, from, bytes, length, count);
    length += count;
    return this;
  }

  Bytes put(byte[] source) {
    return put(source, 0, source.length);
  }

  Bytes put(Bytes source) {
    return put(source.bytes, 0, source.length);
  }

  /** ISO-8859-1. */
  Bytes put(String text) {
    return put(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  /** The last bytes of a number, its highest first. */
  Bytes putNumber(long value, int count) {
    for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
      put((int) (value >>> shift));
    }
    return this;
  }

  /** Removes a range. */
  void remove(int from, int to) {
    System.arraycopy(bytes, to, bytes, from, length - to);
    length -= to - from;
  }

  /** Inserts one byte. */
  void insert(int index, int value) {
    reserve(1);
    System.arraycopy(bytes, index, bytes, index + 1, length - index);
    bytes[index] = (byte) value;
    length++;
  }

  private void reserve(int more) {
    if (length + more > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, length + more));
    }
  }

  byte[] toArray() {
    return Arrays.copyOf(bytes, length);
  }
}
