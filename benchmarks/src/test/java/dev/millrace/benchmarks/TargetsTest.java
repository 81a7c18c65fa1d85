// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TargetsTest {
  @Test
  void nextToNettyTheRatioDecidesUnlessTheFloorIsCloser() throws UsageException {
    assertThat(target("16k", 6, 10)).hasValue(0.70);
    assertThat(target("16k", 8, 10)).hasValue(1.05 * 0.8);
  }

  @Test
  void nextToTheFloorItIsTheRatioAlone() throws UsageException {
    assertThat(Targets.of(result("1m", 6, 10), Peer.FLOOR)).hasValue(1.0);
    assertThat(Targets.of(result("64b", 6, 10), Peer.FLOOR)).hasValue(1.08);
  }

  @Test
  void whereNothingIsAimedAtThereIsNone() throws UsageException {
    assertThat(Targets.of(result("1k", 6, 10), Peer.FLOOR)).isEmpty();
    assertThat(Targets.of(result("4k-x16", 6, 10), Peer.NETTY_TUNED)).isEmpty();
    assertThat(Targets.of(result("64b", 6, 10), Peer.NETTY_DEFAULT)).isEmpty();
  }

  @Test
  void nextToNettyOnNioTheJavaEngineMayNotCostMore() throws UsageException {
    assertThat(Targets.of(result("64b-x16", 6, 10), Peer.NETTY_NIO)).hasValue(1.0);
    assertThat(Targets.of(result("64b", 6, 10), Peer.NETTY_NIO)).isEmpty();
  }

  @Test
  void withoutTheFloorNoTargetNextToNettyIsKnown() throws UsageException {
    CellResult result = result("64b", 6, 10);
    result.fail(Peer.FLOOR, "it has ended");
    assertThat(Targets.of(result, Peer.NETTY_TUNED)).isEmpty();
  }

  @Test
  void nextToBunTheRatioAloneDecides() throws UsageException {
    CellResult result = new CellResult(Cell.parse("deflate-1k").get(0), List.of(Peer.OURS));
    assertThat(Targets.of(result, Peer.BUN)).hasValue(0.9);
    assertThat(Targets.of(result, Peer.NODE_WS)).isEmpty();
  }

  @Test
  void theLowerEndOfTheIntervalDecides() {
    assertThat(Targets.verdict(Collections.nCopies(15, 0.7), 0.7)).isEqualTo("met");
    assertThat(Targets.verdict(Collections.nCopies(15, 0.71), 0.7)).isEqualTo("missed");
    assertThat(Targets.verdict(Collections.nCopies(14, 0.5), 0.7)).isEqualTo("open");
    // Of fifteen ratios the fourth from below is the lower end.
    assertThat(Targets.verdict(ratios(4), 0.7)).isEqualTo("met");
    assertThat(Targets.verdict(ratios(3), 0.7)).isEqualTo("missed");
  }

  private static List<Double> ratios(int good) {
    return IntStream.range(0, 15).mapToObj(i -> i < good ? 0.6 : 0.8).toList();
  }

  private static OptionalDouble target(String cell, double floor, double netty)
      throws UsageException {
    return Targets.of(result(cell, floor, netty), Peer.NETTY_TUNED);
  }

  private static CellResult result(String cell, double floor, double netty) throws UsageException {
    CellResult result =
        new CellResult(Cell.parse(cell).get(0), List.of(Peer.OURS, Peer.FLOOR, Peer.NETTY_TUNED));
    result.add(Peer.OURS, run(7));
    result.add(Peer.FLOOR, run(floor));
    result.add(Peer.NETTY_TUNED, run(netty));
    return result;
  }

  private static Run run(double micros) {
    return new Run(micros, 1, 1, 1, null, Map.of());
  }
}
