// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.List;

/** Medians and how sure they are, with no assumption about how the measurements are spread. */
final class Statistics {
  static final double WANTED_COVERAGE = 0.95;

  private Statistics() {}

  /**
   * Where the true median lies.
   *
   * @param coverage how likely it lies there; below 0.95 when there are fewer than six measurements
   */
  record Interval(double low, double high, double coverage) {}

  static double median(List<Double> values) {
    requireValues(values);
    List<Double> sorted = values.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /**
   * The narrowest pair of order statistics, the k-th from below and the k-th from above, that
   * covers the median with at least 95 %. Each measurement falls below the median with probability
   * 1/2, so the k-th from below lies above it when fewer than k do: a binomial tail.
   */
  static Interval medianInterval(List<Double> values) {
    requireValues(values);
    List<Double> sorted = values.stream().sorted().toList();
    int count = sorted.size();
    double probability = Math.pow(0.5, count); // of exactly "below" values under the median
    double tail = probability;
    int rank = 1;
    double coverage = Math.max(0, 1 - 2 * tail);
    for (int below = 1; below < count / 2; below++) {
      probability = probability * (count - below + 1) / below;
      tail += probability;
      if (1 - 2 * tail < WANTED_COVERAGE) {
        break;
      }
      rank = below + 1;
      coverage = 1 - 2 * tail;
    }
    return new Interval(sorted.get(rank - 1), sorted.get(count - rank), coverage);
  }

  private static void requireValues(List<Double> values) {
    if (values.isEmpty()) {
      throw new IllegalArgumentException("no values");
    }
  }
}
