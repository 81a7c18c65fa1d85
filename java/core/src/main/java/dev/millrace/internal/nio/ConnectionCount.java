// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.util.concurrent.atomic.AtomicInteger;

/** How many connections a group of loops has, and how many it may have. */
final class ConnectionCount {
  private final int limit;
  private final AtomicInteger held = new AtomicInteger();

  ConnectionCount(int limit) {
    this.limit = limit;
  }

  boolean isFull() {
    return held.get() >= limit;
  }

  /** One more, or false when there are as many as may be. */
  boolean tryAdd() {
    return held.getAndUpdate(count -> count < limit ? count + 1 : count) < limit;
  }

  /** One less. */
  void remove() {
    held.decrementAndGet();
  }

  int get() {
    return held.get();
  }
}
