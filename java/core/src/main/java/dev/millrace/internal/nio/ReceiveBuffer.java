// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.nio.ByteBuffer;

/**
 * Where a loop receives: one buffer for all its connections, used again for each receive. A message
 * that arrived whole is read, and sent on, where it lies here.
 */
final class ReceiveBuffer {
  /** The most that one receive brings. */
  static final int QUANTUM = 128 << 10;

  /** Where the bytes begin. */
  static final int START = Block.HEADROOM;

  /** Room for the beginning of a frame that came before. */
  private static final int REST_ROOM = 256;

  private final Block block =
      new Block(null, 0, ByteBuffer.allocateDirect(START + REST_ROOM + QUANTUM));

  Block block() {
    return block;
  }

  /** Room for a receive of at most {@code length} bytes behind a rest. */
  ByteBuffer room(int rest, int length) {
    int from = START + rest;
    return block.io().limit(from + Math.min(length, QUANTUM)).position(from);
  }

  /** Room for a receive of a quantum. */
  ByteBuffer whole() {
    return room(0, QUANTUM);
  }
}
