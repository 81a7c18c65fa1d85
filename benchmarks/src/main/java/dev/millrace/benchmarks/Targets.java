// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * What ours may cost next to another server, as a ratio of server CPU per message.
 *
 * <p>Next to a peer, nothing below the floor with a twentieth on top is asked for: no server of
 * messages gets there, whatever the peer costs.
 */
final class Targets {
  /** So few pairs decide nothing. */
  static final int PAIRS = 15;

  private static final double ABOVE_FLOOR = 1.05;

  private static final Map<String, Double> TO_FLOOR =
      Map.of(
          "64b", 1.08,
          "64b-x16", 1.08,
          "1k-x64", 1.2,
          "4k-x16", 1.2,
          "16k", 1.08,
          "1m", 1.0,
          "text-16k", 1.25);

  private static final Map<String, Double> TO_NETTY =
      Map.of(
          "64b", 0.97,
          "64b-x16", 0.60,
          "1k", 0.97,
          "16k", 0.70,
          "1m", 0.60);

  /** Both are selectors and the same JDK: ours may not cost more. */
  private static final Map<String, Double> TO_NETTY_NIO = Map.of("64b-x16", 1.0);

  /** Bun's server is uWebSockets, which hands whole messages to libdeflate as we do. */
  private static final Map<String, Double> TO_BUN = Map.of("deflate-1k", 0.9);

  private Targets() {}

  static OptionalDouble toNetty(Cell cell) {
    return optional(TO_NETTY.get(cell.name()));
  }

  static OptionalDouble toNettyNio(Cell cell) {
    return optional(TO_NETTY_NIO.get(cell.name()));
  }

  /** Empty where nothing is aimed at, or the floor that decides was not measured. */
  static OptionalDouble of(CellResult result, String other) {
    return switch (other) {
      case Peer.FLOOR -> optional(TO_FLOOR.get(result.cell().name()));
      case Peer.NETTY_NIO -> toNettyNio(result.cell());
      case Peer.BUN -> optional(TO_BUN.get(result.cell().name()));
      case Peer.NETTY_TUNED -> {
        OptionalDouble ratio = toNetty(result.cell());
        List<Double> floors = result.ratios(Peer.FLOOR, other);
        yield ratio.isEmpty() || floors.isEmpty()
            ? OptionalDouble.empty()
            : OptionalDouble.of(
                Math.max(ratio.getAsDouble(), ABOVE_FLOOR * Statistics.median(floors)));
      }
      default -> OptionalDouble.empty();
    };
  }

  /** A target is met when the lower end of the interval does not exceed it. */
  static String verdict(List<Double> ratios, double target) {
    if (ratios.size() < PAIRS) {
      return "open";
    }
    return Statistics.medianInterval(ratios).low() <= target ? "met" : "missed";
  }

  private static OptionalDouble optional(@Nullable Double value) {
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value);
  }
}
