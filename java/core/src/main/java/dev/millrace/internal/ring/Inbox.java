// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * What threads outside a loop post to it: many producers, one consumer, two ways in.
 *
 * <p><b>Records</b> go into a bounded ring of four longs each. Every cell has a sequence: {@code
 * position} when it is free for the producer that claims that position, {@code position + 1} when
 * its record is published, and {@code position + capacity} when the consumer has emptied it for the
 * next lap. A producer claims by moving {@code tail} with one compare-and-set, writes the record
 * with plain stores, and publishes with one release store; it never waits for anybody, and a ring
 * without a free cell answers false. A producer that has claimed but not yet published holds up the
 * records behind it, not their producers; its own wake-up follows its publication.
 *
 * <p><b>Tasks</b> go onto an intrusive stack that is never full. They are for what must not be
 * refused: closing, pausing, application tasks. Each task remembers the ring's {@code tail} at the
 * time of posting, its <i>barrier</i>, and is not handed out before the consumer has passed it; so
 * a close never overtakes the sends that its thread made before. In the other direction {@link
 * #drain} reads {@code tail} before it takes the stack and does not look beyond that place, so a
 * send never overtakes a task that its thread posted before.
 */
public final class Inbox {
  private static final VarHandle LONGS = MethodHandles.arrayElementVarHandle(long[].class);
  private static final VarHandle STACK;

  static {
    try {
      STACK = MethodHandles.lookup().findVarHandle(Inbox.class, "stack", Task.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int RECORD_LONGS = 4;

  /** Places of the two positions, two cache lines from each other and from the array's ends. */
  private static final int TAIL = 16;

  private static final int HEAD = 32;

  /** What the consumer does with what it drains. */
  public interface Receiver {
    /** A record, with its words as they were offered. */
    void onRecord(long first, long second, long third, long fourth);

    /** A task. */
    void onTask(Task task);
  }

  /** Something that is never refused. A task may be posted once. */
  public abstract static class Task implements Runnable {
    private @Nullable Task next;
    private long barrier;
  }

  private final int mask;
  private final long[] records;
  private final long[] sequences;
  private final long[] positions = new long[48];

  @SuppressWarnings("unused") // through STACK
  private @Nullable Task stack;

  // Tasks taken off the stack, oldest first; consumer only.
  private @Nullable Task firstPending;
  private @Nullable Task lastPending;

  /** An inbox for at least {@code minimumCapacity} records; rounded up to a power of two. */
  public Inbox(int minimumCapacity) {
    if (minimumCapacity < 1 || minimumCapacity > 1 << 24) {
      throw new IllegalArgumentException(
          "inbox capacity out of range: capacity=" + minimumCapacity + ", limit=" + (1 << 24));
    }
    // Two cells at least: with one, "published" and "free for the next lap" would be the same
    // sequence.
    int capacity = Math.max(2, Integer.highestOneBit(2 * minimumCapacity - 1));
    mask = capacity - 1;
    records = new long[capacity * RECORD_LONGS];
    sequences = new long[capacity];
    for (int i = 0; i < capacity; i++) {
      sequences[i] = i;
    }
  }

  /** Records that fit at once. */
  public int capacity() {
    return mask + 1;
  }

  /** Any thread: posts a record, or answers false when the ring is full. */
  public boolean offer(long first, long second, long third, long fourth) {
    long position = (long) LONGS.getVolatile(positions, TAIL);
    for (; ; ) {
      int index = (int) position & mask;
      long lap = (long) LONGS.getAcquire(sequences, index) - position;
      if (lap < 0) {
        return false;
      }
      if (lap == 0 && LONGS.compareAndSet(positions, TAIL, position, position + 1)) {
        int record = index * RECORD_LONGS;
        records[record] = first;
        records[record + 1] = second;
        records[record + 2] = third;
        records[record + 3] = fourth;
        LONGS.setRelease(sequences, index, position + 1);
        return true;
      }
      position = (long) LONGS.getVolatile(positions, TAIL);
    }
  }

  /** Any thread: posts a task. */
  public void post(Task task) {
    task.barrier = (long) LONGS.getVolatile(positions, TAIL);
    Task top;
    do {
      top = (Task) STACK.getAcquire(this);
      task.next = top;
    } while (!STACK.compareAndSet(this, top, task));
  }

  /** Consumer: hands out what was there when it was called, in order; returns how many. */
  public int drain(Receiver receiver) {
    long bound = (long) LONGS.getVolatile(positions, TAIL);
    takeStack();
    long head = positions[HEAD];
    int count = runTasks(receiver, head);
    while (head < bound && isPublished(head)) {
      int index = (int) head & mask;
      int record = index * RECORD_LONGS;
      long first = records[record];
      long second = records[record + 1];
      long third = records[record + 2];
      long fourth = records[record + 3];
      LONGS.setRelease(sequences, index, head + mask + 1);
      positions[HEAD] = ++head;
      receiver.onRecord(first, second, third, fourth);
      count += 1 + runTasks(receiver, head);
    }
    return count;
  }

  /** Consumer: true when {@link #drain} would hand out nothing. */
  public boolean isEmpty() {
    long head = positions[HEAD];
    return STACK.getAcquire(this) == null
        && !isPublished(head)
        && (firstPending == null || firstPending.barrier > head);
  }

  private boolean isPublished(long position) {
    return (long) LONGS.getAcquire(sequences, (int) position & mask) == position + 1;
  }

  private int runTasks(Receiver receiver, long head) {
    int count = 0;
    while (firstPending != null && firstPending.barrier <= head) {
      Task task = firstPending;
      firstPending = task.next;
      task.next = null;
      if (firstPending == null) {
        lastPending = null;
      }
      receiver.onTask(task);
      count++;
    }
    return count;
  }

  /** Appends what lies on the stack, which is newest first, to the pending tasks, oldest first. */
  private void takeStack() {
    Task taken = (Task) STACK.getAndSet(this, null);
    if (taken == null) {
      return;
    }
    Task newest = taken;
    Task oldest = null;
    while (taken != null) {
      Task next = taken.next;
      taken.next = oldest;
      oldest = taken;
      taken = next;
    }
    if (lastPending == null) {
      firstPending = oldest;
    } else {
      lastPending.next = oldest;
    }
    lastPending = newest;
  }
}
