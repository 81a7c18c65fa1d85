// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.Kept;
import dev.millrace.internal.spi.Utf8Encoder;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** A message that waits in a backlog: one reference to a block of any region. */
final class NativeKept extends Kept {
  private final long address;
  private final int opcode;
  private final int flags;

  // What keeps the mapping reachable, and with it mapped.
  private final Object owner;

  /** At the start of a block. */
  private NativeKept(long address, int length, int opcode, int flags, Object owner) {
    this(address, length, NativeCalls.capacity(address), opcode, flags, owner);
  }

  private NativeKept(
      long address, int length, long blockBytes, int opcode, int flags, Object owner) {
    super(length, blockBytes);
    this.address = address;
    this.opcode = opcode;
    this.flags = flags;
    this.owner = owner;
  }

  static @Nullable NativeKept of(NativeLoop loop, Message message, int flags) {
    if (message instanceof NativeMessage received) {
      received.requireValid();
      // What waits at a connection of the loop that received it is the loop's.
      long block = received.loop() == loop ? received.toKeptBlock() : received.toOwnedBlock();
      return block < 0
          ? null
          : new NativeKept(
              block, received.payloadLength(), received.opcode(), flags, received.loop());
    }
    if (message instanceof QueuedMessage queued) {
      queued.requireValid();
      long block = queued.toOwnedBlock();
      return block < 0
          ? null
          : new NativeKept(block, queued.payloadLength(), queued.opcode(), flags, queued);
    }
    return of(loop, NativeMessage.opcodeOf(message.kind()), message.payload(), flags);
  }

  static @Nullable NativeKept of(NativeLoop loop, Lease lease, int flags) {
    if (lease instanceof NativeLease mine) {
      mine.take();
      return of(mine, flags);
    }
    ByteBuffer bytes = lease.buffer().duplicate();
    bytes.limit(lease.offset() + lease.length()).position(lease.offset());
    NativeKept kept = of(loop, NativeMessage.opcodeOf(lease.kind()), bytes, flags);
    if (kept != null) {
      lease.close();
    }
    return kept;
  }

  /** Of a lease that was taken. Builders write at its end: the whole block is what it pins. */
  static NativeKept of(NativeLease taken, int flags) {
    long address = taken.payloadAddress();
    long blockBytes = Math.max(taken.blockCapacity(), NativeCalls.capacity(address));
    return new NativeKept(address, taken.payloadLength(), blockBytes, taken.opcode(), flags, taken);
  }

  static @Nullable NativeKept of(NativeLoop loop, int opcode, ByteBuffer bytes, int flags) {
    int length = Sender.requireLength(bytes.remaining());
    long block = acquire(loop, length);
    if (block < 0) {
      return null;
    }
    region(loop).put(Records.offset(block), bytes, bytes.position(), length);
    return new NativeKept(block, length, opcode, flags, loop);
  }

  static @Nullable NativeKept of(NativeLoop loop, CharSequence text, int flags) {
    int length = Sender.requireLength(Utf8Encoder.encodedLength(text));
    long block = acquire(loop, length);
    if (block < 0) {
      return null;
    }
    boolean encoded = false;
    try {
      ByteBuffer place = region(loop).slice(Records.offset(block), Math.max(1, length));
      encoded = Utf8Encoder.encode(text, place.order(ByteOrder.LITTLE_ENDIAN), 0) == length;
    } finally {
      if (!encoded) {
        NativeCalls.release(block);
      }
    }
    if (!encoded) {
      throw new IllegalStateException("the text changed while it was sent: length=" + length);
    }
    return new NativeKept(block, length, Records.TEXT, flags, loop);
  }

  private static long acquire(NativeLoop loop, int length) {
    return loop.isCurrent() ? loop.acquire(length) : SharedMemory.acquire(length);
  }

  private static ByteBuffer region(NativeLoop loop) {
    return loop.isCurrent() ? loop.region() : SharedMemory.region();
  }

  /** Loop thread: the reference passes to the core. */
  void send(NativeConnection connection, long token) {
    connection
        .loop()
        .outgoing()
        .send(connection, opcode, Records.OWNED | flags, address, length(), token);
  }

  @Override
  protected void release() {
    try {
      NativeCalls.release(address);
    } finally {
      Reference.reachabilityFence(owner);
    }
  }
}
