// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;
import java.util.Objects;

/**
 * When messages that were gathered leave: as soon as one of three limits is reached. Immutable.
 *
 * @param maxMessages how many messages at most
 * @param maxBytes how many bytes at most, frame headers included
 * @param maxDelay how long the first of them waits at most, to within a few milliseconds
 * @see Connection#batch
 */
public record Batching(int maxMessages, int maxBytes, Duration maxDelay) {

  private static final Duration LONGEST = Duration.ofSeconds(10);
  private static final Batching NONE = new Batching(1, 1, Duration.ofMillis(1));

  /**
   * Checks the limits.
   *
   * @param maxMessages 1 to 65536
   * @param maxBytes 1 to 16777216 (16 MiB)
   * @param maxDelay 1 ms to 10 s
   * @throws IllegalArgumentException if one is out of range
   */
  public Batching {
    Objects.requireNonNull(maxDelay, "maxDelay");
    require("maxMessages", maxMessages, 65_536);
    require("maxBytes", maxBytes, 16 << 20);
    if (maxDelay.compareTo(Duration.ofMillis(1)) < 0 || maxDelay.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException(
          "maxDelay out of range: value=" + maxDelay + ", limits=PT0.001S.." + LONGEST);
    }
  }

  /**
   * Ten messages, 16 KiB or 10 ms, whichever comes first.
   *
   * @return the limits
   */
  public static Batching defaults() {
    return new Batching(10, 16 << 10, Duration.ofMillis(10));
  }

  /**
   * Nothing waits for anything; so begins every connection.
   *
   * @return the limits of a batch of one
   */
  public static Batching none() {
    return NONE;
  }

  private static void require(String name, int value, int highest) {
    if (value < 1 || value > highest) {
      throw new IllegalArgumentException(
          name + " out of range: value=" + value + ", limits=1.." + highest);
    }
  }
}
