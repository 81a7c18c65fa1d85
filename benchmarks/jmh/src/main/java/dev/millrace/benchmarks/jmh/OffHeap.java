// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import java.nio.ByteBuffer;

/** Direct buffers that begin where a payload does: 14 bytes behind the start of a page. */
final class OffHeap {
  private static final int PAGE = 4096;

  /** The longest header of a frame. */
  static final int HEADER = 14;

  private OffHeap() {}

  static ByteBuffer allocate(int length) {
    return ByteBuffer.allocateDirect(length + 2 * PAGE).alignedSlice(PAGE).slice(HEADER, length);
  }

  static ByteBuffer copyOf(byte[] bytes) {
    return allocate(bytes.length).put(0, bytes);
  }

  static byte[] bytesOf(ByteBuffer buffer, int offset, int length) {
    byte[] bytes = new byte[length];
    buffer.get(offset, bytes);
    return bytes;
  }
}
