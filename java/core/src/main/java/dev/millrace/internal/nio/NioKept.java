// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.spi.Kept;
import dev.millrace.internal.spi.Utf8Encoder;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A message that waits in a backlog: one reference to a block of any loop. */
final class NioKept extends Kept {
  private final Block block;
  private final int at;
  private final int opcode;

  /** The reference passes to this; {@code opcode} has {@link SendQueue#UNCOMPRESSED} beside it. */
  private NioKept(Block block, int at, int length, int opcode) {
    super(length, block.capacity());
    this.block = block;
    this.at = at;
    this.opcode = opcode;
  }

  static @Nullable NioKept of(NioLoop loop, Message message, int how) {
    if (message instanceof NioMessage received) {
      received.requireValid();
      int length = received.payloadLength();
      Block block = received.toBlock();
      return block == null
          ? null
          : new NioKept(block.retain(), Block.HEADROOM, length, received.opcode() | how);
    }
    if (message instanceof QueuedMessage queued) {
      queued.requireValid();
      return new NioKept(
          queued.retainBlock(), Block.HEADROOM, queued.payloadLength(), queued.opcode() | how);
    }
    return of(loop, NioMessage.opcodeOf(message.kind()) | how, message.payload());
  }

  static @Nullable NioKept of(NioLoop loop, Lease lease, int how) {
    if (lease instanceof NioLease mine) {
      mine.take();
      return of(mine, how);
    }
    ByteBuffer bytes = lease.buffer().duplicate();
    bytes.limit(lease.offset() + lease.length()).position(lease.offset());
    NioKept kept = of(loop, NioMessage.opcodeOf(lease.kind()) | how, bytes);
    if (kept != null) {
      lease.close();
    }
    return kept;
  }

  /** Of a lease that was taken. */
  static NioKept of(NioLease taken, int how) {
    return new NioKept(
        taken.block(), taken.payloadAt(), taken.payloadLength(), taken.opcode() | how);
  }

  static @Nullable NioKept of(NioLoop loop, int opcode, ByteBuffer bytes) {
    int length = Sender.requireLength(bytes.remaining());
    Block block = loop.acquireOutside(length);
    if (block == null) {
      return null;
    }
    block.bytes().put(Block.HEADROOM, bytes, bytes.position(), length);
    return new NioKept(block, Block.HEADROOM, length, opcode);
  }

  static @Nullable NioKept of(NioLoop loop, CharSequence text, int how) {
    int length = Sender.requireLength(Utf8Encoder.encodedLength(text));
    Block block = loop.acquireOutside(length);
    if (block == null) {
      return null;
    }
    Sender.encode(text, block, length);
    return new NioKept(block, Block.HEADROOM, length, Opcode.TEXT | how);
  }

  /** Loop thread: the reference passes to the stream. */
  void send(NioConnection connection, @Nullable CompletableFuture<Void> sent) {
    Sender.append(connection, opcode, block, at, length(), sent);
  }

  @Override
  protected void release() {
    block.release();
  }
}
