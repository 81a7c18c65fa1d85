// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Limits;
import dev.millrace.SendResult;
import dev.millrace.internal.spi.AbstractConnection;
import dev.millrace.internal.spi.KeptMemory;
import dev.millrace.internal.spi.Tally;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A connection as far as its outgoing bytes are counted, and sends admitted or refused by that.
 *
 * <p>A byte that was accepted is counted in at least one of three places, and moves from left to
 * right:
 *
 * <pre>
 *   posted           by other threads, in the inbox       atomic
 *   staged           in commands that are not executed    the loop's, void when its batch is over
 *   the slot's word  executed, not taken by the kernel    the core's
 * </pre>
 *
 * It is added to the next place before it leaves the one before, and readers look from left to
 * right, so nobody sees too little. The loop's batch number moves on when the core has executed a
 * batch; that makes every connection's {@code staged} void at once, without a list of those that
 * have any. One exception: a batch without posted bytes is over when its call begins, because the
 * call may wait; for that moment other threads see the loop's own sends of one turn in neither
 * place. Posted bytes are executed by a call of their own, which does not wait.
 *
 * <p>So the loop alone, or other threads alone, exceed the mark by at most one message. Where both
 * send to one connection at the same moment they may exceed it by one each, and in that one moment
 * by what the loop has sent in the turn, which is itself below the mark.
 */
