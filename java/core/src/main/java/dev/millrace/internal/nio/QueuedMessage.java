// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.spi.HandlerQueue;
import dev.millrace.internal.spi.MessageMemory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A message that waits for a handler on an executor, and is then given to it: one reference to a
 * block, given up when the handler has returned. Valid on the handler's thread for that call.
 */
final class QueuedMessage extends HandlerQueue.MessageCall implements Message, MessageMemory {
  private final NioConnection connection;
  private final Block block;
  private final int length;
  private final int opcode;

  // The thread of the handler while that runs. Only ever compared with the reader itself, which
  // sees what it wrote here last.
  private @Nullable Thread reader;

  /** A message at the beginning of a block; the reference passes to it. */
  QueuedMessage(NioConnection connection, Block block, int length, int opcode) {
    super(block.capacity());
    this.connection = connection;
    this.block = block;
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
    block.release();
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

  /** The length without the checks of {@link #length()}. */
  int payloadLength() {
    return length;
  }

  /** One more reference to its block. */
  Block retainBlock() {
    return block.retain();
  }

  @Override
  public Kind kind() {
    requireValid();
    return NioMessage.kindOf(opcode);
  }

  @Override
  public int length() {
    requireValid();
    return length;
  }

  @Override
  public ByteBuffer payload() {
    requireValid();
    return block.readOnlySlice(Block.HEADROOM, length);
  }

  @Override
  public ByteBuffer memory() {
    requireValid();
    return block.memory();
  }

  @Override
  public int memoryOffset() {
    requireValid();
    return Block.HEADROOM;
  }

  @Override
  public String text() {
    return new String(toByteArray(), StandardCharsets.UTF_8);
  }

  @Override
  public byte[] toByteArray() {
    requireValid();
    byte[] bytes = new byte[length];
    block.bytes().get(Block.HEADROOM, bytes);
    return bytes;
  }

  @Override
  public Lease retain() {
    requireValid();
    return NioLease.retained(
        block.retain(), length, NioMessage.kindOf(opcode), connection.loop().leases());
  }
}
