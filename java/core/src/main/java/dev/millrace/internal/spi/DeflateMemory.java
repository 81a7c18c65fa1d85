// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.util.concurrent.atomic.AtomicLong;

/** What one connection has taken of a {@link CompressionBudget}, until it is released. */
final class DeflateMemory implements Admission {
  private final CompressionBudget budget;
  private final AtomicLong held = new AtomicLong();

  DeflateMemory(CompressionBudget budget) {
    this.budget = budget;
  }

  /** Takes so much more, or nothing. */
  boolean take(long bytes) {
    if (!budget.take(bytes)) {
      return false;
    }
    held.addAndGet(bytes);
    return true;
  }

  /** Keeps no more than that. */
  void keep(long bytes) {
    budget.giveBack(held.getAndSet(bytes) - bytes);
  }

  boolean isEmpty() {
    return held.get() == 0;
  }

  @Override
  public void release() {
    budget.giveBack(held.getAndSet(0));
  }
}
