// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** The most recent trades. */
final class Tape {
  /** How many it remembers. */
  static final int CAPACITY = 50;

  private final Deque<Execution> executions = new ArrayDeque<>(CAPACITY);
  private long lastNumber;

  void add(int price, int quantity, Side taker, long timeMillis) {
    if (executions.size() == CAPACITY) {
      executions.removeFirst();
    }
    executions.addLast(new Execution(++lastNumber, price, quantity, taker, timeMillis));
  }

  /** The number of the last trade, 0 before the first. */
  long lastNumber() {
    return lastNumber;
  }

  /** Those after trade {@code number} that are still remembered, oldest first. */
  List<Execution> after(long number) {
    List<Execution> after = new ArrayList<>();
    for (Execution execution : executions) {
      if (execution.number() > number) {
        after.add(execution);
      }
    }
    return after;
  }
}
