// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.spi.AbstractLease;
import dev.millrace.internal.spi.LeaseWatch;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** One reference to a block. */
final class NativeLease extends AbstractLease {
  private LeasedBlock block;

  /** The first and only owner of a reference to the block; {@code watch} is that of its group. */
  NativeLease(LeasedBlock block, @Nullable LeaseWatch watch) {
    super(block.capacity(), watch);
    this.block = block;
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
  protected void release() {
    NativeCalls.release(block.payloadAddress());
  }

  @Override
  protected long memoryNumber() {
    return block.address();
  }

  @Override
  protected void moveTo(int capacity) {
    LeasedBlock before = block;
    block = before.larger(capacity);
    before.forgetBuffer();
    NativeCalls.release(before.payloadAddress());
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
}
