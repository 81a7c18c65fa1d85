// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.spi.GrowableLease;
import java.nio.ByteBuffer;

/** A lease on direct memory, without an engine: it may be used again and again. */
public class HeldLease implements Lease {
  ByteBuffer memory;
  ByteBuffer shown;
  private int offset;
  private int length;

  public HeldLease(int capacity) {
    this(ByteBuffer.allocateDirect(capacity));
  }

  public HeldLease(ByteBuffer memory) {
    this.memory = memory;
    shown = memory.duplicate();
  }

  /** One that moves to larger memory, as those of the engines do. */
  static final class Growing extends HeldLease implements GrowableLease {
    Growing(int capacity) {
      super(capacity);
    }

    @Override
    public ByteBuffer grow(int capacity) {
      ByteBuffer larger = ByteBuffer.allocateDirect(capacity);
      larger.put(capacity - memory.capacity(), memory, 0, memory.capacity());
      memory = larger;
      shown = larger.duplicate();
      return shown;
    }
  }

  /** The bytes that an engine would send. */
  ByteBuffer sent() {
    return memory.slice(offset, length);
  }

  @Override
  public ByteBuffer buffer() {
    return shown;
  }

  @Override
  public int capacity() {
    return memory.capacity();
  }

  @Override
  public int offset() {
    return offset;
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public Lease range(int offset, int length) {
    this.offset = offset;
    this.length = length;
    return this;
  }

  @Override
  public Message.Kind kind() {
    return Message.Kind.BINARY;
  }

  @Override
  public void close() {}
}
