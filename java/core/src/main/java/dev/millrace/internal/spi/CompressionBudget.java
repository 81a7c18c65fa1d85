// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Compression;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The memory of all connections that keep a window from message to message. It is reckoned when a
 * connection is agreed on, whether or not a message ever follows, and alike for every engine. Any
 * thread.
 */
public final class CompressionBudget {
  private static final int DEFLATER_BYTES = 8 << 10;
  private static final int INFLATER_BYTES = 8 << 10;

  private final long limit;
  private final AtomicLong taken = new AtomicLong();

  /**
   * An account of which nothing is taken.
   *
   * @param limit the most that may be
   */
  public CompressionBudget(long limit) {
    this.limit = limit;
  }

  /** The account of these options. */
  public static CompressionBudget of(Compression compression) {
    return new CompressionBudget(compression.memoryBudgetBytes());
  }

  /** What a compressor with takeover is reckoned at: twice two windows of bytes, and its tables. */
  static long outgoingBytes(int windowBits, int memoryLevel) {
    return (1L << windowBits + 2) + (1L << memoryLevel + 9) + DEFLATER_BYTES;
  }

  /** What the other direction is reckoned at. */
  static long incomingBytes(int windowBits) {
    return (1L << windowBits) + INFLATER_BYTES;
  }

  /** Takes so much, all or nothing. */
  boolean take(long bytes) {
    long before;
    do {
      before = taken.get();
      if (bytes > limit - before) {
        return false;
      }
    } while (!taken.compareAndSet(before, before + bytes));
    return true;
  }

  void giveBack(long bytes) {
    taken.addAndGet(-bytes);
  }

  /**
   * What is taken now.
   *
   * @return bytes
   */
  public long takenBytes() {
    return taken.get();
  }
}