abstract class BufferedConnection extends AbstractConnection {
  private static final VarHandle POSTED;
  private static final VarHandle STAGED;
  private static final VarHandle STAGED_BATCH;
  private static final VarHandle WRITABLE_OWED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      POSTED = lookup.findVarHandle(BufferedConnection.class, "posted", long.class);
      STAGED = lookup.findVarHandle(BufferedConnection.class, "staged", long.class);
      STAGED_BATCH = lookup.findVarHandle(BufferedConnection.class, "stagedBatch", long.class);
      WRITABLE_OWED = lookup.findVarHandle(BufferedConnection.class, "writableOwed", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  // A superclass, and no object of its own, because an idle connection has a budget of bytes.
  final NativeLoop loop;
  private final int slot;
  private final int generation;

  private volatile long posted;
  private long staged;
  private long stagedBatch = -1;

  // The mark was reached or a send refused: onWritable is owed.
  private volatile boolean writableOwed;

  BufferedConnection(
      NativeLoop loop, int slot, int generation, Handler handler, Handshake handshake) {
    super(handler, handshake);
    this.loop = loop;
    this.slot = slot;
    this.generation = generation;
  }

  final NativeLoop loop() {
    return loop;
  }

  final int slot() {
    return slot;
  }

  final int generation() {
    return generation;
  }

  @Override
  protected final Tally tally() {
    return loop.tally();
  }

  @Override
  public final Limits limits() {
    return loop.limits();
  }

  @Override
  public final KeptMemory keptMemory() {
    return loop.keptMemory();
  }

  @Override
  public final boolean stopsReads() {
    return !loop.isClient();
  }

  @Override
  public final boolean isOnLoop() {
    return loop.isCurrent();
  }

  @Override
  protected final void runOnLoop(Runnable task) {
    loop.run(task);
  }

  @Override
  public final void postToLoop(Runnable task) {
    loop.postTask(task);
  }

  @Override
  public final long id() {
    return loop.connectionId(slot, generation);
  }

  /** Loop thread: whether a send may go on. */
  final SendResult refusal() {
    if (!isOpen()) {
      return SendResult.CLOSED;
    }
    long before = posted + stagedBytes();
    long queued = loop.buffered(slot, generation);
    if (queued < 0) {
      return SendResult.CLOSED;
    }
    long buffered = before + queued;
    if (buffered < loop.highWaterMark()) {
      loop.outgoing().admit(buffered);
      return SendResult.ACCEPTED;
    }
    oweWritable(false);
    return SendResult.REFUSED;
  }

  final SendResult reserve(int length) {
    return reserveBytes(frameLength(length));
  }

  /** Other threads: whether a send may go on; its bytes are counted then. */
  final SendResult reserveBytes(long bytes) {
    if (!isOpen()) {
      return SendResult.CLOSED;
    }
    long before = (long) POSTED.getAndAdd(this, bytes) + stagedBytes();
    long queued = loop.buffered(slot, generation);
    if (queued < 0) {
      POSTED.getAndAdd(this, -bytes);
      return SendResult.CLOSED;
    }
    before += queued;
    boolean accepted = before < loop.highWaterMark();
    if (!accepted) {
      POSTED.getAndAdd(this, -bytes);
    }
    if (before + bytes >= loop.highWaterMark()) {
      oweWritable(false);
    }
    return accepted ? SendResult.ACCEPTED : SendResult.REFUSED;
  }

  /** Gives back what {@link #reserve} has counted. */
  final void unreserve(int length) {
    unreserveBytes(frameLength(length));
  }

  final void unreserveBytes(long bytes) {
    POSTED.getAndAdd(this, -bytes);
  }

  /** Loop thread: posted sends are about to become commands, whatever is buffered by now. */
  final void admitPosted() {
    loop.outgoing().admit(0);
  }

  final SendResult orOutOfMemory(boolean accepted) {
    if (accepted) {
      return SendResult.ACCEPTED;
    }
    oweWritable(true);
    return SendResult.REFUSED;
  }

  /** A send was refused, or the mark is reached: the loop looks when that is over. */
  @Override
  public final void oweWritable(boolean outOfMemory) {
    if (WRITABLE_OWED.compareAndSet(this, false, true)) {
      loop.awaitWritable(this, outOfMemory);
    }
  }

  /** Loop thread: a send that was admitted has become a command; so much is buffered with it. */
  final void addSent(int length, long batch, long buffered) {
    addStaged(length, batch);
    if (buffered >= loop.highWaterMark()) {
      oweWritable(false);
    }
  }

  /** Loop thread: a posted message has become a command. */
  final void addPosted(int length, long batch) {
    addStaged(length, batch);
    POSTED.getAndAdd(this, -frameLength(length));
  }

  private void addStaged(int length, long batch) {
    long bytes = frameLength(length);
    if (stagedBatch == batch) {
      STAGED.setOpaque(this, staged + bytes);
    } else {
      STAGED.setOpaque(this, bytes);
      STAGED_BATCH.setRelease(this, batch);
    }
  }

  private long stagedBytes() {
    long batch = (long) STAGED_BATCH.getAcquire(this);
    return batch == loop.batch() ? (long) STAGED.getOpaque(this) : 0;
  }

  /** What a payload takes with its header, which is never masked (RFC 6455 5.2). */
  static long frameLength(int length) {
    if (length <= 125) {
      return length + 2L;
    }
    return length <= 0xFFFF ? length + 4L : length + 10L;
  }

  @Override
  public final long engineBytes() {
    if (hasEnded()) {
      return 0;
    }
    long before = posted + stagedBytes();
    return before + Math.max(0, loop.buffered(slot, generation));
  }

  @Override
  public final boolean isWritable() {
    return isOpen() && loop.buffered(slot, generation) >= 0 && isBelowMarks();
  }

  /** Whether other threads have sent what is not yet a command. */
  @Override
  public final boolean hasPosted() {
    return posted > 0;
  }

  // ---- The fall to the low mark.

  /**
   * Once everything written is executed: tells the fall, or answers true when it must be looked for
   * again.
   */
  abstract boolean isStillUnwritable();

  final boolean isWritableOwed() {
    return writableOwed;
  }

  /** Loop thread: whether onWritable is owed; it is not any more. */
  final boolean takeWritableOwed() {
    if (!writableOwed) {
      return false;
    }
    writableOwed = false;
    return true;
  }

  /**
   * Loop thread: whether the core tells of the fall. From the high mark on it does. Below it the
   * core may never have seen what Java has counted.
   */
  final boolean isFallTold() {
    return loop.buffered(slot, generation) >= loop.highWaterMark();
  }
}
