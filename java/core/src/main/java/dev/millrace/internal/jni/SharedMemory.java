// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The region that belongs to no loop: threads outside the loops take blocks from it. Lives as long
 * as the process.
 */
final class SharedMemory {
  /** The region's id in addresses. */
  static final int REGION_ID = 0;

  private static final ByteBuffer REGION =
      NativeCalls.sharedRegion().order(ByteOrder.LITTLE_ENDIAN);

  private static final ByteBuffer MESSAGES =
      REGION.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);

  private SharedMemory() {}

  /** The region, little-endian. Only absolute access: every thread uses this one object. */
  static ByteBuffer region() {
    return REGION;
  }

  /** The region, read-only, for generated accessors, which show it to users. */
  static ByteBuffer messages() {
    return MESSAGES;
  }

  /** A block with one reference, or a negative number when no memory is left. */
  static long acquire(int length) {
    return NativeCalls.acquireShared(Math.max(1, length));
  }
}
