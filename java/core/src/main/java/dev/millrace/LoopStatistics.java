// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.LoopCounter;
import java.util.Arrays;
import java.util.Locale;

/**
 * What one loop has done since it began, and what its memory holds.
 *
 * <p>A snapshot: it shows one moment, though not for all values the very same one, and it does not
 * change, except when whoever made it has it filled again by {@link Server#statistics(int,
 * LoopStatistics)}, which allocates nothing. Reading costs the loop nothing. An object that is
 * filled again and again belongs to one thread at a time.
 */
public final class LoopStatistics {

  private static final boolean[] IS_LEVEL = levels();

  private final long[] values = new long[LoopCounter.valueCount()];

  /** An empty object, for {@link Server#statistics(int, LoopStatistics)}. */
  public LoopStatistics() {}

  /** For whoever fills it. */
  long[] values() {
    return values;
  }

  long value(LoopCounter counter) {
    return values[counter.ordinal()];
  }

  void clear() {
    Arrays.fill(values, 0);
  }

  /** Of what all loops share, the larger counts. */
  void add(LoopStatistics other) {
    for (int i = 0; i < values.length; i++) {
      boolean shared =
          i >= LoopCounter.SHARED_USE.ordinal() && i <= LoopCounter.SHARED_SPILLS.ordinal();
      values[i] = shared ? Math.max(values[i], other.values[i]) : values[i] + other.values[i];
    }
  }

  /** Counts are what lies between the two, all others the later one's. */
  void setToDifference(LoopStatistics later, LoopStatistics earlier) {
    for (int i = 0; i < values.length; i++) {
      values[i] = later.values[i] - (IS_LEVEL[i] ? 0 : earlier.values[i]);
    }
  }

  /** Which values are no counts: they fall, too, or are the most that ever was. */
  private static boolean[] levels() {
    boolean[] levels = new boolean[LoopCounter.valueCount()];
    Arrays.fill(levels, LoopCounter.values().length, levels.length, true);
    for (LoopCounter counter : LoopCounter.values()) {
      levels[counter.ordinal()] =
          switch (counter) {
            case CONNECTIONS,
                BLOCKS_IN_USE,
                BLOCK_BYTES_KEPT,
                BLOCK_BYTES_IN_USE,
                BLOCK_BYTES_HIGH_WATER,
                ARENA_USE,
                ARENA_HIGH_WATER,
                SLAB_USE,
                SLAB_HIGH_WATER,
                TEMPORARY_USE,
                TEMPORARY_HIGH_WATER,
                SEND_AREA_USE,
                SEND_AREA_HIGH_WATER,
                SHARED_USE,
                SHARED_HIGH_WATER,
                COMPRESSION_USE,
                COMPRESSION_HIGH_WATER,
                INBOUND_BYTES_PINNED,
                OUTBOUND_BYTES_QUEUED,
                BACKLOG_BYTES,
                BACKLOG_MESSAGES ->
                true;
            default -> false;
          };
    }
    return levels;
  }

  /**
   * Turns of the loop: calls of the core, each of which waited for something to do.
   *
   * @return how many
   */
  public long ticks() {
    return value(LoopCounter.TICKS);
  }

  /**
   * Turns that took longer than {@link Limits#blockedLoopThreshold()}.
   *
   * @return how many
   */
  public long blocked() {
    return value(LoopCounter.BLOCKED);
  }

  /**
   * Commands that the loop gave its core: sends, closes, pauses and the like.
   *
   * @return how many
   */
  public long commands() {
    return value(LoopCounter.COMMANDS);
  }

  /**
   * Events that the core told the loop: requests, messages, closes and the like.
   *
   * @return how many
   */
  public long events() {
    return value(LoopCounter.EVENTS);
  }

  /**
   * Receiving system calls.
   *
   * @return how many
   */
  public long receives() {
    return value(LoopCounter.RECEIVES);
  }

  /**
   * Sending system calls.
   *
   * @return how many
   */
  public long sends() {
    return value(LoopCounter.SENDS);
  }

  /**
   * Bytes received, headers included.
   *
   * @return bytes
   */
  public long bytesReceived() {
    return value(LoopCounter.BYTES_RECEIVED);
  }

  /**
   * Bytes that the system has taken, headers included.
   *
   * @return bytes
   */
  public long bytesSent() {
    return value(LoopCounter.BYTES_SENT);
  }

