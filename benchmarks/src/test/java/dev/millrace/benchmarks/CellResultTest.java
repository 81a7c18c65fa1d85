// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CellResultTest {
  private final CellResult result = new CellResult(Cell.ALL.get(0), List.of(Peer.OURS, Peer.FLOOR));

  @Test
  void ratiosAreFormedPairByPair() {
    measured(6, 4);
    measured(5, 5);
    measured(9, 6);
    assertThat(result.ratios(Peer.FLOOR)).containsExactly(1.5, 1.0, 1.5);
    assertThat(result.median(Peer.OURS, Run::serverMicros)).isEqualTo(6);
    assertThat(result.failed()).isFalse();
  }

  @Test
  void aFaultTakesAllFiguresOfThatServer() {
    measured(6, 4);
    result.fail(Peer.FLOOR, "1 bad answers, 0 connections closed");
    assertThat(result.runs(Peer.FLOOR)).isEmpty();
    assertThat(result.ratios(Peer.FLOOR)).isEmpty();
    assertThat(result.failed()).isTrue();
  }

  private void measured(double ours, double floor) {
    result.add(Peer.OURS, new Run(ours, 1, 1, 1, null, Map.of()));
    result.add(Peer.FLOOR, new Run(floor, 1, 1, 1, null, Map.of()));
  }
}
