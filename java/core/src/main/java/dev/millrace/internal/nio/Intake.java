// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.spi.LoopCounter;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * What is taken from a peer: how much may be, by the {@link Credits} of the application and the
 * {@link Quota} of the server, and what of it waits in memory. Where either is spent the stream
 * parses no further and reads no more, until the application requests, or the time has come that
 * this one entry of the loop's heap stands for. Loop thread only, but for {@link #pinnedBytes()}.
 */
final class Intake extends TimerHeap.Entry {
  private static final VarHandle PINNED;

  static {
    try {
      PINNED = MethodHandles.lookup().findVarHandle(Intake.class, "pinned", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Stream stream;
  private final NioLoop loop;
  private @Nullable Credits credits;
  private @Nullable Quota quota;
  private long pinned;

  Intake(Stream stream) {
    this.stream = stream;
    loop = stream.loop();
  }

  /** The connection is open. */
  void open() {
    quota = Quota.of(loop.limits(), System.nanoTime());
  }

  /** The stream has ended. */
  void end() {
    loop.timers().cancel(this);
  }

  // ---- Credits and quotas.

  /** From now on there are credits. */
  Credits credits() {
    Credits counted = credits;
    if (counted == null) {
      counted = new Credits(loop.limits().maxCreditBytes());
      credits = counted;
    }
    return counted;
  }

  /** A message is about to be delivered. */
  void take(int length) {
    if (credits != null) {
      credits.take(length);
    }
    if (quota != null) {
      quota.take(length, System.nanoTime());
    }
  }

  /** Whether no message may be delivered. */
  boolean isSpent() {
    return credits != null && credits.areSpent() || quota != null && quota.isSpent();
  }

  /** The stream stops here for want of one or both. */
  void stop() {
    if (credits != null && credits.areSpent()) {
      loop.counters().increment(LoopCounter.CREDIT_STOPS);
    }
    if (quota != null && quota.isSpent()) {
      loop.counters().increment(LoopCounter.QUOTA_STOPS);
      await(quota, System.nanoTime());
    }
  }

  private void await(Quota spent, long now) {
    loop.timers().set(this, now + spent.waitNanos(now));
  }

  @Override
  void expire() {
    Quota refilled = quota;
    if (refilled == null) {
      return;
    }
    long now = System.nanoTime();
    refilled.refill(now);
    if (refilled.isSpent()) {
      await(refilled, now);
    } else {
      stream.updateInterest();
    }
  }

  // ---- Memory.

  /** Any thread: memory that what came pins, of a message in pieces and of input that waits. */
  long pinnedBytes() {
    return (long) PINNED.getOpaque(this);
  }

  /** So many bytes more are pinned, or less. */
  void pin(long more) {
    PINNED.setOpaque(this, pinned + more);
    loop.counters().add(LoopCounter.INBOUND_BYTES_PINNED, more);
  }
}
