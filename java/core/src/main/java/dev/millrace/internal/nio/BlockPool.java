// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.LoopCounter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The direct memory of a loop, in blocks whose capacities are powers of two. Blocks that come back
 * are kept, the last first, so that the next to be taken is still in the cache; what is kept beyond
 * {@link #KEPT_BYTES} is dropped after a while.
 *
 * <p>Small blocks are cut from {@link Slab}s: direct memory is allocated, zeroed and counted by the
 * JVM a buffer at a time. Slabs have memory of the pool's own until there is that much of them, and
 * so have long blocks; all others are cut from {@link Chunk}s. What is dropped is there until a
 * collection: chunks are found and used again until then, memory of the pool's own is never
 * allocated twice. So there is never more than the limit and a chunk, but for blocks that are
 * longer than a chunk. Any thread may take and give back; the lock is the pool's and held for a few
 * instructions.
 *
 * <p>Before the last chunk is full the next is on its way, on another thread. Whoever needs it
 * before it is there waits for it.
 *
 * <p>In {@linkplain CheckedMode checked mode} a block that comes back is filled, and rests until
 * many others have come back behind it.
 */
final class BlockPool {
  /** What may stay free. */
  static final long KEPT_BYTES = 8 << 20;

  private static final int MIN_BITS = Integer.numberOfTrailingZeros(LoopCounter.MIN_BLOCK_BYTES);
  private static final int CLASSES = LoopCounter.BLOCK_CLASSES;

  /** Blocks up to this capacity are cut from slabs. */
  private static final int SLAB_LIMIT = 32 << 10;

  /** A chunk is made ahead when so much is in use, and no more than that is free in chunks. */
  private static final long AHEAD_FROM_BYTES = KEPT_BYTES / 4 * 3;

  private static final long AHEAD_FREE_BYTES = Chunk.CAPACITY / 4;

  /** How much rests at most, in checked mode. */
  private static final long RESTING_BYTES = 8 << 20;

  /** How much of it is looked at in a turn. */
  private static final int LOOKS = 8;

  private static final long LOOKED_AT_BYTES = 64 << 10;

  private final long limitBytes;
  private final boolean isChecked;
  private final Resting resting = new Resting();
  private long restingBytes;
  private int lookedAt;

  // Of memory of the pool's own, which is taken first so that chunks become unused; of slabs in
  // chunks.
  private final @Nullable Block[] free = new @Nullable Block[CLASSES];
  private final @Nullable Block[] freeInChunks = new @Nullable Block[CLASSES];
  private final int[] inUse = new int[CLASSES];
  private final int[] highWater = new int[CLASSES];

  // The last of each class: of the pool's own, in a chunk.
  private final @Nullable Slab[] slabs = new @Nullable Slab[CLASSES];
  private final @Nullable Slab[] slabsInChunks = new @Nullable Slab[CLASSES];
  private final List<Chunk> chunks = new ArrayList<>();
  private int unusedChunks;
  private int unusedSlabs;

  // The next chunk, perhaps still on its way; of null where the JVM had none.
  private @Nullable CompletableFuture<@Nullable Chunk> ahead;

  // Memory of the pool's own that was ever allocated, but for blocks longer than a chunk.
  private long ownSlabBytes;
  private long ownLongBytes;

  // The JVM has no more for a chunk. Then there is more of the pool's own, a buffer at a time.
  private boolean isShort;

  private long bytesInUse;
  private long bytesHighWater;

  // What chunks have free, what their slabs have, and all else that is.
  private long chunkBytesFree;
  private long slabBytesFree;
  private long bytesFree;
  private long bytesReturned;
  private long spills;

  BlockPool(long limitBytes, boolean isChecked) {
    this.limitBytes = limitBytes;
    this.isChecked = isChecked;
  }

  private static int classOf(int length) {
    int bits = Integer.SIZE - Integer.numberOfLeadingZeros(Math.max(length, 1) - 1);
    return Math.max(0, bits - MIN_BITS);
  }

  private static int capacityOf(int sizeClass) {
    return 1 << sizeClass + MIN_BITS;
  }

  /** What a block for so many bytes holds. */
  static int capacityFor(int length) {
    return capacityOf(classOf(length));
  }

  /** Any thread: a block of at least this capacity with one reference, or null. */
  @Nullable Block acquire(int length) {
    int sizeClass = classOf(length);
    int capacity = capacityOf(sizeClass);
    Block block;
    CompletableFuture<@Nullable Chunk> begun = null;
    synchronized (this) {
      block = bytesInUse + capacity <= limitBytes ? take(sizeClass) : null;
      if (block == null) {
        spills++;
        return null;
      }
      bytesInUse += capacity;
      bytesHighWater = Math.max(bytesHighWater, bytesInUse);
      highWater[sizeClass] = Math.max(highWater[sizeClass], ++inUse[sizeClass]);
      if (ahead == null && isNearlyFull() && !isShort && held() + Chunk.CAPACITY <= limitBytes) {
        begun = new CompletableFuture<>();
        ahead = begun;
      }
    }
    if (begun != null) {
      Chunk.acquireInto(begun);
    }
    block.begin();
    return block;
  }

  private @Nullable Block take(int sizeClass) {
    Block taken = takeFree(sizeClass);
    boolean mayOwn = mayOwn(sizeClass);
    if (taken == null && mayOwn) {
      taken = takeOwn(sizeClass);
    }
    if (taken == null) {
      taken = takeFromChunks(sizeClass);
    }
    if (taken == null && addChunk(sizeClass)) {
      taken = takeFromChunks(sizeClass);
    }
    if (taken == null && isShort && !mayOwn) {
      taken = takeOwn(sizeClass);
    }
    // What rests makes room where there is no more memory.
    while (taken == null && !resting.isEmpty()) {
      wakeOldest();
      taken = takeFree(sizeClass);
      if (taken == null) {
        taken = takeFromChunks(sizeClass);
      }
    }
    return taken;
  }

  /** Of the pool's own memory, what is there. */
  private @Nullable Block takeFree(int sizeClass) {
    int capacity = capacityOf(sizeClass);
    Block kept = pop(free, sizeClass);
    if (kept != null) {
      bytesFree -= capacity;
      return kept;
    }
    Slab slab = slabs[sizeClass];
    return slab != null && slab.hasRoom(capacity)
        ? new Block(this, sizeClass, slab.cut(capacity))
        : null;
  }

  private static @Nullable Block pop(@Nullable Block[] lists, int sizeClass) {
    Block first = lists[sizeClass];
    if (first != null) {
      lists[sizeClass] = first.nextFree;
      first.nextFree = null;
    }
    return first;
  }

  /**
   * Whether memory of the pool's own may be allocated, of which there is a little once and for all.
   */
  private boolean mayOwn(int sizeClass) {
    int capacity = capacityOf(sizeClass);
    return capacity <= SLAB_LIMIT
        ? ownSlabBytes + Slab.CAPACITY <= KEPT_BYTES
        : ownLongBytes + capacity <= KEPT_BYTES || capacity > Chunk.CAPACITY;
  }

  private @Nullable Block takeOwn(int sizeClass) {
    int capacity = capacityOf(sizeClass);
    // What the JVM bounds is not counted, nor what no chunk can hold.
    boolean isCounted = mayOwn(sizeClass) && capacity <= Chunk.CAPACITY;
    try {
      if (capacity > SLAB_LIMIT) {
        ByteBuffer own = ByteBuffer.allocateDirect(Block.HEADROOM + capacity);
        ownLongBytes += isCounted ? capacity : 0;
        return new Block(this, sizeClass, own);
      }
      slabs[sizeClass] = new Slab();
      ownSlabBytes += isCounted ? Slab.CAPACITY : 0;
      return takeFree(sizeClass);
    } catch (OutOfMemoryError e) {
      return null; // -XX:MaxDirectMemorySize is lower than our limit
    }
  }

  /** What chunks have room for. */
  private @Nullable Block takeFromChunks(int sizeClass) {
    int capacity = capacityOf(sizeClass);
    if (capacity > SLAB_LIMIT) {
      int units = capacity / Chunk.UNIT_BYTES;
      Chunk chunk = chunkWith(units);
      if (chunk == null) {
        return null;
      }
      int at = take(chunk, units);
      return new Block(this, sizeClass, chunk.bytes(at, Block.HEADROOM + capacity), chunk, at);
    }
    Block kept = pop(freeInChunks, sizeClass);
    Slab slab = kept == null ? slabInChunk(sizeClass, capacity) : kept.slab();
    if (slab == null) {
      return null;
    }
    unusedSlabs -= kept != null && slab.inUse == 0 ? 1 : 0;
    slab.inUse++;
    if (kept == null) {
      return new Block(this, sizeClass, slab.cut(capacity), slab);
    }
    slabBytesFree -= capacity;
    return kept;
  }

  private @Nullable Slab slabInChunk(int sizeClass, int capacity) {
    Slab last = slabsInChunks[sizeClass];
    if (last != null && last.hasRoom(capacity)) {
      return last;
    }
    Chunk chunk = chunkWith(Slab.UNITS);
    if (chunk == null) {
      return null;
    }
    Slab slab = new Slab(chunk, take(chunk, Slab.UNITS));
    slabsInChunks[sizeClass] = slab;
    return slab;
  }

  private int take(Chunk chunk, int units) {
    unusedChunks -= chunk.isUnused() ? 1 : 0;
    chunkBytesFree -= (long) units * Chunk.UNIT_BYTES;
    return chunk.take(units);
  }

  private void giveBack(Chunk chunk, int at, int units) {
    chunk.giveBack(at, units);
    chunkBytesFree += (long) units * Chunk.UNIT_BYTES;
    unusedChunks += chunk.isUnused() ? 1 : 0;
  }

  private @Nullable Chunk chunkWith(int units) {
    Chunk chunk = withRoom(units);
    if (chunk == null && unusedSlabs > 0) {
      reclaimSlabs();
      chunk = withRoom(units);
    }
    return chunk;
  }

  private @Nullable Chunk withRoom(int units) {
    if (chunkBytesFree < (long) units * Chunk.UNIT_BYTES) {
      return null;
    }
    for (int i = 0; i < chunks.size(); i++) {
      if (chunks.get(i).hasRoom(units)) {
        return chunks.get(i);
      }
    }
    return null;
  }

  /** One more, unless there is as much as the limit, or the JVM allows no more. */
  private boolean addChunk(int sizeClass) {
    if (isShort || held() > limitBytes || capacityOf(sizeClass) > Chunk.CAPACITY) {
      return false;
    }
    Chunk chunk = ahead == null ? Chunk.acquire() : ahead.join();
    ahead = null;
    isShort = chunk == null;
    if (chunk != null) {
      chunks.add(chunk);
      unusedChunks++;
      chunkBytesFree += Chunk.CAPACITY;
    }
    return chunk != null;
  }

  private long held() {
    return (long) chunks.size() * Chunk.CAPACITY + ownSlabBytes + ownLongBytes;
  }

  private boolean isNearlyFull() {
    return bytesInUse >= AHEAD_FROM_BYTES && chunkBytesFree < AHEAD_FREE_BYTES;
  }

  private boolean isAheadForNothing() {
    return ahead != null && ahead.isDone() && !isNearlyFull();
  }

  /** Slabs of which nothing is in use are room of their chunks again, for blocks of any size. */
  private void reclaimSlabs() {
    for (int sizeClass = 0; unusedSlabs > 0 && capacityOf(sizeClass) <= SLAB_LIMIT; sizeClass++) {
      Block last = null;
      for (Block block = freeInChunks[sizeClass]; block != null; block = block.nextFree) {
        Slab slab = Objects.requireNonNull(block.slab());
        if (slab.inUse > 0) {
          last = block;
          continue;
        }
        if (last == null) {
          freeInChunks[sizeClass] = block.nextFree;
        } else {
          last.nextFree = block.nextFree;
        }
        slabBytesFree -= block.capacity();
        slab.freed++;
        if (slab.freed == slab.cut()) {
          unusedSlabs--;
          if (slab == slabsInChunks[sizeClass]) {
            slabsInChunks[sizeClass] = null;
          }
          giveBack(slab.chunk(), slab.unit(), Slab.UNITS);
        }
      }
    }
  }

  /** Any thread: nobody uses the block any more. */
  void giveBack(Block block) {
    int sizeClass = block.sizeClass();
    if (isChecked) {
      block.fill(CheckedMode.FREED);
    }
    synchronized (this) {
      bytesInUse -= capacityOf(sizeClass);
      inUse[sizeClass]--;
      if (isChecked && block.capacity() <= RESTING_BYTES) {
        rest(block);
      } else {
        keep(block);
      }
    }
  }

  private void keep(Block block) {
    int sizeClass = block.sizeClass();
    Chunk chunk = block.chunk();
    if (chunk != null) {
      giveBack(chunk, block.unit(), capacityOf(sizeClass) / Chunk.UNIT_BYTES);
      return;
    }
    Slab slab = block.slab();
    if (slab != null) {
      slab.inUse--;
      unusedSlabs += slab.inUse == 0 ? 1 : 0;
      slabBytesFree += capacityOf(sizeClass);
      block.nextFree = freeInChunks[sizeClass];
      freeInChunks[sizeClass] = block;
      return;
    }
    bytesFree += capacityOf(sizeClass);
    block.nextFree = free[sizeClass];
    free[sizeClass] = block;
  }

  private void rest(Block block) {
    while (resting.size() == Resting.MOST || restingBytes > RESTING_BYTES - block.capacity()) {
      wakeOldest();
    }
    resting.add(block);
    restingBytes += block.capacity();
  }

  private void wakeOldest() {
    Block oldest = resting.remove();
    restingBytes -= oldest.capacity();
    keep(oldest);
  }

  /**
   * Looks at some of what rests, at other blocks each time: one that somebody has written to since
   * it came back, once for each that is found, or null.
   */
  synchronized @Nullable Block lookAtResting() {
    long bytes = 0;
    int most = Math.min(LOOKS, resting.size());
    for (int looks = 0; looks < most && bytes < LOOKED_AT_BYTES; looks++) {
      lookedAt = (lookedAt + 1) % resting.size();
      Block block = resting.get(lookedAt);
      bytes += block.capacity();
      if (!block.isFilled(CheckedMode.FREED)) {
        block.fill(CheckedMode.FREED);
        return block;
      }
    }
    return null;
  }

  /** Whether more is free than may stay. */
  synchronized boolean keepsTooMuch() {
    return bytesFree > KEPT_BYTES || unusedSlabs > 0 || unusedChunks > 0 || isAheadForNothing();
  }

  /** Whether hardly a quarter of the limit is left. */
  synchronized boolean isScarce() {
    return limitBytes - bytesInUse < limitBytes / 4;
  }

  /**
   * Drops chunks of which nothing is in use, and free blocks of the pool's own, the largest first,
   * until no more than that is left.
   */
  synchronized void trim(long keptBytes) {
    isShort = false;
    reclaimSlabs();
    if (unusedChunks > 0) {
      chunks.removeIf(this::dropUnused);
    }
    if (ahead != null && isAheadForNothing()) {
      Chunk unneeded = ahead.join();
      ahead = null;
      if (unneeded != null) {
        bytesReturned += Chunk.CAPACITY;
        unneeded.drop();
      }
    }
    for (int sizeClass = CLASSES - 1; sizeClass >= 0 && bytesFree > keptBytes; sizeClass--) {
      while (bytesFree > keptBytes && free[sizeClass] != null) {
        Block dropped = free[sizeClass];
        free[sizeClass] = dropped.nextFree;
        bytesFree -= capacityOf(sizeClass);
        bytesReturned += capacityOf(sizeClass);
      }
    }
  }

  private boolean dropUnused(Chunk chunk) {
    if (!chunk.isUnused()) {
      return false;
    }
    unusedChunks--;
    chunkBytesFree -= Chunk.CAPACITY;
    bytesReturned += Chunk.CAPACITY;
    chunk.drop();
    return true;
  }

  /** Any thread: how often no block was to be had. */
  synchronized long spills() {
    return spills;
  }

  /** Any thread. */
  synchronized void readStatistics(long[] values) {
    long blocks = 0;
    for (int i = 0; i < CLASSES; i++) {
      blocks += inUse[i];
      values[LoopCounter.blocksInUse(i)] = inUse[i];
      values[LoopCounter.blocksHighWater(i)] = highWater[i];
    }
    values[LoopCounter.BLOCKS_IN_USE.ordinal()] = blocks;
    values[LoopCounter.BLOCK_BYTES_IN_USE.ordinal()] = bytesInUse;
    values[LoopCounter.BLOCK_BYTES_HIGH_WATER.ordinal()] = bytesHighWater;
    values[LoopCounter.BLOCK_SPILLS.ordinal()] = spills;
    long kept = bytesFree + slabBytesFree + chunkBytesFree;
    boolean hasAhead = ahead != null && ahead.getNow(null) != null;
    values[LoopCounter.BLOCK_BYTES_KEPT.ordinal()] = kept + (hasAhead ? Chunk.CAPACITY : 0);
    values[LoopCounter.BLOCK_BYTES_RETURNED.ordinal()] = bytesReturned;
  }
}
