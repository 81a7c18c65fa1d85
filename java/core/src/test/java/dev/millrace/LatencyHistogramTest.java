// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.millrace.internal.spi.LatencyRecorder;
import java.util.Random;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;

/** What is read of times, against HdrHistogram. */
class LatencyHistogramTest {

  private static final double[] PERCENTILES = {0.001, 1, 25, 50, 90, 99, 99.9, 99.99, 100};

  private static LatencyHistogram read(LatencyRecorder... recorders) {
    LatencyHistogram histogram = new LatencyHistogram();
    for (LatencyRecorder recorder : recorders) {
      histogram.add(recorder);
    }
    histogram.sum();
    return histogram;
  }

  @Test
  void percentilesAreTheOracles() {
    Random random = new Random(7);
    for (int size : new int[] {1, 2, 3, 10, 100, 1000, 100_000}) {
      LatencyRecorder[] loops = {new LatencyRecorder(), new LatencyRecorder()};
      Histogram oracle = new Histogram(1, LatencyRecorder.MAX_NANOS, 2);
      for (int i = 0; i < size; i++) {
        long nanos = (long) Math.exp(random.nextGaussian() * 3 + 10);
        loops[i % 2].record(nanos);
        oracle.recordValue(nanos);
      }
      LatencyHistogram histogram = read(loops);
      assertEquals(size, histogram.count());
      for (double percentile : PERCENTILES) {
        assertEquals(
            Math.min(oracle.getValueAtPercentile(percentile), histogram.maxNanos()),
            histogram.nanosAt(percentile),
            "p" + percentile + " of " + size);
      }
    }
  }

  @Test
  void aDifferenceHasOnlyWhatCameBetween() {
    LatencyRecorder recorder = new LatencyRecorder();
    recorder.record(1_000_000);
    LatencyHistogram before = read(recorder);
    recorder.record(100);
    recorder.record(200);
    LatencyHistogram between = new LatencyHistogram();
    between.setToDifference(read(recorder), before);
    assertEquals(2, between.count());
    assertEquals(100, between.nanosAt(50));
    assertEquals(200, between.maxNanos());
  }

  @Test
  void nothingIsZero() {
    LatencyHistogram empty = read();
    assertEquals(0, empty.count());
    assertEquals(0, empty.nanosAt(99));
    assertEquals(0, empty.maxNanos());
    for (double wrong : new double[] {0, -1, 100.1, Double.NaN}) {
      assertThrows(IllegalArgumentException.class, () -> empty.nanosAt(wrong));
    }
  }
}
