// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.UpgradeResult;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What the Java half of a loop counts, the same in every engine: how connections begin and end, and
 * how long messages wait and are handled, and what waits for executors. Counted by the loop's
 * thread, but for what executors take, and read by any.
 *
 * <p>Times are sampled: of one message in {@value #SAMPLED_ONE_IN}. The others cost a decrement,
 * and no clock is read for them. What is sampled is counted down by messages and not by time, so
 * that every message is as likely as any other to be among them.
 */
public final class LoopMeter {
  /** Of so many messages one is measured. */
  public static final int SAMPLED_ONE_IN = 64;

  /** Close codes that are counted each for itself: 1000 to 1015. */
  public static final int SINGLE_CODES = 16;

  /** Behind them: 3000 to 3999, 4000 to 4999, and the others. */
  public static final int CODES = SINGLE_CODES + 3;

  /** In place of a time. */
  public static final int NOT_MEASURED = 0;

  private static final VarHandle LONGS = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int RESULTS = UpgradeResult.values().length;

  // About 1 us, so that 73 minutes, the longest time that is told, fit into 32 bits.
  private static final int STAMP_SHIFT = 10;

  private final long[] closes = new long[CODES];
  private final long[] upgrades = new long[RESULTS];
  private final LatencyRecorder queueTime = new LatencyRecorder();
  private final LatencyRecorder handlerTime = new LatencyRecorder();
  private final @Nullable LatencyRecorder roundTrip;
  private final LatencyCounts roundTrips;

  // Of the loop's thread and of executors.
  private final AtomicLong executorBytes = new AtomicLong();

  // Loop thread only.
  private int untilSample = SAMPLED_ONE_IN;
  private long turnNanos;

  /** Nothing counted. */
  public LoopMeter() {
    LatencyRecorder recorder = new LatencyRecorder();
    roundTrip = recorder;
    roundTrips = recorder;
  }

  /**
   * Nothing counted here.
   *
   * @param roundTrips counted elsewhere
   */
  public LoopMeter(LatencyCounts roundTrips) {
    roundTrip = null;
    this.roundTrips = roundTrips;
  }

  // ---- Connections. Loop thread.

  /**
   * A request for a WebSocket was answered by the engine.
   *
   * @param result how
   */
  public void upgrade(UpgradeResult result) {
    increment(upgrades, result.ordinal());
    if (result != UpgradeResult.ACCEPTED) {
      Flight.refused(result, "");
    }
  }

  /**
   * A connection has ended.
   *
   * @param code as its handler is told
   */
  public void closed(int code) {
    increment(closes, place(code));
  }

  private static void increment(long[] counts, int index) {
    LONGS.setOpaque(counts, index, counts[index] + 1);
  }

  /**
   * Where a close code is counted.
   *
   * @param code any number
   * @return an index below {@link #CODES}
   */
  public static int place(int code) {
    if (code >= 1000 && code < 1000 + SINGLE_CODES) {
      return code - 1000;
    }
    int thousands = code / 1000;
    return thousands == 3 || thousands == 4 ? SINGLE_CODES + thousands - 3 : CODES - 1;
  }

  // ---- Messages.

  /**
   * Loop thread: a turn begins to hand out what has come.
   *
   * @param messages how many at most
   */
  public void turnBegins(int messages) {
    if (untilSample <= messages) {
      turnNanos = System.nanoTime();
    }
  }

  /**
   * Loop thread: a turn began then to hand out what had come.
   *
   * @param nanos of {@link System#nanoTime()}
   */
  public void turnBegan(long nanos) {
    turnNanos = nanos;
  }

  /**
   * Loop thread, once for each message that is handed out.
   *
   * @return whether this one is measured
   */
  public boolean samples() {
    if (--untilSample > 0) {
      return false;
    }
    untilSample = SAMPLED_ONE_IN;
    return true;
  }

  /**
   * Loop thread: the handler is about to be called with a message that is measured.
   *
   * @return what {@link #handlerEnds} takes
   */
  public long handlerBegins() {
    long now = System.nanoTime();
    queueTime.record(now - turnNanos);
    return now;
  }

  /**
   * Loop thread: a message that is measured goes to the queue of its handler.
   *
   * @return what {@link #queuedHandlerBegins} takes; never {@link #NOT_MEASURED}
   */
  public int queues() {
    return stamp(System.nanoTime());
  }

  /** The time in few bits, so that a message in a queue is no larger for it. */
  static int stamp(long now) {
    int stamp = (int) (now >>> STAMP_SHIFT);
    return stamp == NOT_MEASURED ? NOT_MEASURED + 1 : stamp;
  }

  /** Nanoseconds from a stamp until now. */
  static long since(int stamp, long now) {
    int steps = (int) (now >>> STAMP_SHIFT) - stamp;
    // One step in the future: the stamp that would have been NOT_MEASURED.
    return steps == -1 ? 0 : Integer.toUnsignedLong(steps) << STAMP_SHIFT;
  }

  /**
   * Any thread: the handler is about to be called with a message from its queue.
   *
   * @param queued what {@link #queues} gave
   * @return what {@link #handlerEnds} takes
   */
  public long queuedHandlerBegins(int queued) {
    long now = System.nanoTime();
    queueTime.record(since(queued, now));
    return now;
  }

  /**
   * Any thread: the handler has returned.
   *
   * @param began when it was called
   */
  public void handlerEnds(long began) {
    handlerTime.record(System.nanoTime() - began);
  }

  /**
   * Any thread: so much more is pinned by messages for executors, or less.
   *
   * @param more bytes, below 0 where a message has been handled or dropped
   */
  public void pin(long more) {
    executorBytes.getAndAdd(more);
  }

  /**
   * A ping was answered.
   *
   * @param nanos after this time
   */
  public void roundTrip(long nanos) {
    Objects.requireNonNull(roundTrip, "counted elsewhere").record(nanos);
  }

  // ---- Reading. Any thread.

  /**
   * Memory that messages pin which wait for handlers on executors, or are with them.
   *
   * @return bytes
   */
  public long executorBytes() {
    return executorBytes.get();
  }

  /**
   * Adds to a loop's counters what stands here, and not with the engine.
   *
   * @param values in the order of {@link LoopCounter}
   */
  public void addTo(long[] values) {
    values[LoopCounter.INBOUND_BYTES_PINNED.ordinal()] += executorBytes();
  }

  /**
   * Adds what was counted of connections.
   *
   * @param closes by {@link #place}
   * @param upgrades by the ordinal of {@link UpgradeResult}
   */
  public void addTo(long[] closes, long[] upgrades) {
    for (int i = 0; i < CODES; i++) {
      closes[i] += (long) LONGS.getOpaque(this.closes, i);
    }
    for (int i = 0; i < RESULTS; i++) {
      upgrades[i] += (long) LONGS.getOpaque(this.upgrades, i);
    }
  }

  /**
   * How long messages wait until their handler begins.
   *
   * @return the times of those that were sampled
   */
  public LatencyCounts queueTime() {
    return queueTime;
  }

  /**
   * How long handlers take for a message.
   *
   * @return the times of those that were sampled
   */
  public LatencyCounts handlerTime() {
    return handlerTime;
  }

  /**
   * How long answers to pings take.
   *
   * @return the times of all
   */
  public LatencyCounts roundTrip() {
    return roundTrips;
  }
}
