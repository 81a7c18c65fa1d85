// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.List;
import java.util.Locale;

/** What {@code --only} names: with whom ours is compared, and in which cells if none are chosen. */
enum Comparison {
  FLOOR(Cell.ALL),
  NETTY(Cell.ALL.stream().filter(cell -> Targets.toNetty(cell).isPresent()).toList());

  private final List<Cell> cells;

  Comparison(List<Cell> cells) {
    this.cells = cells;
  }

  List<Cell> cells() {
    return cells;
  }

  String option() {
    return name().toLowerCase(Locale.ROOT);
  }

  static Comparison parse(String option) throws UsageException {
    for (Comparison comparison : values()) {
      if (comparison.option().equals(option)) {
        return comparison;
      }
    }
    throw new UsageException("--only is floor, netty or jmh, not \"" + option + "\"");
  }
}
