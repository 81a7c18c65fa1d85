// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.ScheduledTask;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A scheduled task of an application. It rides the inbox to its loop, waits there in {@link
 * Timers}, and runs or is cancelled, whichever moves it out of WAITING first.
 */
final class NativeTimer extends LoopTask implements ScheduledTask {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(NativeTimer.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int WAITING = 0;
  private static final int BEGUN = 1;
  private static final int CANCELLED = 2;

  private static final int NO_TOKEN = -1;

  private final NativeLoop loop;
  private final Runnable task;
  private final long deadlineNanos;
  private int token = NO_TOKEN;
  private int generation;

  @SuppressWarnings("unused") // through STATE
  private int state = WAITING;

  NativeTimer(NativeLoop loop, Runnable task, long deadlineNanos) {
    this.loop = loop;
    this.task = task;
    this.deadlineNanos = deadlineNanos;
  }

  /** The loop has received it: the timer is set. */
  @Override
  public void run() {
    if ((int) STATE.getVolatile(this) == WAITING) {
      set();
    } else {
      loop.timerEnded();
    }
  }

  private void set() {
    Timers timers = loop.timers();
    token = timers.add(this::fire);
    generation = timers.generation(token);
    loop.setTimer(token, generation, Math.max(0, deadlineNanos - System.nanoTime()));
  }

  @Override
  public boolean cancel() {
    if (!STATE.compareAndSet(this, WAITING, CANCELLED)) {
      return false;
    }
    loop.post(
        new LoopTask() {
          @Override
          public void run() {
            unset();
          }
        });
    return true;
  }

  private void unset() {
    if (token != NO_TOKEN && loop.timers().remove(token, generation) != null) {
      loop.cancelTimer(token, generation);
      loop.timerEnded();
    }
  }

  private void fire() {
    // The core counts from the beginning of its turn, which is a little earlier than the command.
    if (deadlineNanos - System.nanoTime() > 0) {
      set();
      return;
    }
    loop.timerEnded();
    if (STATE.compareAndSet(this, WAITING, BEGUN)) {
      task.run();
    }
  }
}
