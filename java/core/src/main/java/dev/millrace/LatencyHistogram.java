// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.LatencyCounts;
import dev.millrace.internal.spi.LatencyRecorder;
import java.util.Arrays;

/**
 * How long something took, as often as it was measured: a snapshot, as part of {@link Statistics}.
 * Values have two significant digits, as in an HdrHistogram, and reach from 1 ns to 73 minutes.
 * Reading allocates nothing. Belongs to one thread at a time.
 */
public final class LatencyHistogram {

  private final long[] counts = new long[LatencyRecorder.BUCKETS];
  private long count;
  private long max;

  /** Nothing measured. */
  LatencyHistogram() {}

  void clear() {
    Arrays.fill(counts, 0);
    count = 0;
    max = 0;
  }

  void add(LatencyCounts more) {
    max = Math.max(max, more.addTo(counts));
  }

  /** After the last {@link #add}. */
  void sum() {
    long sum = 0;
    for (long in : counts) {
      sum += in;
    }
    count = sum;
  }

  /** What was measured between two snapshots; its maximum is known to the width of a bucket. */
  void setToDifference(LatencyHistogram later, LatencyHistogram earlier) {
    long longest = 0;
    for (int i = 0; i < counts.length; i++) {
      counts[i] = Math.max(0, later.counts[i] - earlier.counts[i]);
      if (counts[i] > 0) {
        longest = LatencyRecorder.longestIn(i);
      }
    }
    max = Math.min(longest, later.max);
    sum();
  }

  /**
   * How often it was measured, which for sampled times is less often than it happened.
   *
   * @return how many
   */
  public long count() {
    return count;
  }

  /**
   * The longest of all.
   *
   * @return nanoseconds, 0 if nothing was measured
   */
  public long maxNanos() {
    return max;
  }

  /**
   * The time within which so much of all was done.
   *
   * @param percentile above 0, up to 100, such as 99.9
   * @return nanoseconds, 0 if nothing was measured
   * @throws IllegalArgumentException if the percentile is out of range
   */
  public long nanosAt(double percentile) {
    if (!(percentile > 0 && percentile <= 100)) {
      throw new IllegalArgumentException(
          "percentile out of range: percentile=" + percentile + ", limits=above 0..100");
    }
    // The next smaller number, so that the rounding of the product does not cost a whole count.
    double wanted = Math.ceil(Math.nextDown(percentile) * count / 100);
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (counts[i] > 0 && seen >= wanted) {
        return Math.min(max, LatencyRecorder.longestIn(i));
      }
    }
    return max;
  }

  @Override
  public String toString() {
    return "LatencyHistogram[count="
        + count
        + ", p50="
        + nanosAt(50)
        + ", p90="
        + nanosAt(90)
        + ", p99="
        + nanosAt(99)
        + ", p99.9="
        + nanosAt(99.9)
        + ", max="
        + max
        + "]";
  }
}