  /**
   * Text and binary messages received whole.
   *
   * @return how many
   */
  public long messagesReceived() {
    return value(LoopCounter.MESSAGES_RECEIVED);
  }

  /**
   * Messages and pings given to the core to be sent.
   *
   * @return how many
   */
  public long messagesSent() {
    return value(LoopCounter.MESSAGES_SENT);
  }

  /**
   * Payload bytes that the core copied from one place of its memory to another.
   *
   * @return bytes
   */
  public long payloadBytesCopied() {
    return value(LoopCounter.PAYLOAD_BYTES_COPIED);
  }

  /**
   * Connections that the loop's listeners accepted, also for other loops.
   *
   * @return how many
   */
  public long accepted() {
    return value(LoopCounter.ACCEPTED);
  }

  /**
   * Connections that have ended.
   *
   * @return how many
   */
  public long closed() {
    return value(LoopCounter.CLOSED);
  }

  /**
   * Connections now, those in their opening handshake included.
   *
   * @return a number, as of the snapshot
   */
  public long connections() {
    return value(LoopCounter.CONNECTIONS);
  }

  /**
   * How often an event had to wait for a later turn because there were too many.
   *
   * @return how many
   */
  public long eventRingFull() {
    return value(LoopCounter.EVENT_RING_FULL);
  }

  /**
   * How often commands were executed before the end of a turn: for want of room, on request, or for
   * other threads.
   *
   * @return how many
   */
  public long flushes() {
    return value(LoopCounter.FLUSHES);
  }

  /**
   * Commands for connections that had ended meanwhile.
   *
   * @return how many
   */
  public long staleCommands() {
    return value(LoopCounter.STALE_COMMANDS);
  }

  /**
   * Connections that broke a rule of RFC 6455 after the opening handshake.
   *
   * @return how many
   */
  public long protocolErrors() {
    return value(LoopCounter.PROTOCOL_ERRORS);
  }

  /**
   * Requests that were refused as malformed.
   *
   * @return how many
   */
  public long handshakesRefused() {
    return value(LoopCounter.HANDSHAKES_REFUSED);
  }

  /**
   * How often another thread or loop woke this one.
   *
   * @return how many
   */
  public long wakeups() {
    return value(LoopCounter.WAKEUPS);
  }

  /**
   * Sends of which the system took a part only.
   *
   * @return how many
   */
  public long partialSends() {
    return value(LoopCounter.PARTIAL_SENDS);
  }

  /**
   * How often a peer was no longer read from because too much was queued for it.
   *
   * @return how many
   */
  public long readsStopped() {
    return value(LoopCounter.READS_STOPPED);
  }

  /**
   * Connections that could not be taken: no descriptor, no slot.
   *
   * @return how many
   */
  public long acceptFailures() {
    return value(LoopCounter.ACCEPT_FAILURES);
  }

  /**
   * Pings that were answered.
   *
   * @return how many
   */
  public long pongsSent() {
    return value(LoopCounter.PONGS_SENT);
  }

  /**
   * Pings that the engine sent by itself, at {@link Limits#pingInterval()}.
   *
   * @return how many
   */
  public long pingsSent() {
    return value(LoopCounter.PINGS_SENT);
  }

  /**
   * Connections that were closed or cut because of {@link Limits#idleTimeout()}, {@link
   * Limits#pongTimeout()} or {@link Limits#writeTimeout()}.
   *
   * @return how many
   */
  public long deadlinesPassed() {
    return value(LoopCounter.DEADLINES_PASSED);
  }

  /**
   * How often no memory was left in the region.
   *
   * @return how many
   */
  public long regionFull() {
    return value(LoopCounter.REGION_FULL);
  }

  /**
   * Nanoseconds in which the loop waited for something to do; in the others it was busy. The wait
   * that is on counts too.
   *
   * @return nanoseconds
   */
  public long waitedNanos() {
    return value(LoopCounter.WAITED_NANOS);
  }

  /**
   * Messages that waited for others because of {@link Connection#batch}.
   *
   * @return how many
   */
  public long messagesBatched() {
    return value(LoopCounter.MESSAGES_BATCHED);
  }

  /**
   * Sending system calls that batches saved: how often what a turn had to send joined what earlier
   * turns had kept.
   *
   * @return how many
   */
  public long sendsSaved() {
    return value(LoopCounter.SENDS_SAVED);
  }

