// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A run of direct memory that small blocks of one size are cut from. Under its pool's lock. */
final class Slab {
  /** What it takes of a chunk. */
  static final int UNITS = 4;

  static final int CAPACITY = UNITS * Chunk.UNIT_BYTES;

  private static final int LENGTH = UNITS * Chunk.STRIDE;

  private final ByteBuffer bytes;
  private final @Nullable Chunk chunk;
  private final int unit;
  private int cut;

  /** How many of its blocks are in use, and how many its pool has forgotten; only in a chunk. */
  int inUse;

  int freed;

  /** With memory of its own. */
  Slab() {
    this.bytes = ByteBuffer.allocateDirect(LENGTH);
    this.chunk = null;
    this.unit = 0;
  }

  /** Part of a chunk, from that unit on. */
  Slab(Chunk chunk, int unit) {
    this.bytes = chunk.bytes(unit, LENGTH);
    this.chunk = chunk;
    this.unit = unit;
  }

  Chunk chunk() {
    return Objects.requireNonNull(chunk);
  }

  int unit() {
    return unit;
  }

  boolean hasRoom(int capacity) {
    return bytes.remaining() >= Block.HEADROOM + capacity;
  }

  /** The next block's memory. */
  ByteBuffer cut(int capacity) {
    int length = Block.HEADROOM + capacity;
    ByteBuffer next = bytes.slice(bytes.position(), length);
    bytes.position(bytes.position() + length);
    cut++;
    return next;
  }

  /** How many blocks were cut from it. */
  int cut() {
    return cut;
  }
}
