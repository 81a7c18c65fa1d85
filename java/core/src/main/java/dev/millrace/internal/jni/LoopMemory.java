// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.LatencyRecorder;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The two mappings of a loop as Java sees them. They stay mapped as long as either of their base
 * buffers is reachable, and every slice of a buffer keeps its base reachable: whatever a user has
 * kept can be read, long after the loop has ended.
 */
final class LoopMemory {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final VarHandle WORD =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final int regionId;
  private final ByteBuffer control;
  private final ByteBuffer region;
  private final ByteBuffer readOnlyRegion;
  private final ByteBuffer messages;
  private final int roundTrips;
  private final int pinned;
  private final int roundTripCounts;

  LoopMemory(int handle) {
    ByteBuffer controlBase = NativeCalls.control(handle);
    ByteBuffer regionBase = NativeCalls.region(handle);
    regionId = NativeCalls.regionId(handle);
    control = controlBase.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    region = regionBase.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    readOnlyRegion = regionBase.asReadOnlyBuffer();
    messages = readOnlyRegion.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    int connections = control.getInt(Records.MAX_CONNECTIONS_OFFSET);
    roundTrips = Records.BUFFERED_OFFSET + connections * Long.BYTES;
    pinned = roundTrips + connections * Long.BYTES;
    roundTripCounts = pinned + connections * Long.BYTES;
    Runnable release = new Release(handle, new AtomicInteger(2));
    CLEANER.register(controlBase, release);
    CLEANER.register(regionBase, release);
  }

  /**
   * Runs when a base buffer has become unreachable; the second time nobody can see the mappings any
   * more.
   */
  private record Release(int handle, AtomicInteger reachable) implements Runnable {
    @Override
    public void run() {
      if (reachable.decrementAndGet() == 0) {
        NativeCalls.releaseMappings(handle);
      }
    }
  }

  /** The control mapping, little-endian. Loop thread. */
  ByteBuffer control() {
    return control;
  }

  /** The region, little-endian. Absolute access only. */
  ByteBuffer region() {
    return region;
  }

  /** The region, for slices that users see. */
  ByteBuffer readOnlyRegion() {
    return readOnlyRegion;
  }

  /** The region once more, for generated accessors, which show it to users: see MessageMemory. */
  ByteBuffer messages() {
    return messages;
  }

  /** The address of a byte of the region. */
  long address(int offset) {
    return Records.address(regionId, offset);
  }

  /** A counter of the core, by its index. Any thread, for as long as the mapping is reachable. */
  long counter(int index) {
    return (long) WORD.getOpaque(control, Records.COUNTERS_OFFSET + index * Long.BYTES);
  }

  /**
   * Outgoing bytes of a connection that the kernel has not taken; negative when the core takes no
   * more for it, or its slot is another's already, which both are so before it is told. Any thread.
   */
  long buffered(int slot, int generation) {
    long word = (long) WORD.getOpaque(control, Records.BUFFERED_OFFSET + slot * Long.BYTES);
    boolean isOfIt = word >>> Records.BUFFERED_BITS == (generation & Records.BUFFERED_GENERATION);
    return isOfIt ? word & (1L << Records.BUFFERED_BITS) - 1 : -1;
  }

  /** The sum of {@link #buffered} over the slots below one. Any thread. */
  long bufferedBelow(int slots) {
    long sum = 0;
    for (int slot = 0; slot < slots; slot++) {
      long word = (long) WORD.getOpaque(control, Records.BUFFERED_OFFSET + slot * Long.BYTES);
      sum += word < 0 ? 0 : word & (1L << Records.BUFFERED_BITS) - 1;
    }
    return sum;
  }

  /** The round-trip time that was measured last for a slot, 0 for none. Any thread. */
  long roundTripNanos(int slot) {
    return (long) WORD.getOpaque(control, roundTrips + slot * Long.BYTES);
  }

  /** Bytes of blocks that what has come for a slot pins in the core. Any thread. */
  long pinnedBytes(int slot) {
    return (long) WORD.getOpaque(control, pinned + slot * Long.BYTES);
  }

  /** How often there was no memory for what was asked for. Any thread. */
  long refusals() {
    return counter(Records.COUNTER_REGION_FULL)
        + counter(Records.COUNTER_BLOCK_SPILLS)
        + counter(Records.COUNTER_SLAB_SPILLS)
        + counter(Records.COUNTER_COMPRESSION_SPILLS);
  }

  /** As {@link LatencyRecorder#addTo}: how long all answers to pings took. Any thread. */
  long addRoundTrips(long[] into) {
    long longest = 0;
    for (int i = 0; i < Records.ROUND_TRIP_BUCKETS; i++) {
      long count = (long) WORD.getOpaque(control, roundTripCounts + i * Long.BYTES);
      if (count != 0) {
        into[i] += count;
        longest = LatencyRecorder.longestIn(i);
      }
    }
    return longest;
  }
}
