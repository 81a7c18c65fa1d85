// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.util.concurrent.atomic.AtomicLong;

/**
 * What the backlogs of all connections of a loop pin together. Their memory is the loop's, which
 * must have some left to receive with: what may be dropped has a quarter of it, and what was
 * promised half. Any thread.
 */
public final class KeptMemory {
  private final long limit;
  private final AtomicLong taken = new AtomicLong();
  private final AtomicLong messages = new AtomicLong();

  /**
   * An account of which nothing is taken.
   *
   * @param regionBytes the memory of the loop
   */
  public KeptMemory(long regionBytes) {
    limit = regionBytes / 4;
  }

  /** Of one message, which comes, or goes where the bytes are below 0. */
  void add(long bytes) {
    taken.addAndGet(bytes);
    messages.addAndGet(bytes > 0 ? 1 : -1);
  }

  boolean hasRoom(long bytesLess) {
    return taken.get() - bytesLess < limit;
  }

  boolean hasRoomForPromise() {
    return taken.get() < 2 * limit;
  }

  /**
   * What is taken now.
   *
   * @return bytes
   */
  public long takenBytes() {
    return taken.get();
  }

  /**
   * How many messages have taken it.
   *
   * @return a number of now
   */
  public long messages() {
    return messages.get();
  }
}
