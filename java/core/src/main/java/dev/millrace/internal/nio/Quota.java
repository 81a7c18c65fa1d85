// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Limits;
import org.jspecify.annotations.Nullable;

/**
 * What a peer may send a second, by messages and by bytes of payload: two buckets that hold what
 * comes in a second and are full at first. A message takes its whole length even where less is
 * left. Once one is spent it stays so until {@link #refill} has found both good for a message
 * again. Times are given, in nanoseconds of one clock that never goes back. Loop thread only.
 */
final class Quota {
  /** Nobody is woken for less than what comes in this time. */
  static final long LEAST_WAIT_NANOS = 10_000_000;

  private static final double NANOS_PER_SECOND = 1e9;

  private final double messagesPerSecond;
  private final double bytesPerSecond;
  private double messages;
  private double bytes;
  private long filledNanos;
  private boolean isSpent;

  private Quota(double messagesPerSecond, double bytesPerSecond, long now) {
    this.messagesPerSecond = messagesPerSecond;
    this.bytesPerSecond = bytesPerSecond;
    messages = messagesPerSecond;
    bytes = bytesPerSecond;
    filledNanos = now;
  }

  /** The quota of a connection that begins now; null if there is none. */
  static @Nullable Quota of(Limits limits, long now) {
    int messages = limits.maxMessagesPerSecond();
    long bytes = limits.maxBytesPerSecond();
    return messages == Limits.UNLIMITED && bytes == Long.MAX_VALUE
        ? null
        : new Quota(messages, bytes, now);
  }

  /** A message is delivered. */
  void take(int length, long now) {
    fill(now);
    messages--;
    bytes -= length;
    isSpent |= areEmpty();
  }

  /** Whether no message may be delivered. */
  boolean isSpent() {
    return isSpent;
  }

  /** What has come since is there. */
  void refill(long now) {
    fill(now);
    isSpent = areEmpty();
  }

  /** Nanoseconds until both are good for a message, at least {@link #LEAST_WAIT_NANOS}. */
  long waitNanos(long now) {
    double forMessage = (1 - messages) / messagesPerSecond;
    double forBytes = (1 - bytes) / bytesPerSecond;
    long nanos = (long) Math.ceil(NANOS_PER_SECOND * Math.max(forMessage, forBytes));
    return Math.max(LEAST_WAIT_NANOS, filledNanos + nanos - now);
  }

  private boolean areEmpty() {
    return messages < 1 || bytes < 1;
  }

  private void fill(long now) {
    double seconds = (now - filledNanos) / NANOS_PER_SECOND;
    filledNanos = now;
    messages = Math.min(messagesPerSecond, messages + seconds * messagesPerSecond);
    bytes = Math.min(bytesPerSecond, bytes + seconds * bytesPerSecond);
  }
}
