// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

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
 * <p>Whoever moves it out of OPEN, with one compare-and-set, has the reference; so it is given up
 * exactly once whatever threads do.
 */
final class NioLease implements Lease, GrowableLease {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(NioLease.class, "state", int.class);
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

  /** The range follows the buffer's position until it is set. */
  private static final int FOLLOWS_POSITION = -1;

  private Block block;
  private int capacity;
  private final Message.Kind kind;
  private final boolean isRetained;
  private int rangeOffset;
  private int rangeLength;
  private @Nullable ByteBuffer buffer;
  private final LeaseWatch.@Nullable Entry watched;
  private volatile int state;

  private NioLease(
      Block block,
      int capacity,
      Message.Kind kind,
      boolean isRetained,
      int rangeLength,
      @Nullable LeaseWatch watch) {
    this.block = block;
    this.capacity = capacity;
    this.kind = kind;
    this.isRetained = isRetained;
    this.rangeLength = rangeLength;
    watched = watch == null ? null : watch.add(this, capacity);
  }

  /**
   * New memory to write into; the reference passes to the lease. {@code watch} is that of its
   * group.
   */
  static NioLease writable(Block block, @Nullable LeaseWatch watch) {
    return new NioLease(
        block, block.capacity(), Message.Kind.BINARY, false, FOLLOWS_POSITION, watch);
  }

  /** A received message at the beginning of a block; the reference passes to the lease. */
  static NioLease retained(Block block, int length, Message.Kind kind, @Nullable LeaseWatch watch) {
    return new NioLease(block, length, kind, true, length, watch);
  }

  @Override
  public ByteBuffer buffer() {
    requireOpen();
    ByteBuffer current = buffer;
    if (current == null) {
      current = isRetained ? block.readOnlySlice(Block.HEADROOM, capacity) : block.leased();
      buffer = current;
    }
    return current;
  }

  @Override
  public int capacity() {
    requireOpen();
    return capacity;
  }

  @Override
  public int offset() {
    requireOpen();
    return rangeOffset;
  }

  @Override
  public int length() {
    requireOpen();
    return payloadLength();
  }

  @Override
  public Lease range(int offset, int length) {
    requireOpen();
    if (offset < 0 || length < 0 || length > capacity - offset) {
      throw new IllegalArgumentException(
          "range outside the lease: offset="
              + offset
              + ", length="
              + length
              + ", capacity="
              + capacity);
    }
    rangeOffset = offset;
    rangeLength = length;
    return this;
  }

  @Override
  public Message.Kind kind() {
    requireOpen();
    return kind;
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
      block.release();
    } else if (before == GROWING) {
      // Whoever makes it grow gives the reference up.
      unwatch();
    }
  }

  @Override
  public ByteBuffer grow(int newCapacity) {
    if (!STATE.compareAndSet(this, OPEN, GROWING)) {
      throw used();
    }
    Block before = block;
    try {
      moveTo(larger(newCapacity), newCapacity);
    } finally {
      if (!STATE.compareAndSet(this, GROWING, OPEN)) {
        // Closed meanwhile.
        block.release();
      }
    }
    before.forgetLeased();
    before.release();
    return buffer();
  }

  /** A block of this capacity whose last bytes are those of the present one. */
  private Block larger(int newCapacity) {
    if (isRetained) {
      throw new IllegalStateException("a received message cannot grow: length=" + capacity);
    }
    if (newCapacity < capacity) {
      throw new IllegalArgumentException(
          "a lease cannot shrink: capacity=" + capacity + ", next=" + newCapacity);
    }
    Block larger = newCapacity > Sender.MAX_PAYLOAD_LENGTH ? null : block.acquireLike(newCapacity);
    if (larger == null) {
      throw new IllegalStateException(
          "no memory left for a lease to grow: capacity=" + capacity + ", next=" + newCapacity);
    }
    int at = Block.HEADROOM + newCapacity - capacity;
    larger.bytes().put(at, block.bytes(), Block.HEADROOM, capacity);
    return larger;
  }

  private void moveTo(Block larger, int newCapacity) {
    buffer =
        newCapacity == larger.capacity()
            ? larger.leased()
            : larger.bytes().slice(Block.HEADROOM, newCapacity);
    block = larger;
    capacity = newCapacity;
    rangeOffset = 0;
    rangeLength = FOLLOWS_POSITION;
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
      block.release();
    }
  }

  private void unwatch() {
    if (watched != null) {
      watched.end();
    }
  }

  /** The block; for whoever has taken the lease. */
  Block block() {
    return block;
  }

  /** Where the bytes to send begin, from the start of the headroom; for whoever has taken it. */
  int payloadAt() {
    return Block.HEADROOM + rangeOffset;
  }

  /** How many bytes to send; for whoever has taken the lease. */
  int payloadLength() {
    if (rangeLength != FOLLOWS_POSITION) {
      return rangeLength;
    }
    ByteBuffer written = buffer;
    return written == null ? 0 : written.position();
  }

  /** The opcode to send with; for whoever has taken the lease. */
  int opcode() {
    return NioMessage.opcodeOf(kind);
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
