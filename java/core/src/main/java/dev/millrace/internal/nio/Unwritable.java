// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.util.ArrayDeque;

/**
 * Connections that have reached the mark, or were refused, and wait for {@code onWritable}. Most
 * are told by the fall of their stream; those of whose fall nobody will tell, because it was of
 * posted bytes or for want of memory, are looked at here. Loop thread only.
 */
final class Unwritable extends TimerHeap.Entry {
  private static final long RECHECK_NANOS = 5_000_000;

  private final TimerHeap timers;
  private final ArrayDeque<NioConnection> waiting = new ArrayDeque<>();
  private boolean unchecked;

  Unwritable(TimerHeap timers) {
    this.timers = timers;
  }

  /** One more. Without memory there is no use in looking at once. */
  void add(NioConnection connection, boolean outOfMemory) {
    waiting.add(connection);
    if (outOfMemory) {
      setRecheck();
    } else {
      unchecked = true;
    }
  }

  /** Whether {@link #check} must be called before the loop sleeps. */
  boolean isUnchecked() {
    return unchecked;
  }

  /** Once everything sent has met its socket: tells those that may go on. */
  void check() {
    unchecked = false;
    // What is added meanwhile is looked at in the next turn.
    for (int left = waiting.size(); left > 0; left--) {
      NioConnection connection = waiting.remove();
      if (connection.isStillUnwritable()) {
        waiting.add(connection);
      }
    }
    if (!waiting.isEmpty()) {
      setRecheck();
    }
  }

  private void setRecheck() {
    if (!isSet()) {
      timers.set(this, System.nanoTime() + RECHECK_NANOS);
    }
  }

  /** Has ended the loop's sleep, which is all: every turn checks. */
  @Override
  void expire() {}
}
