// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import dev.millrace.differential.Stream.Kind;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Makes streams of seeds. One thread. */
final class Streams {
  private final Requests requests = new Requests();
  private final Frames frames = new Frames();
  private final Bytes bytes = new Bytes();
  private final boolean hasHandshakes;

  Streams() {
    this(true);
  }

  /**
   * Makes a source.
   *
   * @param hasHandshakes false for frames alone
   */
  Streams(boolean hasHandshakes) {
    this.hasHandshakes = hasHandshakes;
  }

  Stream of(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Kind kind = kind(random.nextInt(hasHandshakes ? 100 : 94));
    bytes.clear();
    boolean isLast = kind != Kind.VALID;
    if (kind == Kind.HANDSHAKE) {
      requests.write(random, bytes);
      if (random.nextInt(4) > 0) {
        frames.write(random, Kind.CLOSING, bytes);
      }
    } else {
      frames.write(random, kind, bytes);
    }
    return new Stream(seed, kind, bytes.toArray(), cuts(random, bytes.length()), isLast);
  }

  private static Kind kind(int percent) {
    if (percent < 68) {
      return Kind.VALID;
    }
    if (percent < 74) {
      return Kind.CLOSING;
    }
    return percent < 94 ? Kind.HOSTILE : Kind.HANDSHAKE;
  }

  /** Mostly in one piece; sometimes in several; seldom, and if it is short, byte by byte. */
  private static int[] cuts(SplittableRandom random, int length) {
    int choice = random.nextInt(64);
    if (length < 2 || choice > 20) {
      return new int[0];
    }
    if (choice == 0 && length <= 64) {
      int[] all = new int[length - 1];
      Arrays.setAll(all, i -> i + 1);
      return all;
    }
    int count = 1 + random.nextInt(choice < 6 ? 4 : 1);
    return random.ints(count, 1, length).sorted().distinct().toArray();
  }
}
