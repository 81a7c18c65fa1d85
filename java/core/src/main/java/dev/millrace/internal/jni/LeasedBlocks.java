// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The blocks that were leased last, with their slices: a block that comes back soon, as those of a
 * busy connection do, is shown again without a new slice. A block is nobody's when it is acquired,
 * so no two owners ever share what is kept here. Loop thread only.
 */
final class LeasedBlocks {
  private static final int BITS = 9;
  private static final int MIN_LENGTH = 256;

  /** 2^64 divided by the golden ratio: spreads addresses, which are multiples of large powers. */
  private static final long SPREAD = 0x9E37_79B9_7F4A_7C15L;

  private final @Nullable LeasedBlock[] kept = new LeasedBlock[1 << BITS];

  /**
   * How much of a block is leased where so much is asked for: a power of two, so that a block is
   * always shown whole.
   */
  static int length(int capacity) {
    return capacity <= MIN_LENGTH ? MIN_LENGTH : Integer.highestOneBit(capacity - 1) << 1;
  }

  /** A block that was just acquired, of at least this length. */
  LeasedBlock at(ByteBuffer region, long address, int length) {
    int place = (int) (address * SPREAD >>> Long.SIZE - BITS);
    LeasedBlock before = kept[place];
    if (before != null && before.shows(address, length)) {
      return before.reset();
    }
    LeasedBlock fresh = LeasedBlock.writable(region, address, length);
    kept[place] = fresh;
    return fresh;
  }
}
