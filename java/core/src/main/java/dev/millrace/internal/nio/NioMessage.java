// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.spi.MessageMemory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A view of a received payload. A loop has as many of these as {@link Message} promises and fills
 * them in turn; each is emptied when its handler has returned, so that a message that was kept
 * throws instead of showing another peer's bytes.
 */
final class NioMessage implements Message, MessageMemory {
  private final NioLoop loop;
  private Block block;
  private int at;
  private int length;
  private int opcode;
  private boolean isAlone;
  private boolean valid;
  private @Nullable Stream stream;

  // A block with these bytes and nothing else, once somebody needed one; one reference.
  private @Nullable Block copy;

  NioMessage(NioLoop loop) {
    this.loop = loop;
    block = loop.receiveBuffer().block();
  }

  /**
   * Makes this the message of a frame.
   *
   * @param from where it came from
   * @param isAlone whether the block was made for this message, which begins behind the headroom
   */
  void fill(Stream from, Block block, int at, int length, int opcode, boolean isAlone) {
    this.stream = from;
    this.block = block;
    this.at = at;
    this.length = length;
    this.opcode = opcode;
    this.isAlone = isAlone;
    valid = true;
  }

  /** Ends its validity. */
  void empty() {
    valid = false;
    stream = null;
    block = loop.receiveBuffer().block();
    Block made = copy;
    copy = null;
    if (made != null) {
      made.release();
    }
  }

  /** Throws unless this is the loop's thread and the handler has not returned. */
  void requireValid() {
    if (!loop.isCurrent()) {
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

  NioLoop loop() {
    return loop;
  }

  int opcode() {
    return opcode;
  }

  /** The length without the checks of {@link #length()}. */
  int payloadLength() {
    return length;
  }

  /** Where it lies. */
  Block block() {
    return block;
  }

  /** Where it begins, counted from the start of the headroom. */
  int at() {
    return at;
  }

  /** Whether this stream may send it from the receive buffer. */
  boolean isBorrowableBy(Stream sender) {
    return stream == sender && block == loop.receiveBuffer().block();
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
    return block.readOnlySlice(at, length);
  }

  @Override
  public ByteBuffer memory() {
    requireValid();
    return block.memory();
  }

  @Override
  public int memoryOffset() {
    requireValid();
    return at;
  }

  @Override
  public String text() {
    return new String(toByteArray(), StandardCharsets.UTF_8);
  }

  @Override
  public byte[] toByteArray() {
    requireValid();
    byte[] bytes = new byte[length];
    block.bytes().get(at, bytes);
    return bytes;
  }

  @Override
  public Lease retain() {
    requireValid();
    Block kept = toBlock();
    if (kept == null) {
      throw new IllegalStateException("no memory left to retain a message: length=" + length);
    }
    return NioLease.retained(kept.retain(), length, kindOf(opcode), loop.leases());
  }

  /** This message for a handler on an executor, or null when no memory is left. */
  @Nullable QueuedMessage toQueued(NioConnection connection) {
    Block kept = toBlock();
    return kept == null ? null : new QueuedMessage(connection, kept.retain(), length, opcode);
  }

  /** The block that these bytes begin behind the headroom of, or null when no memory is left. */
  @Nullable Block toBlock() {
    if (isAlone) {
      return block;
    }
    Block made = copy;
    if (made == null) {
      made = loop.pool().acquire(length);
      if (made != null) {
        made.bytes().put(Block.HEADROOM, block.bytes(), at, length);
        copy = made;
      }
    }
    return made;
  }

  /** The kind that an opcode stands for. */
  static Kind kindOf(int opcode) {
    return opcode == Opcode.TEXT ? Kind.TEXT : Kind.BINARY;
  }

  /** The opcode of a kind. */
  static int opcodeOf(Kind kind) {
    return kind == Kind.TEXT ? Opcode.TEXT : Opcode.BINARY;
  }
}
