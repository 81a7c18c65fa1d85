// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A run of direct memory that long blocks and slabs of small ones are cut from, and that is dropped
 * as a whole when none of them is in use. It is longer than what {@code malloc} keeps for itself as
 * a rule: when the JVM frees it, it is the system's again (docs/engine-differences.md). Under the
 * lock of its pool.
 *
 * <p>The JVM frees direct memory when the garbage collector finds it unreachable, and an idle
 * process does not collect. So a dropped chunk is used again, by whichever loop needs one, until it
 * is gone; and one collection is asked for, at most once in four seconds, where chunks that wait
 * for it are more than half of what is on the heap, so that it costs little and returns much.
 */
final class Chunk {
  /** What a block of the shortest kind takes. */
  static final int UNIT_BYTES = 64 << 10;

  private static final int UNITS = 512;

  /** What can be in blocks. */
  static final int CAPACITY = UNITS * UNIT_BYTES;

  /** With a headroom for each block of 16 KiB, so that a {@link Slab} of them is full. */
  static final int STRIDE = UNIT_BYTES + 4 * Block.HEADROOM;

  private static final long COLLECT_INTERVAL_NANOS = 4_000_000_000L;

  /** What this loop and others drop soon after is collected with it. */
  private static final long COLLECT_DELAY_NANOS = 2_000_000_000;

  private static final ArrayDeque<WeakReference<Chunk>> DROPPED = new ArrayDeque<>();
  private static long collectedNanos = System.nanoTime() - COLLECT_INTERVAL_NANOS;
  private static boolean isCollecting;

  private final ByteBuffer bytes = ByteBuffer.allocateDirect(UNITS * STRIDE);
  private final BitSet used = new BitSet(UNITS);

  private Chunk() {}

  /** One that was dropped, or a new one; null where the JVM allows no more. */
  static @Nullable Chunk acquire() {
    synchronized (DROPPED) {
      while (!DROPPED.isEmpty()) {
        Chunk dropped = DROPPED.removeLast().get();
        if (dropped != null) {
          return dropped;
        }
      }
    }
    try {
      return new Chunk();
    } catch (OutOfMemoryError e) {
      return null;
    }
  }

  /**
   * Tells what {@link #acquire} answers to a thread of its own: the JVM zeroes what it allocates,
   * for which no loop should stand still.
   */
  static void acquireInto(CompletableFuture<@Nullable Chunk> ahead) {
    Runnable task = () -> ahead.complete(acquire());
    try {
      onThreadOfItsOwn(task);
    } catch (OutOfMemoryError e) {
      task.run(); // no thread is to be had, and somebody may wait for the chunk
    }
  }

  private static void onThreadOfItsOwn(Runnable task) {
    Thread thread = new Thread(task, "millrace-memory");
    thread.setDaemon(true);
    thread.start();
  }

  /** Nobody uses a block of it. */
  void drop() {
    synchronized (DROPPED) {
      DROPPED.addLast(new WeakReference<>(this));
      if (!isCollecting && isWorthCollecting()) {
        long left = collectedNanos + COLLECT_INTERVAL_NANOS - System.nanoTime();
        collectIn(Math.max(COLLECT_DELAY_NANOS, left));
        isCollecting = true;
      }
    }
  }

  private static boolean isWorthCollecting() {
    DROPPED.removeIf(waiting -> waiting.get() == null);
    Runtime runtime = Runtime.getRuntime();
    return 2L * DROPPED.size() * CAPACITY > runtime.totalMemory() - runtime.freeMemory();
  }

  /** Not on a loop's thread: some collectors keep the caller waiting while all others run. */
  private static void collectIn(long nanos) {
    onThreadOfItsOwn(() -> collectAt(System.nanoTime() + nanos));
  }

  private static void collectAt(long deadline) {
    for (long left; (left = deadline - System.nanoTime()) > 0; ) {
      LockSupport.parkNanos(left);
    }
    synchronized (DROPPED) {
      isCollecting = false;
      if (!isWorthCollecting()) {
        return;
      }
      collectedNanos = System.nanoTime();
    }
    System.gc();
  }

  boolean isUnused() {
    return used.isEmpty();
  }

  boolean hasRoom(int units) {
    return find(units) >= 0;
  }

  /** Where so many units begin, a power of two, that are in use from now on; there is room. */
  int take(int units) {
    int at = find(units);
    used.set(at, at + units);
    return at;
  }

  /** So many bytes, from that unit on. */
  ByteBuffer bytes(int at, int length) {
    return bytes.slice(at * STRIDE, length);
  }

  private int find(int units) {
    for (int at = next(0, units); at + units <= UNITS; ) {
      int taken = used.nextSetBit(at);
      if (taken < 0 || taken >= at + units) {
        return at;
      }
      at = next(taken, units);
    }
    return -1;
  }

  /** Where a run of so many may begin: aligned, so that what comes back joins. */
  private int next(int from, int units) {
    return (used.nextClearBit(from) + units - 1) / units * units;
  }

  /** What begins there is not in use any more. */
  void giveBack(int at, int units) {
    used.clear(at, at + units);
  }
}
