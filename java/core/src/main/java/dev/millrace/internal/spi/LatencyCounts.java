// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/** Times counted by the buckets of {@link LatencyRecorder}, whoever counts them. */
@FunctionalInterface
public interface LatencyCounts {

  /**
   * Adds the counts to others. Any thread; allocates nothing.
   *
   * @param into {@link LatencyRecorder#BUCKETS} long
   * @return the longest time that was counted, at least to the width of its bucket; 0 for none
   */
  long addTo(long[] into);
}
