// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.HandlerQueue;
import dev.millrace.internal.spi.LeaseWatch;
import dev.millrace.internal.spi.MessageMemory;
import dev.millrace.internal.spi.MessageVerifier;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A message that waits for a handler on an executor, and is then given to it: one reference to a
 * block, given up when the handler has returned. Valid on the handler's thread for that call.
 */
final class QueuedMessage extends HandlerQueue.MessageCall implements Message, MessageMemory {
  private final NativeConnection connection;
  // Keeps the mapping reachable, and with it mapped.
  private final ByteBuffer region;
  private final long address;
  private final int length;
  private final int opcode;

  // The thread of the handler while that runs. Only ever compared with the reader itself, which
  // sees what it wrote here last.
  private @Nullable Thread reader;

  /** A message in a block of {@code region}; the reference passes to it. */
  QueuedMessage(
      NativeConnection connection, ByteBuffer region, long address, int length, int opcode) {
    super(NativeCalls.capacity(address));
    this.connection = connection;
    this.region = region;
    this.address = address;
    this.length = length;
    this.opcode = opcode;
  }

  @Override
  protected void run() {
    reader = Thread.currentThread();
    try {
      connection.handleMessage(this);
    } finally {
      reader = null;
      drop();
    }
  }

  @Override
  protected void drop() {
    try {
      NativeCalls.release(address);
    } finally {
      Reference.reachabilityFence(region);
    }
  }

  /** Throws unless this is the handler's thread and it has not returned. */
  void requireValid() {
    if (reader != Thread.currentThread()) {
      throw new IllegalStateException(
          "a message belongs to the call of its handler: thread="
              + Thread.currentThread().getName()
              + "; retain() it to keep it or to take it elsewhere");
    }
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
    return NativeMessage.kindOf(opcode);
  }

  @Override
  public int length() {
    requireValid();
    return length;
  }

  @Override
  public ByteBuffer payload() {
    requireValid();
    return region.slice(Records.offset(address), length).asReadOnlyBuffer();
  }

  @Override
  public ByteBuffer memory() {
    requireValid();
    return Records.region(address) == SharedMemory.REGION_ID
        ? SharedMemory.messages()
        : connection.loop().messages();
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
    region.get(Records.offset(address), bytes);
    return bytes;
  }

  @Override
  public Lease retain() {
    requireValid();
    Kind kind = NativeMessage.kindOf(opcode);
    LeaseWatch watch = connection.loop().leases();
    if (NativeCalls.retain(address) >= 0) {
      return NativeLease.retained(region, address, length, kind, watch);
    }
    long block = toSharedBlock();
    if (block < 0) {
      throw new IllegalStateException("no memory left to retain a message: length=" + length);
    }
    return NativeLease.retained(SharedMemory.region(), block, length, kind, watch);
  }

  /**
   * One more reference to a block with these bytes, or a negative number when no memory is left.
   */
  long toOwnedBlock() {
    return NativeCalls.retain(address) >= 0 ? address : toSharedBlock();
  }

  private long toSharedBlock() {
    long block = SharedMemory.acquire(length);
    if (block >= 0) {
      SharedMemory.region().put(Records.offset(block), region, Records.offset(address), length);
    }
    return block;
  }
}
