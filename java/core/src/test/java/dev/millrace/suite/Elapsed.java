// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;

/** Time since a moment before a deadline was set: what the deadline does must not come earlier. */
final class Elapsed {

  /** How late a deadline may be on a machine that does other things too: below what is default. */
  private static final Duration SLACK = Duration.ofSeconds(4);

  /** A clock read on one side of a system call and compared on the other. */
  private static final Duration READING = Duration.ofMillis(1);

  private final long start;

  private Elapsed(long start) {
    this.start = start;
  }

  static Elapsed begin() {
    return since(System.nanoTime());
  }

  /** Since a moment that somebody else has written down. */
  static Elapsed since(long nanoTime) {
    return new Elapsed(nanoTime);
  }

  Duration time() {
    return Duration.ofNanos(System.nanoTime() - start);
  }

  /** What was due after a time has just happened: not before it, and soon after. */
  void assertDue(Duration due, String what) {
    assertNotBefore(due, what);
    Duration taken = time();
    assertTrue(
        taken.compareTo(due.plus(SLACK)) <= 0, what + " came late: due=" + due + ", at=" + taken);
  }

  void assertNotBefore(Duration due, String what) {
    Duration taken = time();
    assertTrue(
        taken.compareTo(due.minus(READING)) >= 0,
        what + " came early: due=" + due + ", at=" + taken);
  }
}