  /**
   * How often a peer was no longer read from because of {@link Limits#maxMessagesPerSecond()} or
   * {@link Limits#maxBytesPerSecond()}.
   *
   * @return how many
   */
  public long quotaStops() {
    return value(LoopCounter.QUOTA_STOPS);
  }

  /**
   * How often a peer was no longer read from because its credits were spent, see {@link
   * Connection#request}.
   *
   * @return how many
   */
  public long creditStops() {
    return value(LoopCounter.CREDIT_STOPS);
  }

  /**
   * Memory that is pinned by what peers have sent: messages in pieces, input that waits, and
   * messages that wait for handlers on executors or are with them.
   *
   * @return bytes, as of the snapshot
   */
  public long inboundBytesPinned() {
    return value(LoopCounter.INBOUND_BYTES_PINNED);
  }

  /**
   * Blocks in use, of all sizes, at the end of the last turn.
   *
   * @return a number, as of the snapshot
   */
  public long blocksInUse() {
    return value(LoopCounter.BLOCKS_IN_USE);
  }

  /**
   * Bytes of free blocks that were not given back to the system, at the end of the last turn.
   *
   * @return bytes
   */
  public long blockBytesKept() {
    return value(LoopCounter.BLOCK_BYTES_KEPT);
  }

  /**
   * Bytes of free blocks given back to the system, all in all.
   *
   * @return bytes
   */
  public long blockBytesReturned() {
    return value(LoopCounter.BLOCK_BYTES_RETURNED);
  }

  /**
   * Bytes that connections have to send and the system has not taken.
   *
   * @return bytes, as of the snapshot
   */
  public long outboundBytesQueued() {
    return value(LoopCounter.OUTBOUND_BYTES_QUEUED);
  }

  /**
   * Bytes of memory that hold messages which wait where a policy may still reach them, behind
   * {@link #outboundBytesQueued()}.
   *
   * @return bytes, as of the snapshot
   */
  public long backlogBytes() {
    return value(LoopCounter.BACKLOG_BYTES);
  }

  /**
   * Messages that wait where a policy may still reach them: the sum of {@link
   * Connection#queuedMessages()}.
   *
   * @return how many, as of the snapshot
   */
  public long backlogMessages() {
    return value(LoopCounter.BACKLOG_MESSAGES);
  }

  /**
   * Bytes in use of an area, at the end of the last turn.
   *
   * @param area the area
   * @return bytes
   */
  public long use(MemoryArea area) {
    return value(area.use());
  }

  /**
   * The most bytes of an area that were ever in use.
   *
   * @param area the area
   * @return bytes
   */
  public long highWater(MemoryArea area) {
    return value(area.highWater());
  }

  /**
   * How often an area had no room; what happens then stands at each {@link MemoryArea}.
   *
   * @param area the area
   * @return how many times
   */
  public long spills(MemoryArea area) {
    return value(area.spills());
  }

  /**
   * Blocks of one size in use now. With the general allocator a block counts under the smallest
   * size that it fits into.
   *
   * @param blockBytes the size: a power of two from 256 to 2^30
   * @return how many blocks
   * @throws IllegalArgumentException if there is no such size
   */
  public long blocksInUse(int blockBytes) {
    return values[LoopCounter.blocksInUse(sizeClass(blockBytes))];
  }

  /**
   * The most blocks of one size that were ever in use.
   *
   * @param blockBytes the size: a power of two from 256 to 2^30
   * @return how many blocks
   * @throws IllegalArgumentException if there is no such size
   */
  public long blocksHighWater(int blockBytes) {
    return values[LoopCounter.blocksHighWater(sizeClass(blockBytes))];
  }

  private static int sizeClass(int blockBytes) {
    if (blockBytes < LoopCounter.MIN_BLOCK_BYTES || Integer.bitCount(blockBytes) != 1) {
      throw new IllegalArgumentException(
          "no size of a block: bytes=" + blockBytes + ", sizes=powers of two from 256 to 2^30");
    }
    return Integer.numberOfTrailingZeros(blockBytes)
        - Integer.numberOfTrailingZeros(LoopCounter.MIN_BLOCK_BYTES);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("LoopStatistics[");
    for (LoopCounter counter : LoopCounter.values()) {
      text.append(counter.name().toLowerCase(Locale.ROOT)).append('=').append(value(counter));
      text.append(counter.ordinal() + 1 < LoopCounter.values().length ? ", " : "]");
    }
    return text.toString();
  }
}
