// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

import java.util.Random;

/**
 * One call: where, on what, which method, and a seed for its arguments. Numbers, so that a sequence
 * can be printed, cut down and played again.
 */
record Step(Place place, int target, int method, long seed) {

  /** Who calls. */
  enum Place {
    /** The thread that plays the sequence. */
    HERE,
    /** The loop of the target. */
    LOOP,
    /** The loop of another connection. */
    OTHER_LOOP,
    /** A handler of the target, with a message that is valid. */
    HANDLER,
    /** The end of the target. */
    ON_CLOSE,
    /** A thread that plays beside. */
    THREAD,
    /** The same, interrupted. */
    INTERRUPTED
  }

  private static final Place[] PLACES = Place.values();

  static Step random(Random random) {
    return new Step(
        PLACES[random.nextInt(PLACES.length)],
        random.nextInt(1 << 16),
        random.nextInt(1 << 16),
        random.nextLong());
  }
}
