// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.MillraceException;

/**
 * How {@link Limits#maxMemoryBytes()} is shared out when a server or client starts. The shares are
 * fixed, so that no message needs a count that loops have in common, and no loop's peers can take
 * what another's need.
 *
 * <pre>
 *   ceiling = shared: threads outside the loops   a quarter, native engine
 *           + compression: the budget and each loop's state, at most a quarter
 *           + the loop of the administration socket, where there is one
 *           + loops x a loop's region
 * </pre>
 *
 * @param ceilingBytes what is shared out
 * @param sharedBytes for blocks of threads outside the loops
 * @param compressionBudgetBytes for windows that live on
 * @param compressionBytes that, and what each loop needs to compress at all
 * @param administrationBytes the region of the loop that tells of the others
 * @param loops how many loops there are
 * @param loopBytes the region of each
 */
public record MemoryShares(
    long ceilingBytes,
    long sharedBytes,
    long compressionBudgetBytes,
    long compressionBytes,
    long administrationBytes,
    int loops,
    long loopBytes) {
  private static final long MEBIBYTE = 1 << 20;
  private static final long MIN_LOOP_BYTES = 16 * MEBIBYTE;

  /** The region that threads outside the loops share has no more. */
  private static final long MAX_SHARED_BYTES = 1 << 30;

  /** What a loop's own compressor and decompressor are reckoned at. */
  static final long CODEC_BYTES = MEBIBYTE;

  /** What threads outside the loops may take, on the native engine. */
  public static long sharedBytes(Limits limits) {
    return Math.min(limits.maxMemoryBytes() / 4, MAX_SHARED_BYTES);
  }

  /**
   * The shares of a server or client.
   *
   * @param administrationBytes what is taken for a loop besides; 0 for none
   * @throws MillraceException if a loop would have too little, with all numbers
   */
  public static MemoryShares of(
      Limits limits, long administrationBytes, int loops, Compression compression, Engine engine)
      throws MillraceException {
    long ceiling = limits.maxMemoryBytes();
    long shared = engine == Engine.NATIVE ? sharedBytes(limits) : 0;
    long codecs = 0;
    long budget = 0;
    if (compression.isEnabled()) {
      codecs = Math.min(loops * CODEC_BYTES, ceiling / 4);
      budget = Math.min(compression.memoryBudgetBytes(), ceiling / 4 - codecs);
      // Windows that live on can be done without, loops cannot.
      long room = ceiling - shared - codecs - administrationBytes - loops * leastShare(limits);
      budget = Math.max(0, Math.min(budget, room));
    }
    long forLoops = ceiling - shared - codecs - budget - administrationBytes;
    long share = Math.min(limits.regionBytes(), forLoops / loops / MEBIBYTE * MEBIBYTE);
    if (share < leastLoopBytes(limits)) {
      throw new MillraceException(
          tooLittle(limits, loops, shared, codecs + budget, administrationBytes), null);
    }
    return new MemoryShares(
        ceiling, shared, budget, codecs + budget, administrationBytes, loops, share);
  }

  /**
   * How many loops a server has that was not told: one for each processor, or as many as the
   * ceiling has room for.
   *
   * @param processors how many there are
   * @return at least 1
   */
  public static int loops(Limits limits, int processors) {
    // Half of it at least is the loops', whatever the engine and the compression.
    long room = limits.maxMemoryBytes() / 2 / leastLoopBytes(limits);
    return (int) Math.max(1, Math.min(Math.min(processors, ServerSpec.MAX_LOOPS), room));
  }

  /** Room for a few of the longest messages, besides what a loop receives into. */
  private static long leastLoopBytes(Limits limits) {
    return Math.max(MIN_LOOP_BYTES, 4L * limits.maxMessageBytes());
  }

  /** The same in whole MiB, of which shares are. */
  private static long leastShare(Limits limits) {
    return (leastLoopBytes(limits) + MEBIBYTE - 1) / MEBIBYTE * MEBIBYTE;
  }

  private static String tooLittle(
      Limits limits, int loops, long shared, long compression, long administration) {
    long least = leastLoopBytes(limits);
    long rest = limits.maxMemoryBytes() - shared - compression - administration;
    return "too little memory for "
        + loops
        + (loops == 1 ? " loop" : " loops")
        + ": maxMemoryBytes="
        + limits.maxMemoryBytes()
        + " less shared="
        + shared
        + " and compression="
        + compression
        + (administration == 0 ? "" : " and administration=" + administration)
        + " leaves "
        + rest / loops
        + " for each, which needs "
        + least
        + " (16 MiB, and 4 times maxMessageBytes="
        + limits.maxMessageBytes()
        + "); raise Limits.maxMemoryBytes, or lower loops or Limits.maxMessageBytes";
  }

  /**
   * What the engine is given.
   *
   * @return limits with a loop's share as its region
   */
  public Limits limits(Limits limits) {
    return limits.withRegionBytes(loopBytes);
  }

  /**
   * What connections agree on.
   *
   * @return compression within its share
   */
  public Compression compression(Compression compression) {
    return compression.isEnabled()
        ? compression.withMemoryBudgetBytes(compressionBudgetBytes)
        : compression;
  }

  @Override
  public String toString() {
    return "ceiling="
        + mebibytes(ceilingBytes)
        + ", loops="
        + loops
        + ", loop="
        + mebibytes(loopBytes)
        + ", shared="
        + mebibytes(sharedBytes)
        + ", compression="
        + mebibytes(compressionBytes)
        + (administrationBytes == 0 ? "" : ", administration=" + mebibytes(administrationBytes));
  }

  private static String mebibytes(long bytes) {
    return bytes / MEBIBYTE + " MiB";
  }
}
