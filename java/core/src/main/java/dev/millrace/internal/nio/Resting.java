// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Blocks that have come back and are not used again yet, in checked mode: the oldest first. */
final class Resting {
  /** How many there are at most. */
  static final int MOST = 1024;

  // Null until there is one.
  private @Nullable Block @Nullable [] ring;
  private int oldest;
  private int size;

  int size() {
    return size;
  }

  boolean isEmpty() {
    return size == 0;
  }

  /** One of them, by its age: 0 is the oldest. */
  Block get(int index) {
    return Objects.requireNonNull(Objects.requireNonNull(ring)[(oldest + index) % MOST]);
  }

  /** There is room for it. */
  void add(Block block) {
    @Nullable Block[] blocks = ring;
    if (blocks == null) {
      blocks = new @Nullable Block[MOST];
      ring = blocks;
    }
    blocks[(oldest + size++) % MOST] = block;
  }

  /** Takes the oldest out. */
  Block remove() {
    Block block = get(0);
    Objects.requireNonNull(ring)[oldest] = null;
    oldest = (oldest + 1) % MOST;
    size--;
    return block;
  }
}
