// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/**
 * What a connection knows of its pings; exists from the first ping on. The payload of a ping is the
 * time it was sent.
 */
public final class RoundTrip {
  /** The bytes of a ping that measures. */
  public static final int PAYLOAD_LENGTH = Long.BYTES;

  /** No pong has come yet. */
  public static final long UNKNOWN = -1;

  private volatile long lastSentNanos;
  private volatile boolean waiting;
  private volatile long nanos = UNKNOWN;

  /** No ping yet. */
  public RoundTrip() {}

  /** A ping leaves with this time. */
  public void sent(long nowNanos) {
    lastSentNanos = nowNanos;
    waiting = true;
  }

  /**
   * A pong came with this time; one that answers no ping, or an earlier one, says nothing (RFC 6455
   * 5.5.3).
   */
  public void received(long payload, long nowNanos) {
    if (waiting && payload == lastSentNanos) {
      waiting = false;
      nanos = Math.max(0, nowNanos - payload);
    }
  }

  /** The last round trip in nanoseconds, or {@link #UNKNOWN}. */
  public long nanos() {
    return nanos;
  }
}
