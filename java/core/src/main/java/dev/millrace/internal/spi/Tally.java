// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.util.concurrent.atomic.LongAdder;

/**
 * What happens to the sends of a server or client, counted by whichever thread it happens on. One
 * for each server or client; {@link LoopCounter} has what loops count for themselves.
 */
public final class Tally {

  /** What is counted. */
  public enum Count {
    /** Sends that were refused: over a mark, a full inbox, no memory. */
    REFUSED,
    /** Messages given up for a newer one by {@code DROP_OLDEST}. */
    DROPPED_OLDEST,
    /** Messages given up on arrival by {@code DROP_NEWEST}. */
    DROPPED_NEWEST,
    /** Messages given up for a more important one, or for want of a less important one. */
    DROPPED_BY_PRIORITY,
    /** Messages whose place a newer one with the same key has taken. */
    REPLACED,
    /** Connections closed by the policy {@code CLOSE}. */
    CLOSED_BY_POLICY,
    /** Calls of {@code pause} that had an effect. */
    PAUSES
  }

  private static final int COUNTS = Count.values().length;

  private final LongAdder[] values = new LongAdder[COUNTS];

  /** All zero. */
  public Tally() {
    for (int i = 0; i < COUNTS; i++) {
      values[i] = new LongAdder();
    }
  }

  /**
   * Counts one more. Any thread.
   *
   * @param count of what
   */
  public void add(Count count) {
    add(count, 1);
  }

  /**
   * Counts several more. Any thread.
   *
   * @param count of what
   * @param more how many
   */
  public void add(Count count, long more) {
    values[count.ordinal()].add(more);
    if (count != Count.REFUSED && count != Count.PAUSES) {
      Flight.dropped(count, more);
    }
  }

  /**
   * How often it has happened. Any thread.
   *
   * @param count of what
   * @return a snapshot
   */
  public long get(Count count) {
    return values[count.ordinal()].sum();
  }
}
