// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Whether one loop goes on. Its thread shows when it waits and when it works, at the cost of a
 * store; the {@link Watchdog} looks, and reports a loop that has been at the same work for too
 * long: a handler that blocks, as a rule.
 */
public final class LoopWatch {
  private static final Logger LOGGER = System.getLogger("dev.millrace");
  private static final VarHandle STEPS;

  static {
    try {
      STEPS = MethodHandles.lookup().findVarHandle(LoopWatch.class, "steps", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Thread thread;
  private final long thresholdNanos;
  private final LongSupplier refusals;

  /** Even while the loop waits, odd while it works. */
  private long steps;

  // The watchdog's thread only.
  private long seen;
  private long seenSinceNanos;
  private boolean isReported;
  private long refusalsTold;

  private volatile long reports;

  /**
   * A loop that waits.
   *
   * @param thread the loop's
   * @param thresholdNanos how long the same work may take; 0 for as long as it likes
   */
  public LoopWatch(Thread thread, long thresholdNanos) {
    this(thread, thresholdNanos, () -> 0);
  }

  /**
   * A loop that waits.
   *
   * @param thread the loop's
   * @param thresholdNanos how long the same work may take; 0 for as long as it likes
   * @param refusals how often the loop had no memory; called by the watchdog's thread
   */
  public LoopWatch(Thread thread, long thresholdNanos, LongSupplier refusals) {
    this.thread = thread;
    this.thresholdNanos = thresholdNanos;
    this.refusals = refusals;
  }

  /** Loop thread: it is about to wait. */
  public void waits() {
    if ((steps & 1) != 0) {
      STEPS.setOpaque(this, steps + 1);
    }
  }

  /** Loop thread: it works. */
  public void works() {
    if ((steps & 1) == 0) {
      STEPS.setOpaque(this, steps + 1);
    }
  }

  /**
   * How often the loop was found blocked. Any thread.
   *
   * @return one for each time, however long it took
   */
  public long reports() {
    return reports;
  }

  /** How long the same work may take. */
  long thresholdNanos() {
    return thresholdNanos;
  }

  /**
   * Watchdog's thread: looks.
   *
   * @param nowNanos the time
   * @param wasStopped whether the watchdog itself was kept from looking, by a stopped process for
   *     instance: what was seen before says nothing then
   */
  void look(long nowNanos, boolean wasStopped) {
    tellRefusals();
    long step = (long) STEPS.getOpaque(this);
    if (step != seen || (step & 1) == 0 || wasStopped) {
      if (isReported && step != seen) {
        log("a loop goes on: " + describe(nowNanos), null);
        isReported = false;
      }
      seen = step;
      seenSinceNanos = nowNanos;
    } else if (!isReported && nowNanos - seenSinceNanos >= thresholdNanos) {
      StackTraceElement[] stack = thread.getStackTrace();
      // A loop that has gone on meanwhile would be shown at something else.
      if ((long) STEPS.getOpaque(this) == step) {
        report(stack, nowNanos);
      }
    }
  }

  private void tellRefusals() {
    long refused = refusals.getAsLong();
    if (refused > refusalsTold) {
      Flight.memoryRefused(thread.getName(), refused - refusalsTold);
      refusalsTold = refused;
    }
  }

  private void report(StackTraceElement[] stack, long nowNanos) {
    isReported = true;
    Throwable work = new Throwable("what the loop does");
    work.setStackTrace(stack);
    Flight.blocked(
        thread.getName(), nowNanos - seenSinceNanos, stack.length == 0 ? "" : stack[0].toString());
    reports = reports + 1; // who reads it finds the event
    log(
        "a loop is blocked, and all its connections with it: "
            + describe(nowNanos)
            + "; what takes long belongs on a HandlerExecutor",
        work);
  }

  private String describe(long nowNanos) {
    return "loop="
        + thread.getName()
        + ", at the same work for ms="
        + TimeUnit.NANOSECONDS.toMillis(nowNanos - seenSinceNanos);
  }

  private static void log(String message, @Nullable Throwable work) {
    LOGGER.log(Level.WARNING, message, work);
  }
}
