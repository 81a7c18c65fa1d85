// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.millrace.suite.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;

/** Against HdrHistogram with two significant digits: the same buckets, so the same counts. */
class LatencyRecorderTest {

  private static final int DIGITS = 2;

  private static Histogram oracle() {
    return new Histogram(1, LatencyRecorder.MAX_NANOS, DIGITS);
  }

  /** Every magnitude equally often. */
  private static long anyNanos(Random random) {
    return random.nextLong() >>> 22 + random.nextInt(42);
  }

  private static void expectSame(Histogram oracle, LatencyRecorder recorder) {
    long[] counts = new long[LatencyRecorder.BUCKETS];
    long longest = recorder.addTo(counts);
    long sum = 0;
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] > 0) {
        long end = LatencyRecorder.longestIn(i);
        assertEquals(end, oracle.highestEquivalentValue(end), "bucket " + i);
        assertEquals(oracle.getCountAtValue(end), counts[i], () -> "of " + end + " ns");
      }
      sum += counts[i];
    }
    assertEquals(oracle.getTotalCount(), sum);
    assertEquals(oracle.getMaxValue(), oracle.highestEquivalentValue(longest), "the longest");
  }

  @Test
  void countsLikeTheOracle() {
    Random random = new Random(6);
    LatencyRecorder recorder = new LatencyRecorder();
    Histogram oracle = oracle();
    for (int i = 0; i < 200_000; i++) {
      long nanos = anyNanos(random);
      recorder.record(nanos);
      oracle.recordValue(nanos);
    }
    expectSame(oracle, recorder);
  }

  @Test
  void everyEdgeOfABucketIsTheOracles() {
    LatencyRecorder recorder = new LatencyRecorder();
    Histogram oracle = oracle();
    for (int i = 0; i < LatencyRecorder.BUCKETS; i++) {
      long longest = LatencyRecorder.longestIn(i);
      assertEquals(i, LatencyRecorder.bucket(longest), "bucket of " + longest);
      for (long nanos = longest - 1; nanos <= longest + 1; nanos++) {
        if (nanos >= 0 && nanos <= LatencyRecorder.MAX_NANOS) {
          recorder.record(nanos);
          oracle.recordValue(nanos);
        }
      }
    }
    expectSame(oracle, recorder);
  }

  @Test
  void whatIsOutOfRangeCountsAtItsEnd() {
    LatencyRecorder recorder = new LatencyRecorder();
    recorder.record(-5);
    recorder.record(Long.MAX_VALUE);
    long[] counts = new long[LatencyRecorder.BUCKETS];
    assertEquals(LatencyRecorder.MAX_NANOS, recorder.addTo(counts));
    assertEquals(1, counts[0]);
    assertEquals(1, counts[LatencyRecorder.BUCKETS - 1]);
  }

  @Test
  void noCountIsLostBetweenThreads() throws Exception {
    LatencyRecorder recorder = new LatencyRecorder();
    List<Task> tasks = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      int first = t;
      tasks.add(
          Task.start(
              "recorder " + t,
              () -> {
                for (int i = 0; i < 50_000; i++) {
                  recorder.record(first + i % 300);
                }
              }));
    }
    for (Task task : tasks) {
      task.join();
    }
    long[] counts = new long[LatencyRecorder.BUCKETS];
    assertEquals(302, recorder.addTo(counts));
    long sum = 0;
    for (long count : counts) {
      sum += count;
    }
    assertEquals(200_000, sum);
  }
}
