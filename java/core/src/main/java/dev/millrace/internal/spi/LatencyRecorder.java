// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Counts of times by their length, two significant digits of it: the buckets of an HdrHistogram
 * from 1 ns to {@link #MAX_NANOS}. Recording and reading allocate nothing; any thread may do either
 * at any time.
 *
 * <pre>
 *   value in ns     0..255   256..511   512..1023   ...   2^41..2^42-1
 *   bucket width         1          2           4   ...           2^34
 *   buckets            256        128         128   ...            128
 * </pre>
 */
public final class LatencyRecorder implements LatencyCounts {
  private static final int HALF_BITS = 7;
  private static final int HALF = 1 << HALF_BITS;
  private static final int EXACT_MASK = 2 * HALF - 1;
  private static final int DOUBLINGS = 34;

  /** How many buckets there are. */
  public static final int BUCKETS = (DOUBLINGS + 2) * HALF;

  /** The longest time that is told apart, 73 minutes; what is longer counts as that. */
  public static final long MAX_NANOS = ((EXACT_MASK + 1L) << DOUBLINGS) - 1;

  private static final VarHandle COUNTS = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle MAX;

  static {
    try {
      MAX = MethodHandles.lookup().findVarHandle(LatencyRecorder.class, "max", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final long[] counts = new long[BUCKETS];
  private volatile long max;

  /** Nothing counted. */
  public LatencyRecorder() {}

  /**
   * Counts one more. Any thread.
   *
   * @param nanos how long it took; below 0 counts as 0
   */
  public void record(long nanos) {
    long value = Math.max(0, Math.min(nanos, MAX_NANOS));
    COUNTS.getAndAdd(counts, bucket(value), 1L);
    for (long seen = max; value > seen; seen = max) {
      if (MAX.compareAndSet(this, seen, value)) {
        return;
      }
    }
  }

  @Override
  public long addTo(long[] into) {
    for (int i = 0; i < BUCKETS; i++) {
      into[i] += (long) COUNTS.getOpaque(counts, i);
    }
    return max;
  }

  /**
   * Where a time is counted.
   *
   * @param nanos 0 to {@link #MAX_NANOS}
   * @return an index
   */
  public static int bucket(long nanos) {
    int doublings = Long.SIZE - HALF_BITS - 1 - Long.numberOfLeadingZeros(nanos | EXACT_MASK);
    int within = (int) (nanos >>> doublings);
    return ((doublings + 1) << HALF_BITS) + within - HALF;
  }

  /**
   * The longest time that is counted there.
   *
   * @param bucket an index
   * @return nanoseconds
   */
  public static long longestIn(int bucket) {
    int doublings = Math.max(0, (bucket >> HALF_BITS) - 1);
    long within = bucket - ((long) doublings << HALF_BITS);
    return ((within + 1) << doublings) - 1;
  }
}
