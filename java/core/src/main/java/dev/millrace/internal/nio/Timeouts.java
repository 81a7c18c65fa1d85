// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Limits;
import java.time.Duration;

/** The times of {@link Limits} in nanoseconds; 0 for none. */
record Timeouts(
    long handshake, long close, long idle, long ping, long maxPing, long pong, long write) {
  private static final Duration LONGEST = Duration.ofDays(3650);

  static Timeouts of(Limits limits) {
    return new Timeouts(
        nanos(limits.handshakeTimeout()),
        nanos(limits.closeTimeout()),
        nanos(limits.idleTimeout()),
        nanos(limits.pingInterval()),
        nanos(limits.maxPingInterval()),
        nanos(limits.pongTimeout()),
        nanos(limits.writeTimeout()));
  }

  /** A duration that is neither negative nor too long for a sum of nanoseconds. */
  static long nanos(Duration duration) {
    if (duration.isNegative()) {
      return 0;
    }
    return duration.compareTo(LONGEST) >= 0 ? LONGEST.toNanos() : duration.toNanos();
  }
}
