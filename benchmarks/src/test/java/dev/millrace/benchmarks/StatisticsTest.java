// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class StatisticsTest {
  @Test
  void medianOfOddCountIsTheMiddleValue() {
    assertThat(Statistics.median(List.of(9.0, 1.0, 3.0))).isEqualTo(3.0);
  }

  @Test
  void medianOfEvenCountIsBetweenTheMiddleValues() {
    assertThat(Statistics.median(List.of(9.0, 1.0, 3.0, 4.0))).isEqualTo(3.5);
  }

  @Test
  void nothingHasNoMedian() {
    assertThatIllegalArgumentException().isThrownBy(() -> Statistics.median(List.of()));
    assertThatIllegalArgumentException().isThrownBy(() -> Statistics.medianInterval(List.of()));
  }

  @Test
  void fiveValuesAreTakenWholeAndCoverLess() {
    Statistics.Interval interval = Statistics.medianInterval(upTo(5));
    assertThat(interval.low()).isEqualTo(1);
    assertThat(interval.high()).isEqualTo(5);
    assertThat(interval.coverage()).isEqualTo(0.9375);
  }

  @Test
  void oneValueCoversNothing() {
    assertThat(Statistics.medianInterval(List.of(7.0))).isEqualTo(new Statistics.Interval(7, 7, 0));
  }

  // Ranks as tabulated for the sign test: 6 -> 1, 9 -> 2, 15 -> 4, 20 -> 6.
  @Test
  void ranksFollowTheBinomialDistribution() {
    assertRank(6, 1, 0.96875);
    assertRank(8, 1, 0.99219);
    assertRank(9, 2, 0.96094);
    assertRank(15, 4, 0.96484);
    assertRank(20, 6, 0.95861);
  }

  @Test
  void orderDoesNotMatter() {
    List<Double> shuffled = List.of(5.0, 1.0, 6.0, 2.0, 4.0, 3.0);
    assertThat(Statistics.medianInterval(shuffled)).isEqualTo(Statistics.medianInterval(upTo(6)));
  }

  private static void assertRank(int count, int rank, double coverage) {
    Statistics.Interval interval = Statistics.medianInterval(upTo(count));
    assertThat(interval.low()).isEqualTo(rank);
    assertThat(interval.high()).isEqualTo(count + 1 - rank);
    assertThat(interval.coverage()).isCloseTo(coverage, within(1e-5));
  }

  private static List<Double> upTo(int count) {
    return IntStream.rangeClosed(1, count).mapToObj(i -> (double) i).toList();
  }
}
