// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.spi.LoopCounter;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** What a loop counts: written by its thread alone, read by any. */
final class Counters {
  private static final VarHandle LONGS = MethodHandles.arrayElementVarHandle(long[].class);
  private static final LoopCounter[] ALL = LoopCounter.values();

  private final long[] values = new long[ALL.length];

  /** Loop thread. */
  void add(LoopCounter counter, long more) {
    int index = counter.ordinal();
    LONGS.setOpaque(values, index, values[index] + more);
  }

  /** Loop thread. */
  void increment(LoopCounter counter) {
    add(counter, 1);
  }

  /** Loop thread. */
  void set(LoopCounter counter, long value) {
    LONGS.setOpaque(values, counter.ordinal(), value);
  }

  /** Any thread. */
  long get(LoopCounter counter) {
    return (long) LONGS.getOpaque(values, counter.ordinal());
  }

  /** Any thread. */
  void read(long[] into) {
    for (int i = 0; i < ALL.length; i++) {
      into[i] = (long) LONGS.getOpaque(values, i);
    }
  }
}
