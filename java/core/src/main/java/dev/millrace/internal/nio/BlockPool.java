// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.LoopCounter;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The direct memory of a loop, in blocks whose capacities are powers of two. Blocks that come back
 * are kept, the last first, so that the next to be taken is still in the cache; what is kept beyond
 * {@link #KEPT_BYTES} is dropped after a while.
 *
 * <p>Small blocks are cut from slabs: direct memory is allocated, zeroed and counted by the JVM a
 * buffer at a time. Long ones have memory of their own, until there is more than that of them; from
 * then on they are cut from {@link Chunk}s, so that what is dropped goes back to the system. Any
 * thread may take and give back; the lock is the pool's and held for a few instructions.
 *
 * <p>In {@linkplain CheckedMode checked mode} a block that comes back is filled, and rests until
 * many others have come back behind it.
 */
final class BlockPool {
  /** What may stay free. */
  static final long KEPT_BYTES = 8 << 20;

  private static final int MIN_BITS = Integer.numberOfTrailingZeros(LoopCounter.MIN_BLOCK_BYTES);
  private static final int CLASSES = LoopCounter.BLOCK_CLASSES;
  private static final int SLAB_BYTES = 256 << 10;

  /** Blocks up to this capacity are cut from slabs. */
  private static final int SLAB_LIMIT = 32 << 10;

  /** How much rests at most, in checked mode. */
  private static final int MOST_RESTING = 1024;

  private static final long RESTING_BYTES = 8 << 20;

  private final long limitBytes;
  private final boolean isChecked;
  private final ArrayDeque<Block> resting = new ArrayDeque<>(1);
  private long restingBytes;
  private final @Nullable Block[] free = new @Nullable Block[CLASSES];
  private final int[] inUse = new int[CLASSES];
  private final int[] highWater = new int[CLASSES];
  private final @Nullable ByteBuffer[] slabs = new @Nullable ByteBuffer[CLASSES];
  private final List<Chunk> chunks = new ArrayList<>();
  private int unusedChunks;

  // Of long blocks with memory of their own, in use and free.
  private long ownBytes;

  private long bytesInUse;
  private long bytesHighWater;

  // What chunks have free, and all else that is.
  private long chunkBytesFree;
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
    synchronized (this) {
      block = bytesInUse + capacity <= limitBytes ? take(sizeClass) : null;
      if (block == null) {
        spills++;
        return null;
      }
      bytesInUse += capacity;
      bytesHighWater = Math.max(bytesHighWater, bytesInUse);
      highWater[sizeClass] = Math.max(highWater[sizeClass], ++inUse[sizeClass]);
    }
    block.begin();
    return block;
  }

  private @Nullable Block take(int sizeClass) {
    Block ready = takeFree(sizeClass);
    if (ready == null && isCut(sizeClass)) {
      ready = cutFromNew(sizeClass);
    }
    if (ready != null) {
      return ready;
    }
    try {
      return new Block(this, sizeClass, allocate(sizeClass));
    } catch (OutOfMemoryError e) {
      // The JVM's own limit of direct memory, -XX:MaxDirectMemorySize, is lower than ours.
      while (ready == null && !resting.isEmpty()) {
        wakeOldest();
        ready = takeFree(sizeClass);
      }
      return ready;
    }
  }

  /** One that is free, or a piece of a chunk that has room. */
  private @Nullable Block takeFree(int sizeClass) {
    int capacity = capacityOf(sizeClass);
    Block kept = free[sizeClass];
    if (kept != null) {
      free[sizeClass] = kept.nextFree;
      kept.nextFree = null;
      bytesFree -= capacity;
      return kept;
    }
    if (capacity <= SLAB_LIMIT || chunkBytesFree < capacity) {
      return null;
    }
    for (int i = 0; i < chunks.size(); i++) {
      Block cut = cut(chunks.get(i), sizeClass, capacity);
      if (cut != null) {
        return cut;
      }
    }
    return null;
  }

  /** Whether a new block of this size comes from a chunk. */
  private boolean isCut(int sizeClass) {
    int capacity = capacityOf(sizeClass);
    return capacity > SLAB_LIMIT && capacity <= Chunk.CAPACITY && ownBytes + capacity > KEPT_BYTES;
  }

  private @Nullable Block cutFromNew(int sizeClass) {
    Chunk chunk = Chunk.acquire();
    if (chunk == null) {
      return null;
    }
    chunks.add(chunk);
    unusedChunks++;
    chunkBytesFree += Chunk.CAPACITY;
    return cut(chunk, sizeClass, capacityOf(sizeClass));
  }

  private @Nullable Block cut(Chunk chunk, int sizeClass, int capacity) {
    boolean unused = chunk.isUnused();
    Block cut = chunk.take(this, sizeClass, capacity / Chunk.UNIT_BYTES);
    if (cut != null) {
      unusedChunks -= unused ? 1 : 0;
      chunkBytesFree -= capacity;
    }
    return cut;
  }

  private ByteBuffer allocate(int sizeClass) {
    int length = Block.HEADROOM + capacityOf(sizeClass);
    if (length > SLAB_LIMIT + Block.HEADROOM) {
      ByteBuffer own = ByteBuffer.allocateDirect(length);
      ownBytes += capacityOf(sizeClass);
      return own;
    }
    ByteBuffer slab = slabs[sizeClass];
    if (slab == null || slab.remaining() < length) {
      slab = ByteBuffer.allocateDirect(Math.max(1, SLAB_BYTES / length) * length);
      slabs[sizeClass] = slab;
    }
    ByteBuffer bytes = slab.slice(slab.position(), length);
    slab.position(slab.position() + length);
    return bytes;
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
      chunk.giveBack(block.unit(), capacityOf(sizeClass) / Chunk.UNIT_BYTES);
      chunkBytesFree += capacityOf(sizeClass);
      unusedChunks += chunk.isUnused() ? 1 : 0;
      return;
    }
    bytesFree += capacityOf(sizeClass);
    block.nextFree = free[sizeClass];
    free[sizeClass] = block;
  }

  private void rest(Block block) {
    while (resting.size() == MOST_RESTING || restingBytes > RESTING_BYTES - block.capacity()) {
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

  /** Whether more is free than may stay. */
  synchronized boolean keepsTooMuch() {
    return bytesFree > KEPT_BYTES || unusedChunks > 0;
  }

  /** Whether hardly a quarter of the limit is left. */
  synchronized boolean isScarce() {
    return limitBytes - bytesInUse < limitBytes / 4;
  }

  /**
   * Drops chunks of which nothing is in use, and free blocks, the largest first, until no more than
   * that is left.
   */
  synchronized void trim(long keptBytes) {
    if (unusedChunks > 0) {
      chunks.removeIf(this::dropUnused);
    }
    for (int sizeClass = CLASSES - 1; sizeClass >= 0 && bytesFree > keptBytes; sizeClass--) {
      while (bytesFree > keptBytes && free[sizeClass] != null) {
        Block dropped = free[sizeClass];
        free[sizeClass] = dropped.nextFree;
        bytesFree -= capacityOf(sizeClass);
        bytesReturned += capacityOf(sizeClass);
        ownBytes -= capacityOf(sizeClass) > SLAB_LIMIT ? capacityOf(sizeClass) : 0;
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
    values[LoopCounter.BLOCK_BYTES_KEPT.ordinal()] = bytesFree + chunkBytesFree;
    values[LoopCounter.BLOCK_BYTES_RETURNED.ordinal()] = bytesReturned;
  }
}
