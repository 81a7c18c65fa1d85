// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.spi.AbstractLease;
import dev.millrace.internal.spi.LeaseWatch;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** One reference to a block. */
final class NioLease extends AbstractLease {
  /** The range follows the buffer's position until it is set. */
  private static final int FOLLOWS_POSITION = -1;

  private Block block;
  private int capacity;
  private final Message.Kind kind;
  private final boolean isRetained;
  private int rangeOffset;
  private int rangeLength;
  private @Nullable ByteBuffer buffer;

  private NioLease(
      Block block,
      int capacity,
      Message.Kind kind,
      boolean isRetained,
      int rangeLength,
      @Nullable LeaseWatch watch) {
    super(capacity, watch);
    this.block = block;
    this.capacity = capacity;
    this.kind = kind;
    this.isRetained = isRetained;
    this.rangeLength = rangeLength;
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
  protected void release() {
    block.release();
  }

  @Override
  protected long memoryNumber() {
    return block.number();
  }

  @Override
  protected void moveTo(int newCapacity) {
    Block before = block;
    Block larger = larger(newCapacity);
    buffer =
        newCapacity == larger.capacity()
            ? larger.leased()
            : larger.bytes().slice(Block.HEADROOM, newCapacity);
    block = larger;
    capacity = newCapacity;
    rangeOffset = 0;
    rangeLength = FOLLOWS_POSITION;
    before.forgetLeased();
    before.release();
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
}
