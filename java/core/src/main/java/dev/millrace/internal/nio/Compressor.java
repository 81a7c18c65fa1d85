// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.MessageDeflater;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Compresses messages for the connections of a loop, one at a time. Loop thread only. */
final class Compressor {
  private static final int START = Block.HEADROOM;

  private final NioLoop loop;
  private @Nullable Block scratch;
  private int length;

  Compressor(NioLoop loop) {
    this.loop = loop;
  }

  /** Of the last result. */
  int length() {
    return length;
  }

  /**
   * Compresses a message of at least one byte.
   *
   * @return a block whose reference is the caller's and that begins with the result, valid until
   *     the next call; null if the message is to be sent as it is, because the result would not be
   *     shorter or no memory is left for it. Nothing refers to the message then
   */
  @Nullable Block compress(Deflation deflation, ByteBuffer payload, int at, int messageLength) {
    boolean takesOver = deflation.takesOver();
    MessageDeflater deflater = deflation.deflater();
    deflater.begin(payload, at, messageLength, deflation.outgoingWindowBits(), takesOver);
    Block target = scratch();
    int end = START;
    while (true) {
      end = deflater.deflate(target.bytes(), end, START + target.capacity());
      length = end - START;
      if (length >= messageLength && !takesOver) {
        break;
      }
      if (deflater.isDone()) {
        return target;
      }
      Block longer = longer(target, length);
      if (longer == null) {
        break;
      }
      target.release();
      target = longer;
    }
    deflater.abandon();
    target.release();
    return null;
  }

  private Block scratch() {
    Block made = scratch;
    if (made == null) {
      made = Codec.scratch();
      scratch = made;
    }
    return made;
  }

  private @Nullable Block longer(Block before, int used) {
    Block longer = loop.pool().acquire(4 * before.capacity());
    if (longer != null) {
      longer.bytes().put(START, before.bytes(), START, used);
    }
    return longer;
  }

  /** The last result could not be queued: nothing may refer to its message. */
  void abandon(Deflation deflation) {
    deflation.deflater().abandon();
  }
}
