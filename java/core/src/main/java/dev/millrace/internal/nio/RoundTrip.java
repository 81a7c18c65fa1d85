// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

/**
 * What a connection knows of its pings; exists from the first ping on. The payload of a ping is the
 * time it was sent.
 */
final class RoundTrip {
  /** The bytes of a ping that measures. */
  static final int PAYLOAD_LENGTH = Long.BYTES;

  /** No pong has come yet. */
  static final long UNKNOWN = -1;

  private volatile long lastSentNanos;
  private volatile boolean waiting;
  private volatile long nanos = UNKNOWN;

  /** No ping yet. */
  RoundTrip() {}

  /** A ping leaves with this time. */
  void sent(long nowNanos) {
    lastSentNanos = nowNanos;
    waiting = true;
  }

  /**
   * A pong came with this time; one that answers no ping, or an earlier one, says nothing (RFC 6455
   * 5.5.3).
   *
   * @return whether it was measured
   */
  boolean received(long payload, long nowNanos) {
    if (waiting && payload == lastSentNanos) {
      waiting = false;
      nanos = Math.max(0, nowNanos - payload);
      return true;
    }
    return false;
  }

  /** The last round trip in nanoseconds, or {@link #UNKNOWN}. */
  long nanos() {
    return nanos;
  }
}
