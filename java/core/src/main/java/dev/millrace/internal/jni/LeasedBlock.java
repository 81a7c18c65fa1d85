// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Message;
import dev.millrace.internal.ring.Records;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * A block as its lease shows it: a slice of the region, and the part of it that is to be sent. Used
 * by one owner at a time; {@link LeasedBlocks} keeps those of new memory for the next lease of the
 * same block.
 */
final class LeasedBlock {
  /** The range follows the buffer's position until it is set. */
  private static final int FOLLOWS_POSITION = -1;

  // Keeps the mapping reachable, and with it mapped.
  private final ByteBuffer region;
  private final long address;
  private final int capacity;
  private final Message.Kind kind;
  private final boolean readOnly;
  private int rangeOffset;
  private int rangeLength;
  private @Nullable ByteBuffer buffer;

  private LeasedBlock(
      ByteBuffer region,
      long address,
      int capacity,
      Message.Kind kind,
      boolean readOnly,
      int rangeLength) {
    this.region = region;
    this.address = address;
    this.capacity = capacity;
    this.kind = kind;
    this.readOnly = readOnly;
    this.rangeLength = rangeLength;
  }

  static LeasedBlock writable(ByteBuffer region, long address, int capacity) {
    return new LeasedBlock(region, address, capacity, Message.Kind.BINARY, false, FOLLOWS_POSITION);
  }

  static LeasedBlock retained(ByteBuffer region, long address, int length, Message.Kind kind) {
    return new LeasedBlock(region, address, length, kind, true, length);
  }

  /** Whether this shows that block, and as much of it. */
  boolean shows(long address, int capacity) {
    return this.address == address && this.capacity == capacity;
  }

  /** As new, for the next owner. */
  LeasedBlock reset() {
    rangeOffset = 0;
    rangeLength = FOLLOWS_POSITION;
    ByteBuffer current = buffer;
    if (current != null) {
      current.clear().order(ByteOrder.BIG_ENDIAN);
    }
    return this;
  }

  /** Where the block begins. */
  long address() {
    return address;
  }

  ByteBuffer buffer() {
    ByteBuffer current = buffer;
    if (current == null) {
      current = region.slice(Records.offset(address), capacity);
      if (readOnly) {
        current = current.asReadOnlyBuffer();
      }
      buffer = current;
    }
    return current;
  }

  /** Leaves the buffer to who has it; the next owner of the block is shown another. */
  void forgetBuffer() {
    buffer = null;
  }

  int capacity() {
    return capacity;
  }

  Message.Kind kind() {
    return kind;
  }

  void range(int offset, int length) {
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
  }

  int offset() {
    return rangeOffset;
  }

  int length() {
    if (rangeLength != FOLLOWS_POSITION) {
      return rangeLength;
    }
    ByteBuffer written = buffer;
    return written == null ? 0 : written.position();
  }

  /**
   * A block of this capacity whose last bytes are those of this one. It comes from the shared
   * region, because its owner may be on any thread.
   */
  LeasedBlock larger(int newCapacity) {
    if (readOnly) {
      throw new IllegalStateException("a received message cannot grow: length=" + capacity);
    }
    if (newCapacity < capacity) {
      throw new IllegalArgumentException(
          "a lease cannot shrink: capacity=" + capacity + ", next=" + newCapacity);
    }
    long block = newCapacity > Sender.MAX_PAYLOAD_LENGTH ? -1 : SharedMemory.acquire(newCapacity);
    if (block < 0) {
      throw new IllegalStateException(
          "no memory left for a lease to grow: capacity=" + capacity + ", next=" + newCapacity);
    }
    ByteBuffer grown = SharedMemory.region();
    int at = Records.offset(block) + newCapacity - capacity;
    grown.put(at, region, Records.offset(address), capacity);
    return writable(grown, block, newCapacity);
  }

  /** An address inside the block: where the bytes to send begin. */
  long payloadAddress() {
    // Looked at once, whatever other threads do: it must lie inside the block.
    int at = rangeOffset;
    // At its end an empty range would lie in the block behind.
    return at == capacity ? address : address + at;
  }
}
