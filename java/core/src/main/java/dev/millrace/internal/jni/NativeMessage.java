// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.MessageMemory;
import dev.millrace.internal.spi.MessageVerifier;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A view of a received payload. A loop has 256 of these and fills them in turn; each is emptied
 * when its handler has returned, so that a message that was kept throws instead of showing another
 * peer's bytes.
 */
final class NativeMessage implements Message, MessageMemory {
  private final NativeLoop loop;
  private long address;
  private int length;
  private int opcode;
  private boolean inBlock;
  private boolean valid;

  NativeMessage(NativeLoop loop) {
    this.loop = loop;
  }

  /** Makes this the message of an event. */
  void fill(int opcode, long address, int length, boolean inBlock) {
    this.opcode = opcode;
    this.address = address;
    this.length = length;
    this.inBlock = inBlock;
    valid = true;
  }

  /** Ends its validity. */
  void empty() {
    valid = false;
  }

  /** Throws unless this is the loop's thread and the handler has not returned. */
  void requireValid() {
    if (Thread.currentThread() != loop.thread()) {
      throw new IllegalStateException(
          "a message belongs to its loop's thread: thread="
              + Thread.currentThread().getName()
              + ", loop="
              + loop.thread().getName()
              + "; retain() it to take it elsewhere");
    }
    if (!valid) {
      throw new IllegalStateException(
          "the message is no longer valid: its handler has returned; retain() it to keep it");
    }
  }

  NativeLoop loop() {
    return loop;
  }

  int opcode() {
    return opcode;
  }

  long address() {
    return address;
  }

  /** The length without the checks of {@link #length()}. */
  int payloadLength() {
    return length;
  }

  @Override
  public Kind kind() {
    requireValid();
    return kindOf(opcode);
  }

  @Override
  public int length() {
    requireValid();
    return length;
  }

  @Override
  public ByteBuffer payload() {
    requireValid();
    return loop.readOnlyRegion().slice(Records.offset(address), length);
  }

  @Override
  public ByteBuffer memory() {
    requireValid();
    return loop.messages();
  }

  @Override
  public int memoryOffset() {
    return Records.offset(address);
  }

  @Override
  public MessageVerifier verifier() {
    return NativeMessageVerifier.INSTANCE;
  }

  @Override
  public String text() {
    return new String(toByteArray(), StandardCharsets.UTF_8);
  }

  @Override
  public byte[] toByteArray() {
    requireValid();
    byte[] bytes = new byte[length];
    loop.region().get(Records.offset(address), bytes);
    return bytes;
  }

  @Override
  public Lease retain() {
    requireValid();
    long block = toKeptBlock();
    if (block < 0) {
      throw new IllegalStateException("no memory left to retain a message: length=" + length);
    }
    return NativeLease.retained(regionOf(block), block, length, kindOf(opcode), loop.leases());
  }

  /** This message for a handler on an executor, or null when no memory is left. */
  @Nullable QueuedMessage toQueued(NativeConnection connection) {
    long block = toKeptBlock();
    return block < 0 ? null : new QueuedMessage(connection, regionOf(block), block, length, opcode);
  }

  /** A reference to a block with these bytes, or a negative number when no memory is left. */
  long toKeptBlock() {
    if (inBlock && NativeCalls.retain(address) >= 0) {
      return address;
    }
    long block = loop.acquire(length);
    if (block < 0) {
      return toSharedBlock();
    }
    copyTo(loop.region(), block);
    return block;
  }

  private ByteBuffer regionOf(long block) {
    return Records.region(block) == SharedMemory.REGION_ID ? SharedMemory.region() : loop.region();
  }

  /**
   * A block with these bytes that another loop may own, or a negative number when no memory is
   * left.
   */
  long toOwnedBlock() {
    if (inBlock && NativeCalls.retain(address) >= 0) {
      return address;
    }
    return toSharedBlock();
  }

  private long toSharedBlock() {
    long block = SharedMemory.acquire(length);
    if (block >= 0) {
      copyTo(SharedMemory.region(), block);
    }
    return block;
  }

  private void copyTo(ByteBuffer region, long block) {
    region.put(Records.offset(block), loop.region(), Records.offset(address), length);
  }

  /** The kind that an opcode stands for. */
  static Kind kindOf(int opcode) {
    return opcode == Records.TEXT ? Kind.TEXT : Kind.BINARY;
  }

  /** The opcode of a kind. */
  static int opcodeOf(Kind kind) {
    return kind == Kind.TEXT ? Records.TEXT : Records.BINARY;
  }
}
