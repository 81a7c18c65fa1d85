// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits that end: with what was waited for, or with an error that names it. */
public final class Deadline {

  /** Generous: it is only ever used up by a test that fails. A cold machine may take seconds. */
  public static final Duration WAIT = Duration.ofSeconds(30);

  private Deadline() {}

  public static void await(CountDownLatch latch, String what) throws InterruptedException {
    if (!latch.await(WAIT.toMillis(), TimeUnit.MILLISECONDS)) {
      throw missed(what + ", still " + latch.getCount());
    }
  }

  public static <T> T await(CompletionStage<T> stage, String what) throws Exception {
    try {
      return stage.toCompletableFuture().get(WAIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException late) {
      throw missed(what);
    } catch (ExecutionException failed) {
      throw failed.getCause() instanceof Exception cause ? cause : failed;
    }
  }

  public static <T> T take(BlockingQueue<T> queue, String what) throws InterruptedException {
    T taken = queue.poll(WAIT.toMillis(), TimeUnit.MILLISECONDS);
    if (taken == null) {
      throw missed(what);
    }
    return taken;
  }

  public static void join(Thread thread) throws InterruptedException {
    thread.join(WAIT.toMillis());
    if (thread.isAlive()) {
      throw missed("end of thread " + thread.getName());
    }
  }

  /** For a state that announces itself to nobody, such as a counter. */
  public static void until(BooleanSupplier condition, String what) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > WAIT.toNanos()) {
        throw missed(what);
      }
      LockSupport.parkNanos(100_000);
    }
  }

  private static AssertionError missed(String what) {
    return new AssertionError("waited " + WAIT + " in vain for: " + what);
  }
}
