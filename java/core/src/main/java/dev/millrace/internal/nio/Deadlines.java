// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import org.jspecify.annotations.Nullable;

/**
 * When a stream's patience with its peer ends. All deadlines are absolute. What moves one away
 * costs a store and no more: the stream's one entry in the heap stays where it is, and whoever is
 * woken by it asks here what has really passed ({@link #due}). Times are given, in nanoseconds of
 * one clock that never goes back; there is no clock here.
 *
 * <pre>
 *   END    of the phase: the opening handshake, the decision on it, the closing handshake
 *   WRITE  while bytes are queued: since the socket took some last
 *   PONG   while open and not resting: since the ping, until any byte comes
 *   IDLE   while open and not resting: since data came or went
 *   PING   while open: the next beat
 * </pre>
 */
final class Deadlines {
  /** What may have passed; the first that has comes first. */
  enum Due {
    END,
    WRITE,
    PONG,
    IDLE,
    PING
  }

  /** There is no deadline. */
  static final long NEVER = Long.MAX_VALUE;

  private static final Due[] ALL = Due.values();

  private final Timeouts timeouts;
  private boolean hasEnd;
  private long endNanos;
  private boolean isBlocked;
  private long progressNanos;
  private boolean isOpen;
  private long movedNanos;
  private boolean rests;
  private boolean isAwaiting;
  private long awaitedNanos;
  private boolean isPinged;
  private long pingNanos;
  private long beatNanos;
  private long intervalNanos;

  Deadlines(Timeouts timeouts) {
    this.timeouts = timeouts;
    intervalNanos = timeouts.ping();
  }

  /** What has passed, or null. */
  @Nullable Due due(long now) {
    for (Due due : ALL) {
      if (isPast(due, now)) {
        return due;
      }
    }
    return null;
  }

  /** Whether this has passed. */
  boolean isPast(Due due, long now) {
    return left(due, now) <= 0;
  }

  /** Nanoseconds to the next deadline, or {@link #NEVER}. */
  long untilNext(long now) {
    long next = NEVER;
    for (Due due : ALL) {
      next = Math.min(next, left(due, now));
    }
    return next;
  }

  private long left(Due due, long now) {
    return switch (due) {
      case END -> hasEnd ? endNanos - now : NEVER;
      case WRITE -> isBlocked ? left(timeouts.write(), progressNanos, now) : NEVER;
      case PONG ->
          isOpen && isAwaiting && !rests ? left(timeouts.pong(), awaitedNanos, now) : NEVER;
      case IDLE -> isOpen && !rests ? left(timeouts.idle(), movedNanos, now) : NEVER;
      case PING -> isOpen && timeouts.ping() > 0 ? beatNanos - now : NEVER;
    };
  }

  private static long left(long timeout, long since, long now) {
    return timeout == 0 ? NEVER : since + timeout - now;
  }

  // ---- The phase.

  /** The phase must end in so many nanoseconds. */
  void endIn(long nanos, long now) {
    hasEnd = true;
    endNanos = now + nanos;
  }

  /** The phase may take as long as it likes: the connection is open. */
  void open(long now) {
    hasEnd = false;
    isOpen = true;
    movedNanos = now;
    beatNanos = now + intervalNanos;
  }

  /** The closing handshake has begun; nobody need show that it is alive. */
  void close() {
    isOpen = false;
  }

  // ---- Writing.

  /** The socket was full, after it had taken something or nothing. */
  void blocked(boolean tookSome, long now) {
    if (tookSome || !isBlocked) {
      progressNanos = now;
    }
    isBlocked = true;
  }

  /** Nothing waits for the socket. */
  void unblocked() {
    isBlocked = false;
  }

  // ---- Idleness.

  /** Whether {@link #moved} is of any use. */
  boolean watchIdleness() {
    return timeouts.idle() > 0;
  }

  /** A part of a message came or went. */
  void moved(long now) {
    movedNanos = now;
  }

  // ---- Pings.

  /** Some bytes came: the peer lives. */
  void received() {
    isAwaiting = false;
  }

  boolean isResting() {
    return rests;
  }

  /** The conversation rests, or goes on: then whoever was to speak has all its time again. */
  void rest(boolean resting, long now) {
    rests = resting;
    awaitedNanos = now;
    movedNanos = now;
  }

  /** Sets the next beat; answers whether a ping should leave with this one. */
  boolean beat(long now) {
    beatNanos += intervalNanos;
    if (beatNanos - now <= 0) {
      beatNanos = now + intervalNanos;
    }
    return !isAwaiting && !rests;
  }

  /** A ping of ours has left, with this time. */
  void pinged(long now) {
    isPinged = true;
    pingNanos = now;
    await(now);
  }

  /** A ping has left, ours or the application's. */
  void await(long now) {
    if (!isAwaiting) {
      isAwaiting = true;
      awaitedNanos = now;
    }
  }

  /** A pong came. Where the interval adapts, it grows with each answer to a ping of ours. */
  void ponged(long payload, long now) {
    if (!isPinged || payload != pingNanos) {
      return;
    }
    isPinged = false;
    if (timeouts.maxPing() > timeouts.ping()) {
      boolean slow = timeouts.pong() > 0 && now - pingNanos > timeouts.pong() / 2;
      intervalNanos = slow ? timeouts.ping() : Math.min(2 * intervalNanos, timeouts.maxPing());
      beatNanos = pingNanos + intervalNanos;
    }
  }
}
