// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import java.util.ArrayList;
import java.util.List;

/**
 * The fields of {@link dev.millrace.flatbuffers.Orders} as JSON has them; less its unions and the
 * nested buffer, for which JSON has no kind.
 *
 * @param id of the order
 * @param symbol of the order
 * @param legs of the order
 * @param tags two, one of them empty
 * @param pairs two
 * @param note what the union holds
 * @param bytes three
 * @param pair one more
 * @param isLast true
 */
public record JsonOrder(
    long id,
    String symbol,
    List<Leg> legs,
    List<String> tags,
    List<Pair> pairs,
    String note,
    byte[] bytes,
    Pair pair,
    boolean isLast) {

  /**
   * Two numbers.
   *
   * @param a the first
   * @param b the second
   */
  public record Pair(int a, int b) {
    long sum() {
      return a + b;
    }
  }

  /**
   * A part of an order.
   *
   * @param symbol of the leg
   * @param price of the leg
   * @param pair of the leg
   */
  public record Leg(String symbol, double price, Pair pair) {
    long sum() {
      return symbol.length() + (long) price + pair.sum();
    }
  }

  static JsonOrder of(int count) {
    List<Leg> legs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      legs.add(new Leg("LEG" + i, i + 0.5, new Pair(5, 6)));
    }
    return new JsonOrder(
        42,
        "SYM",
        legs,
        List.of("a tag", ""),
        List.of(new Pair(1, 2), new Pair(3, 4)),
        "a note",
        new byte[] {1, 2, 3},
        new Pair(9, 10),
        true);
  }

  long sum() {
    long sum = id + symbol.length() + note.length() + pair.sum() + (isLast ? 1 : 0);
    for (Leg leg : legs) {
      sum += leg.sum();
    }
    for (String tag : tags) {
      sum += tag.length();
    }
    for (Pair one : pairs) {
      sum += one.sum();
    }
    for (byte one : bytes) {
      sum += one;
    }
    return sum;
  }
}
