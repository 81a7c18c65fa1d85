// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Looks at all loops of the process, several times within the time that each may take. One daemon
 * thread, which is there as long as there is a loop to watch.
 */
public final class Watchdog {
  private static final long SHORTEST_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final long LONGEST_PAUSE_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final int LOOKS_WITHIN_THRESHOLD = 4;

  private static final Object LOCK = new Object();
  private static final List<LoopWatch> WATCHED = new ArrayList<>();
  private static @Nullable Thread thread;

  private Watchdog() {}

  /**
   * Any thread: watches a loop from now on.
   *
   * @param loop one that may take for ever (a threshold of 0) is not looked at
   */
  public static void watch(LoopWatch loop) {
    if (loop.thresholdNanos() == 0) {
      return;
    }
    synchronized (LOCK) {
      WATCHED.add(loop);
      if (thread == null) {
        Thread started = new Thread(null, Watchdog::run, "millrace-watchdog");
        started.setDaemon(true);
        // It may outlive the server that started it, whose application must not be kept.
        started.setContextClassLoader(null);
        started.start();
        thread = started;
      }
      LOCK.notifyAll();
    }
  }

  /**
   * Any thread: a loop has ended.
   *
   * @param loop one that was watched, or was not
   */
  public static void forget(LoopWatch loop) {
    synchronized (LOCK) {
      WATCHED.remove(loop);
      LOCK.notifyAll();
    }
  }

  private static void run() {
    List<LoopWatch> loops = new ArrayList<>();
    long lookedNanos = System.nanoTime();
    while (true) {
      long pauseNanos;
      synchronized (LOCK) {
        if (WATCHED.isEmpty()) {
          thread = null;
          Flight.flush();
          return;
        }
        pauseNanos = pauseNanos();
        pause(lookedNanos + pauseNanos);
        loops.clear();
        loops.addAll(WATCHED);
      }
      long now = System.nanoTime();
      boolean wasStopped = now - lookedNanos > 2 * pauseNanos;
      for (LoopWatch loop : loops) {
        try {
          loop.look(now, wasStopped);
        } catch (Throwable t) {
          ErrorLog.log("a loop could not be looked at", t);
        }
      }
      lookedNanos = now;
      Flight.flush();
    }
  }

  private static long pauseNanos() {
    long pause = LONGEST_PAUSE_NANOS;
    for (LoopWatch loop : WATCHED) {
      pause = Math.min(pause, loop.thresholdNanos() / LOOKS_WITHIN_THRESHOLD);
    }
    return Math.max(SHORTEST_PAUSE_NANOS, pause);
  }

  /** Until then, or until there is nothing to watch. */
  private static void pause(long untilNanos) {
    long left = untilNanos - System.nanoTime();
    while (left > 0 && !WATCHED.isEmpty()) {
      try {
        LOCK.wait(left / 1_000_000, (int) (left % 1_000_000));
      } catch (InterruptedException e) {
        // Nobody is meant to interrupt it; it looks earlier.
        return;
      }
      left = untilNanos - System.nanoTime();
    }
  }
}
