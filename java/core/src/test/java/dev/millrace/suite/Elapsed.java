// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;

/** Time since a moment before a deadline was set: what the deadline does must not come earlier. */
final class Elapsed {

  /** How late a deadline may be on a machine that does other things too. */
  private static final Duration SLACK = Duration.ofSeconds(1);

  /** A clock read on one side of a system call and compared on the other. */
  private static final Duration READING = Duration.ofMillis(1);

  private final long start = System.nanoTime();

  static Elapsed begin() {
    return new Elapsed();
  }

  Duration time() {
    return Duration.ofNanos(System.nanoTime() - start);
  }

  /** What was due after a time has just happened: not before it, and soon after. */
  void assertDue(Duration due, String what) {
    assertDue(due, SLACK, what);
  }

  void assertDue(Duration due, Duration slack, String what) {
    assertNotBefore(due, what);
    Duration taken = time();
    assertTrue(
        taken.compareTo(due.plus(slack)) <= 0, what + " came late: due=" + due + ", at=" + taken);
  }

  void assertNotBefore(Duration due, String what) {
    Duration taken = time();
    assertTrue(
        taken.compareTo(due.minus(READING)) >= 0,
        what + " came early: due=" + due + ", at=" + taken);
  }
}
