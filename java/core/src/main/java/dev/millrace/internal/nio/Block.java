// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A run of direct memory, and how many use it. Whoever gives up the last reference gives it back to
 * its pool; any thread may.
 *
 * <pre>
 *   0          6 or more          16                        16 + capacity
 *   |          | frame header ->  | payload                 |
 *   |     headroom                |                         |
 * </pre>
 *
 * <p>The headroom lets a message leave with its header in one piece. Only two may write it: who
 * holds the only reference, and who sends the whole message that the block was received for, whose
 * header is the same however often it is sent.
 */
final class Block {
  private static final VarHandle REFERENCES;

  static {
    try {
      REFERENCES = MethodHandles.lookup().findVarHandle(Block.class, "references", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** At least as long as the longest header of an unmasked frame, and aligned. */
  static final int HEADROOM = 16;

  private final @Nullable BlockPool pool;
  private final int sizeClass;
  private final ByteBuffer bytes;

  // What it was cut from, and where; null where it is memory of the pool's own.
  private final @Nullable Chunk chunk;
  private final int unit;
  private final @Nullable Slab slab;

  @SuppressWarnings("unused") // through REFERENCES
  private volatile int references;

  // For whoever has the right to it; made when first asked for.
  private @Nullable ByteBuffer readOnly;
  private volatile @Nullable ByteBuffer memory;
  private @Nullable ByteBuffer leased;
  private @Nullable ByteBuffer io;

  /** The number of the gathering write that {@link #io()} was part of last. Loop thread. */
  long gathered;

  /** The free block below this one, in its pool. */
  @Nullable Block nextFree;

  /** A block without references. {@code pool} is null for memory that is never given back. */
  Block(@Nullable BlockPool pool, int sizeClass, ByteBuffer bytes) {
    this(pool, sizeClass, bytes, null, 0, null);
  }

  /** A block of a chunk, which begins at that unit. */
  Block(BlockPool pool, int sizeClass, ByteBuffer bytes, Chunk chunk, int unit) {
    this(pool, sizeClass, bytes, chunk, unit, null);
  }

  /** A block of a slab, which is part of a chunk. */
  Block(BlockPool pool, int sizeClass, ByteBuffer bytes, Slab slab) {
    this(pool, sizeClass, bytes, null, 0, slab);
  }

  private Block(
      @Nullable BlockPool pool,
      int sizeClass,
      ByteBuffer bytes,
      @Nullable Chunk chunk,
      int unit,
      @Nullable Slab slab) {
    this.pool = pool;
    this.sizeClass = sizeClass;
    this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
    this.chunk = chunk;
    this.unit = unit;
    this.slab = slab;
  }

  @Nullable Chunk chunk() {
    return chunk;
  }

  int unit() {
    return unit;
  }

  @Nullable Slab slab() {
    return slab;
  }

  int sizeClass() {
    return sizeClass;
  }

  /** Bytes behind the headroom. */
  int capacity() {
    return bytes.capacity() - HEADROOM;
  }

  /** All of it, headroom included, little-endian. Absolute access only: many threads may. */
  ByteBuffer bytes() {
    return bytes;
  }

  /** Whether it goes back to a pool, and so may be kept by whoever has a reference. */
  boolean isPooled() {
    return pool != null;
  }

  boolean isOf(BlockPool pool) {
    return this.pool == pool;
  }

  /** A block of at least this capacity from the same pool, or null when no memory is left. */
  @Nullable Block acquireLike(int capacity) {
    return pool == null ? null : pool.acquire(capacity);
  }

  /** Its pool hands it out. */
  void begin() {
    references = 1;
  }

  /** One reference more, by somebody who has one. */
  Block retain() {
    if (pool != null) {
      REFERENCES.getAndAdd(this, 1);
    }
    return this;
  }

  /** One reference less. */
  void release() {
    if (pool == null) {
      return;
    }
    int before = (int) REFERENCES.getAndAdd(this, -1);
    if (before == 1) {
      pool.giveBack(this);
    } else if (before <= 0) {
      throw new IllegalStateException("a block was released twice: references=" + before);
    }
  }

  /** Whether the caller, who has a reference, is the only one. */
  boolean isExclusive() {
    return pool != null && references == 1;
  }

  /** Not quite its own: blocks that rest are told apart by it, for a report. */
  long number() {
    return System.identityHashCode(this);
  }

  /** Writes this byte to all of it. Nobody has a reference. */
  void fill(byte value) {
    byte[] values = new byte[Math.min(bytes.capacity(), 64 << 10)];
    Arrays.fill(values, value);
    for (int at = 0; at < bytes.capacity(); at += values.length) {
      bytes.put(at, values, 0, Math.min(values.length, bytes.capacity() - at));
    }
  }

  /** Whether all of it is this byte. */
  boolean isFilled(byte value) {
    ByteBuffer rest = bytes.slice(1, bytes.capacity() - 1);
    return bytes.get(0) == value && bytes.slice(0, rest.capacity()).equals(rest);
  }

  /** A part of it as users see it. Position and limit of the parent are never touched. */
  ByteBuffer readOnlySlice(int offset, int length) {
    ByteBuffer parent = readOnly;
    if (parent == null) {
      parent = bytes.asReadOnlyBuffer();
      readOnly = parent;
    }
    return parent.slice(offset, length);
  }

  /**
   * All of it for readers that use absolute positions, read-only and little-endian: always the same
   * object, and no other view depends on its limit.
   */
  ByteBuffer memory() {
    ByteBuffer view = memory;
    if (view == null) {
      view = bytes.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN).limit(0);
      memory = view;
    }
    return view;
  }

  /** All of it as the owner of a lease sees it: the same object for the next owner, as new. */
  ByteBuffer leased() {
    ByteBuffer view = leased;
    if (view == null) {
      view = bytes.slice(HEADROOM, capacity());
      leased = view;
    }
    return view.clear().order(ByteOrder.BIG_ENDIAN);
  }

  /** Leaves the buffer to who has it; the next owner of a lease is shown another. */
  void forgetLeased() {
    leased = null;
  }

  /** A view whose position and limit are the loop's, set before each system call. Loop thread. */
  ByteBuffer io() {
    ByteBuffer view = io;
    if (view == null) {
      view = bytes.duplicate();
      io = view;
    }
    return view;
  }
}
