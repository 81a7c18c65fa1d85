// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;

/**
 * When a {@link Client} connects again after a connection was lost. Immutable.
 *
 * @implNote Client connections are not in 0.1.0: a policy can be built, and nothing takes it yet.
 */
public final class Reconnect {

  private static final Reconnect NEVER = new Reconnect(Duration.ZERO, Duration.ZERO);

  private final Duration shortest;
  private final Duration longest;

  private Reconnect(Duration shortest, Duration longest) {
    this.shortest = shortest;
    this.longest = longest;
  }

  /**
   * Never; a lost connection stays lost.
   *
   * @return the policy
   */
  public static Reconnect never() {
    return NEVER;
  }

  /**
   * After a delay that doubles with every failure, with random jitter so that the clients of a
   * restarted server do not return all at once.
   *
   * @param shortest the delay before the first attempt, more than zero
   * @param longest the delay that doubling stops at, at least the shortest
   * @return the policy
   * @throws IllegalArgumentException if the delays are out of range
   */
  public static Reconnect backoff(Duration shortest, Duration longest) {
    if (shortest.isNegative() || shortest.isZero()) {
      throw new IllegalArgumentException("delay must be more than zero: shortest=" + shortest);
    }
    if (longest.compareTo(shortest) < 0) {
      throw new IllegalArgumentException(
          "delays out of order: shortest=" + shortest + ", longest=" + longest);
    }
    return new Reconnect(shortest, longest);
  }

  /**
   * The delay before the first attempt.
   *
   * @return the delay, zero for {@link #never()}
   */
  public Duration shortest() {
    return shortest;
  }

  /**
   * The delay that doubling stops at.
   *
   * @return the delay, zero for {@link #never()}
   */
  public Duration longest() {
    return longest;
  }
}
