// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.ScheduledTask;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A scheduled task of an application. It waits in the loop's heap, and runs or is cancelled,
 * whichever moves it out of WAITING first.
 */
final class NioTimer extends TimerHeap.Entry implements ScheduledTask {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(NioTimer.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int WAITING = 0;
  private static final int BEGUN = 1;
  private static final int CANCELLED = 2;

  private final NioLoop loop;
  private final Runnable task;
  private final long deadlineNanos;

  @SuppressWarnings("unused") // through STATE
  private volatile int state = WAITING;

  NioTimer(NioLoop loop, Runnable task, long deadlineNanos) {
    this.loop = loop;
    this.task = task;
    this.deadlineNanos = deadlineNanos;
  }

  /** Loop thread: the timer is set. */
  void begin() {
    if (state == WAITING) {
      loop.timers().set(this, deadlineNanos);
    } else {
      loop.schedule().ended();
    }
  }

  @Override
  public boolean cancel() {
    if (!STATE.compareAndSet(this, WAITING, CANCELLED)) {
      return false;
    }
    loop.run(this::unset);
    return true;
  }

  private void unset() {
    if (isSet()) {
      loop.timers().cancel(this);
      loop.schedule().ended();
    }
  }

  @Override
  void expire() {
    loop.schedule().ended();
    if (STATE.compareAndSet(this, WAITING, BEGUN)) {
      task.run();
    }
  }
}
