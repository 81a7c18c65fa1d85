// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Lease;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The half of a lease that is the same in every engine: who has its one reference to a block.
 *
 * <pre>
 *                  +-- giveBack ---------+
 *                  v                     |
 *   GROWING <--> OPEN --take--------> SENT     the reference has passed to a send
 *      |           |                     |
 *      |         close                 close
 *      |           v                     v
 *      +--close-> CLOSED <--giveBack-- SENT_AND_CLOSED
 * </pre>
 *
 * <p>Whoever moves it out of OPEN, with one compare-and-set, has the reference; so it is given up
 * exactly once whatever threads do. Who closes a lease that another thread has taken out of OPEN
 * leaves the reference to that thread: what was sent stays with the send, and {@link #grow} and
 * {@link #giveBack}, which would open it again, give it up instead.
 *
 * <p>That is why a lease is an object of its own, however small: were it used again for the next
 * lease, a late {@code close()} of its first owner, which is allowed and does nothing, would give
 * up the reference of the second.
 */
public abstract class AbstractLease implements Lease, GrowableLease {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(AbstractLease.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int OPEN = 0;
  private static final int SENT = 1;
  private static final int CLOSED = 2;
  private static final int GROWING = 3;
  private static final int SENT_AND_CLOSED = 4;

  private final LeaseWatch.@Nullable Entry watched;
  private volatile int state;

  /**
   * An open one, the first and only owner of its reference.
   *
   * @param capacity its length, for reports
   * @param watch that of its server or client; null unless this process checks
   */
  @SuppressWarnings("this-escape") // as a key: nothing of it is used
  protected AbstractLease(int capacity, @Nullable LeaseWatch watch) {
    watched = watch == null ? null : watch.add(this, capacity);
  }

  /** Gives the reference up. By the one who has it. */
  protected abstract void release();

  /** A number that its memory has, and no other that is in use or rests; in checked mode. */
  protected abstract long memoryNumber();

  /**
   * Moves to a larger block, as {@link #grow} says, and gives the reference to the old one up; or
   * throws, and has changed nothing.
   *
   * @param capacity of the new block
   */
  protected abstract void moveTo(int capacity);

  @Override
  public final void close() {
    int before;
    int after;
    do {
      before = state;
      after = before == SENT || before == SENT_AND_CLOSED ? SENT_AND_CLOSED : CLOSED;
    } while (!STATE.compareAndSet(this, before, after));
    if (before == OPEN) {
      unwatch();
      release();
    } else if (before == GROWING) {
      // Whoever makes it grow gives the reference up.
      unwatch();
    }
  }

  @Override
  public final ByteBuffer grow(int capacity) {
    if (!STATE.compareAndSet(this, OPEN, GROWING)) {
      throw used();
    }
    try {
      if (watched != null) {
        watched.left(memoryNumber());
      }
      moveTo(capacity);
    } finally {
      if (!STATE.compareAndSet(this, GROWING, OPEN)) {
        // Closed meanwhile.
        release();
      }
    }
    return buffer();
  }

  /**
   * Passes the reference to the caller, who sends or releases it.
   *
   * @throws IllegalStateException if the lease was sent or closed
   */
  public final void take() {
    if (!STATE.compareAndSet(this, OPEN, SENT)) {
      throw used();
    }
    unwatch();
  }

  /** Takes back {@link #take}, when the send did not begin after all. By who has taken it. */
  public final void giveBack() {
    if (watched != null) {
      watched.reopen();
    }
    if (!STATE.compareAndSet(this, SENT, OPEN)) {
      // Closed meanwhile.
      state = CLOSED;
      unwatch();
      release();
    }
  }

  private void unwatch() {
    if (watched != null) {
      watched.end(memoryNumber());
    }
  }

  /** Throws if the lease was sent or closed. */
  protected final void requireOpen() {
    if (state != OPEN) {
      throw used();
    }
  }

  private IllegalStateException used() {
    return new IllegalStateException(
        switch (state) {
          case SENT, SENT_AND_CLOSED -> "the lease was sent before";
          case GROWING -> "the lease is being grown by another thread";
          default -> "the lease was closed before";
        });
  }
}
