// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * How long a loop has waited for something to do. The clock is read twice for each wait, and not at
 * all by a turn that only looks. Whoever reads while the loop waits counts what has passed of that,
 * by one word, so that the sum never goes back:
 *
 * <pre>
 *   working   what was waited                       | 0
 *   waiting   what was waited, less when it began   | 1
 * </pre>
 */
final class WaitedTime {
  private static final VarHandle WORD;

  static {
    try {
      WORD = MethodHandles.lookup().findVarHandle(WaitedTime.class, "word", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  // Times are counted from here on, so that they fit beside the bit.
  private final long baseNanos = System.nanoTime();

  private long word;

  // When the last wait was over. Loop thread only.
  private long endedNanos = baseNanos;

  /** Loop thread: it is about to wait. */
  void begin() {
    WORD.setOpaque(this, (word >> 1) - (System.nanoTime() - baseNanos) << 1 | 1);
  }

  /** Loop thread: it does not wait any more; does nothing if it did not. */
  void end() {
    if ((word & 1) != 0) {
      endedNanos = System.nanoTime();
      WORD.setOpaque(this, (word >> 1) + (endedNanos - baseNanos) << 1);
    }
  }

  /** Loop thread: when the last wait was over. */
  long endedNanos() {
    return endedNanos;
  }

  /** Any thread. */
  long nanos() {
    long read = (long) WORD.getOpaque(this);
    return (read >> 1) + ((read & 1) == 0 ? 0 : System.nanoTime() - baseNanos);
  }
}
