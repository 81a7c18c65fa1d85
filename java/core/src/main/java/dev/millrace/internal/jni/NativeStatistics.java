// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.LoopCounter;

/** Which counter of the core is which value of the SPI. */
final class NativeStatistics {
  /** Told by the loop itself. */
  private static final int NOT_OF_THE_CORE = -1;

  private static final int[] PLACES = places();

  private NativeStatistics() {}

  /** Any thread: fills all values from a loop's counters. */
  static void read(LoopMemory memory, long[] values) {
    for (int i = 0; i < PLACES.length; i++) {
      values[i] = PLACES[i] == NOT_OF_THE_CORE ? 0 : memory.counter(PLACES[i]);
    }
    // What a loop has told is of its last turn, and it may have been waiting since.
    values[LoopCounter.SHARED_USE.ordinal()] = NativeCalls.sharedUse();
    long waitingSince = memory.counter(Records.COUNTER_WAITING_SINCE_NS);
    if (waitingSince != 0) {
      // The clock of the core is that of System.nanoTime.
      values[LoopCounter.WAITED_NANOS.ordinal()] += Math.max(0, System.nanoTime() - waitingSince);
    }
  }

  private static int[] places() {
    int[] places = new int[LoopCounter.valueCount()];
    for (LoopCounter counter : LoopCounter.values()) {
      places[counter.ordinal()] = place(counter);
    }
    for (int i = 0; i < Records.BLOCK_CLASSES; i++) {
      places[LoopCounter.blocksInUse(i)] = Records.COUNTER_BLOCKS_BY_CLASS + i;
      places[LoopCounter.blocksHighWater(i)] =
          Records.COUNTER_BLOCKS_BY_CLASS + Records.BLOCK_CLASSES + i;
    }
    return places;
  }

  private static int place(LoopCounter counter) {
    return switch (counter) {
      case BLOCKED, OUTBOUND_BYTES_QUEUED, BACKLOG_BYTES, BACKLOG_MESSAGES -> NOT_OF_THE_CORE;
      case TICKS -> Records.COUNTER_TICKS;
      case COMMANDS -> Records.COUNTER_COMMANDS;
      case EVENTS -> Records.COUNTER_EVENTS;
      case RECEIVES -> Records.COUNTER_RECEIVES;
      case SENDS -> Records.COUNTER_SENDS;
      case BYTES_RECEIVED -> Records.COUNTER_BYTES_RECEIVED;
      case BYTES_SENT -> Records.COUNTER_BYTES_SENT;
      case MESSAGES_RECEIVED -> Records.COUNTER_MESSAGES_RECEIVED;
      case MESSAGES_SENT -> Records.COUNTER_MESSAGES_SENT;
      case PAYLOAD_BYTES_COPIED -> Records.COUNTER_PAYLOAD_BYTES_COPIED;
      case ACCEPTED -> Records.COUNTER_ACCEPTED;
      case CLOSED -> Records.COUNTER_CLOSED;
      case CONNECTIONS -> Records.COUNTER_CONNECTIONS;
      case EVENT_RING_FULL -> Records.COUNTER_EVENT_RING_FULL;
      case FLUSHES -> Records.COUNTER_FLUSHES;
      case STALE_COMMANDS -> Records.COUNTER_STALE_COMMANDS;
      case PROTOCOL_ERRORS -> Records.COUNTER_PROTOCOL_ERRORS;
      case HANDSHAKES_REFUSED -> Records.COUNTER_HANDSHAKES_REFUSED;
      case WAKEUPS -> Records.COUNTER_WAKEUPS;
      case PARTIAL_SENDS -> Records.COUNTER_PARTIAL_SENDS;
      case READS_STOPPED -> Records.COUNTER_READS_STOPPED;
      case ACCEPT_FAILURES -> Records.COUNTER_ACCEPT_FAILURES;
      case PONGS_SENT -> Records.COUNTER_PONGS_SENT;
      case PINGS_SENT -> Records.COUNTER_PINGS_SENT;
      case DEADLINES_PASSED -> Records.COUNTER_DEADLINES_PASSED;
      case REGION_FULL -> Records.COUNTER_REGION_FULL;
      case BLOCKS_IN_USE -> Records.COUNTER_BLOCKS_IN_USE;
      case BLOCK_BYTES_KEPT -> Records.COUNTER_BLOCK_BYTES_KEPT;
      case BLOCK_BYTES_RETURNED -> Records.COUNTER_BLOCK_BYTES_RETURNED;
      case ARENA_USE -> Records.COUNTER_ARENA_USE;
      case ARENA_HIGH_WATER -> Records.COUNTER_ARENA_HIGH_WATER;
      case ARENA_SPILLS -> Records.COUNTER_ARENA_SPILLS;
      case BLOCK_BYTES_IN_USE -> Records.COUNTER_BLOCK_BYTES_IN_USE;
      case BLOCK_BYTES_HIGH_WATER -> Records.COUNTER_BLOCK_BYTES_HIGH_WATER;
      case BLOCK_SPILLS -> Records.COUNTER_BLOCK_SPILLS;
      case SLAB_USE -> Records.COUNTER_SLAB_USE;
      case SLAB_HIGH_WATER -> Records.COUNTER_SLAB_HIGH_WATER;
      case SLAB_SPILLS -> Records.COUNTER_SLAB_SPILLS;
      case TEMPORARY_USE -> Records.COUNTER_TEMPORARY_USE;
      case TEMPORARY_HIGH_WATER -> Records.COUNTER_TEMPORARY_HIGH_WATER;
      case TEMPORARY_SPILLS -> Records.COUNTER_TEMPORARY_SPILLS;
      case SEND_AREA_USE -> Records.COUNTER_SEND_AREA_USE;
      case SEND_AREA_HIGH_WATER -> Records.COUNTER_SEND_AREA_HIGH_WATER;
      case SHARED_USE -> Records.COUNTER_SHARED_USE;
      case SHARED_HIGH_WATER -> Records.COUNTER_SHARED_HIGH_WATER;
      case SHARED_SPILLS -> Records.COUNTER_SHARED_SPILLS;
      case COMPRESSION_USE -> Records.COUNTER_COMPRESSION_USE;
      case COMPRESSION_HIGH_WATER -> Records.COUNTER_COMPRESSION_HIGH_WATER;
      case COMPRESSION_SPILLS -> Records.COUNTER_COMPRESSION_SPILLS;
      case WAITED_NANOS -> Records.COUNTER_WAITED_NS;
      case MESSAGES_BATCHED -> Records.COUNTER_MESSAGES_BATCHED;
      case SENDS_SAVED -> Records.COUNTER_SENDS_SAVED;
      case QUOTA_STOPS -> Records.COUNTER_QUOTA_STOPS;
      case CREDIT_STOPS -> Records.COUNTER_CREDIT_STOPS;
      case INBOUND_BYTES_PINNED -> Records.COUNTER_INBOUND_BYTES_PINNED;
    };
  }
}
