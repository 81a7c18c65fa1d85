// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.ScheduledTask;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** The tasks that applications have scheduled on a loop, of which there may be so many. */
final class Schedule {
  private static final int MOST = (1 << 20) - 1;

  private final NioLoop loop;
  private final AtomicInteger waiting = new AtomicInteger();

  Schedule(NioLoop loop) {
    this.loop = loop;
  }

  /** Any thread. */
  ScheduledTask add(Runnable task, Duration delay) {
    if (waiting.incrementAndGet() > MOST) {
      waiting.decrementAndGet();
      throw new IllegalStateException("too many scheduled tasks on a loop: limit=" + MOST);
    }
    NioTimer timer = new NioTimer(loop, task, System.nanoTime() + Timeouts.nanos(delay));
    loop.run(timer::begin);
    return timer;
  }

  /** A task waits no more. */
  void ended() {
    waiting.decrementAndGet();
  }
}
