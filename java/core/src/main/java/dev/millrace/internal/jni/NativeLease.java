// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.spi.GrowableLease;
import dev.millrace.internal.spi.LeaseWatch;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * One reference to a block.
 *
 * <pre>
 *   OPEN --take--> SENT     the reference has passed to a send
 *    |  \
 *    |   +-grow-> GROWING  --> OPEN, with another block
 *    |               |
 *    +---close-------+-----> CLOSED   the reference is given up
 * </pre>
 *
 * Whoever moves it out of OPEN, with one compare-and-set, has the reference; so it is given up
 * exactly once whatever threads do. That is why a lease is an object of its own, however small:
 * were it used again for the next lease, a late {@code close()} of its first owner, which is
 * allowed and does nothing, would give up the reference of the second.
 */
final class NativeLease implements Lease, GrowableLease {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(NativeLease.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int OPEN = 0;
  private static final int SENT = 1;
  private static final int CLOSED = 2;
  private static final int GROWING = 3;

  /** Closed behind a send, which may yet be taken back. */
  private static final int SENT_AND_CLOSED = 4;

  private LeasedBlock block;
  private final LeaseWatch.@Nullable Entry watched;
  private volatile int state;

  /** The first and only owner of a reference to the block; {@code watch} is that of its group. */
  NativeLease(LeasedBlock block, @Nullable LeaseWatch watch) {
    this.block = block;
    watched = watch == null ? null : watch.add(this, block.capacity());
  }

  /** New memory to write into. */
  static NativeLease writable(
      ByteBuffer region, long address, int capacity, @Nullable LeaseWatch watch) {
    return new NativeLease(LeasedBlock.writable(region, address, capacity), watch);
  }

  /** A received message. */
  static NativeLease retained(
      ByteBuffer region, long address, int length, Message.Kind kind, @Nullable LeaseWatch watch) {
    return new NativeLease(LeasedBlock.retained(region, address, length, kind), watch);
  }

  @Override
  public ByteBuffer buffer() {
    requireOpen();
    return block.buffer();
  }

  @Override
  public int capacity() {
    requireOpen();
    return block.capacity();
  }

  @Override
  public int offset() {
    requireOpen();
    return block.offset();
  }

  @Override
  public int length() {
    requireOpen();
    return block.length();
  }

  @Override
  public Lease range(int offset, int length) {
    requireOpen();
    block.range(offset, length);
    return this;
  }

  @Override
  public Message.Kind kind() {
    requireOpen();
    return block.kind();
  }

  @Override
  public void close() {
    int before;
    int after;
    do {
      before = state;
      after = before == SENT || before == SENT_AND_CLOSED ? SENT_AND_CLOSED : CLOSED;
    } while (!STATE.compareAndSet(this, before, after));
    if (before == OPEN) {
      unwatch();
      NativeCalls.release(block.payloadAddress());
    } else if (before == GROWING) {
      // Whoever makes it grow gives the reference up.
      unwatch();
    }
  }

  @Override
  public ByteBuffer grow(int capacity) {
    if (!STATE.compareAndSet(this, OPEN, GROWING)) {
      throw used();
    }
    LeasedBlock before = block;
    try {
      block = before.larger(capacity);
    } finally {
      if (!STATE.compareAndSet(this, GROWING, OPEN)) {
        // Closed meanwhile.
        NativeCalls.release(block.payloadAddress());
      }
    }
    before.forgetBuffer();
    NativeCalls.release(before.payloadAddress());
    return buffer();
  }

  /** Passes the reference to the caller, who sends or releases it. */
  void take() {
    if (!STATE.compareAndSet(this, OPEN, SENT)) {
      throw used();
    }
    unwatch();
  }

  /** Takes back {@link #take}, when the send did not begin after all. */
  void giveBack() {
    if (watched != null) {
      watched.reopen();
    }
    if (!STATE.compareAndSet(this, SENT, OPEN)) {
      // Closed meanwhile.
      state = CLOSED;
      unwatch();
      NativeCalls.release(block.payloadAddress());
    }
  }

  private void unwatch() {
    if (watched != null) {
      watched.end();
    }
  }

  /** Where the bytes to send begin; for whoever has taken the lease. */
  long payloadAddress() {
    return block.payloadAddress();
  }

  /** How many bytes to send; for whoever has taken the lease. */
  int payloadLength() {
    return block.length();
  }

  /** How many bytes the whole lease pins, at least; for whoever has taken it. */
  int blockCapacity() {
    return block.capacity();
  }

  /** The opcode to send with; for whoever has taken the lease. */
  int opcode() {
    return NativeMessage.opcodeOf(block.kind());
  }

  private void requireOpen() {
    if (state != OPEN) {
      throw used();
    }
  }

  private IllegalStateException used() {
    return new IllegalStateException(
        switch (state) {
          case SENT, SENT_AND_CLOSED -> "the lease was sent before";
          case GROWING -> "the lease is being grown by another thread";
          default -> "the lease was closed before";
        });
  }
}
