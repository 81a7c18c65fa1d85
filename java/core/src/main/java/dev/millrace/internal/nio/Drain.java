// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.util.List;

/**
 * A loop's orderly end: its connections are told to go away, one after the other so that they do
 * not all come back to another server at once, and have time until a deadline. Loop thread only,
 * but for {@link #hasBegun()}.
 */
final class Drain extends TimerHeap.Entry {
  private final TimerHeap timers;
  private volatile boolean begun;
  private List<NioConnection> leaving = List.of();
  private int told;
  private long beginNanos;
  private long spreadNanos;
  private long deadlineNanos;

  Drain(TimerHeap timers) {
    this.timers = timers;
  }

  /** Any thread. */
  boolean hasBegun() {
    return begun;
  }

  /** Begins to tell them: the i-th of n when so many n-ths of {@code spreadNanos} have passed. */
  void begin(List<NioConnection> connections, long beginNanos, long spreadNanos, long drainNanos) {
    begun = true;
    leaving = connections;
    this.beginNanos = beginNanos;
    this.spreadNanos = spreadNanos;
    deadlineNanos = beginNanos + drainNanos;
    expire();
  }

  /** Tells those whose turn has come. */
  @Override
  void expire() {
    long now = System.nanoTime();
    while (told < leaving.size() && turn(told) - now <= 0) {
      leaving.get(told++).goAway();
    }
    if (told < leaving.size()) {
      timers.set(this, turn(told));
    } else {
      leaving = List.of();
      told = 0;
    }
  }

  private long turn(int i) {
    int count = leaving.size();
    return beginNanos + spreadNanos / count * i + spreadNanos % count * i / count;
  }

  /** Nanoseconds to the deadline; 0 when it has passed. */
  long left(long now) {
    return Math.max(0, deadlineNanos - now);
  }
}
