// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import dev.millrace.Lease;
import dev.millrace.Message;
import java.nio.ByteBuffer;

/** A lease without an engine, which is used again and again. */
final class HeldLease implements Lease {
  private final ByteBuffer memory;
  private int offset;
  private int length;

  HeldLease(int capacity) {
    memory = OffHeap.allocate(capacity);
  }

  @Override
  public ByteBuffer buffer() {
    return memory;
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
