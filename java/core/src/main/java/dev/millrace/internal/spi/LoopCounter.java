// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/**
 * What a loop counts of itself, in the order of {@link EngineServer#readStatistics}. Behind these
 * come, by size class, the numbers of blocks in use and then their high-water marks. What an engine
 * has nothing of stays 0.
 */
public enum LoopCounter {
  TICKS,
  COMMANDS,
  EVENTS,
  RECEIVES,
  SENDS,
  BYTES_RECEIVED,
  BYTES_SENT,
  MESSAGES_RECEIVED,
  MESSAGES_SENT,
  PAYLOAD_BYTES_COPIED,
  ACCEPTED,
  CLOSED,
  CONNECTIONS,
  EVENT_RING_FULL,
  FLUSHES,
  STALE_COMMANDS,
  PROTOCOL_ERRORS,
  HANDSHAKES_REFUSED,
  WAKEUPS,
  PARTIAL_SENDS,
  READS_STOPPED,
  ACCEPT_FAILURES,
  PONGS_SENT,
  PINGS_SENT,
  DEADLINES_PASSED,
  REGION_FULL,
  BLOCKS_IN_USE,
  BLOCK_BYTES_KEPT,
  BLOCK_BYTES_RETURNED,
  ARENA_USE,
  ARENA_HIGH_WATER,
  ARENA_SPILLS,
  BLOCK_BYTES_IN_USE,
  BLOCK_BYTES_HIGH_WATER,
  BLOCK_SPILLS,
  SLAB_USE,
  SLAB_HIGH_WATER,
  SLAB_SPILLS,
  TEMPORARY_USE,
  TEMPORARY_HIGH_WATER,
  TEMPORARY_SPILLS,
  SEND_AREA_USE,
  SEND_AREA_HIGH_WATER,
  SHARED_USE,
  SHARED_HIGH_WATER,
  SHARED_SPILLS,
  COMPRESSION_USE,
  COMPRESSION_HIGH_WATER,
  COMPRESSION_SPILLS,
  BLOCKED,
  /** Nanoseconds spent waiting for events; the rest of the time the loop was busy. */
  WAITED_NANOS,
  /** Messages that waited for others by {@link dev.millrace.Batching}. */
  MESSAGES_BATCHED,
  /** Times that a turn had something to send and it left with what earlier turns had kept. */
  SENDS_SAVED,
  /** Times that a quota of messages or bytes a second stopped a connection's reads. */
  QUOTA_STOPS,
  /** Times that spent credits stopped a connection's reads. */
  CREDIT_STOPS,
  /** Bytes pinned by what peers sent: messages in pieces, input and messages that wait. */
  INBOUND_BYTES_PINNED,
  /** Bytes to be sent that the system has not taken. */
  OUTBOUND_BYTES_QUEUED,
  /** Bytes of memory that messages hold before the engine, where a policy may reach them. */
  BACKLOG_BYTES,
  /** How many such messages there are. */
  BACKLOG_MESSAGES;

  /** Size classes of blocks: the powers of two from {@link #MIN_BLOCK_BYTES} on. */
  public static final int BLOCK_CLASSES = 23;

  /** The smallest size of a block. */
  public static final int MIN_BLOCK_BYTES = 256;

  private static final int COUNTERS = values().length;

  /**
   * Where the number of blocks in use of a size class stands.
   *
   * @param sizeClass 0 to {@link #BLOCK_CLASSES} - 1
   * @return an index
   */
  public static int blocksInUse(int sizeClass) {
    return COUNTERS + sizeClass;
  }

  /**
   * Where the high-water mark of the blocks in use of a size class stands.
   *
   * @param sizeClass 0 to {@link #BLOCK_CLASSES} - 1
   * @return an index
   */
  public static int blocksHighWater(int sizeClass) {
    return COUNTERS + BLOCK_CLASSES + sizeClass;
  }

  /**
   * How many values there are.
   *
   * @return the length of an array that holds them all
   */
  public static int valueCount() {
    return COUNTERS + 2 * BLOCK_CLASSES;
  }
}
