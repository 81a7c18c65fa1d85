// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.List;
import java.util.Locale;

/**
 * What {@code --only} names: which engine of ours is compared with whom, and in which cells if none
 * are chosen.
 */
enum Comparison {
  FLOOR("native", true, Cell.PLAIN),
  NETTY(
      "native", true, Cell.ALL.stream().filter(cell -> Targets.toNetty(cell).isPresent()).toList()),
  NETTY_NIO(
      "java",
      false,
      Cell.ALL.stream().filter(cell -> Targets.toNettyNio(cell).isPresent()).toList()),
  DEFLATE("native", false, Cell.COMPRESSED);

  private final String engine;
  private final boolean hasFloor;
  private final List<Cell> cells;

  Comparison(String engine, boolean hasFloor, List<Cell> cells) {
    this.engine = engine;
    this.hasFloor = hasFloor;
    this.cells = cells;
  }

  String engine() {
    return engine;
  }

  /** Whether the floor is measured besides. */
  boolean hasFloor() {
    return hasFloor;
  }

  List<Cell> cells() {
    return cells;
  }

  /** Whether the servers compress: all of them do then, and in every cell. */
  boolean isCompressed() {
    return this == DEFLATE;
  }

  String option() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static Comparison parse(String option) throws UsageException {
    for (Comparison comparison : values()) {
      if (comparison.option().equals(option)) {
        return comparison;
      }
    }
    throw new UsageException(
        "--only is floor, netty, netty-nio, deflate or jmh, not \"" + option + "\"");
  }
}
