// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.DeflateWindow;
import dev.millrace.internal.protocol.MessageInflater;
import dev.millrace.internal.protocol.ProtocolError;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;

/**
 * Inflates messages for the connections of a loop, one at a time. What is short lies in memory of
 * the loop, what is longer in a block; nothing is inflated beyond the limit of a message. Loop
 * thread only.
 */
final class Decompressor {
  private static final int START = Block.HEADROOM;

  /**
   * The first block is as long as a message may be, up to this: while one gives way to a longer one
   * both are held, and that together must not be more than the limit.
   */
  private static final int FIRST_BLOCK = 4 << 20;

  private final NioLoop loop;
  private @Nullable MessageInflater inflater;
  private @Nullable Block scratch;
  private @Nullable Block result;
  private int length;

  Decompressor(NioLoop loop) {
    this.loop = loop;
  }

  /** Of the last result. */
  int length() {
    return length;
  }

  /**
   * The block that begins with the last result; its reference is the caller's. Valid until the next
   * message is inflated.
   */
  Block takeResult() {
    Block taken = result;
    if (taken == null) {
      throw new IllegalStateException("nothing was inflated");
    }
    result = null;
    return taken;
  }

  /**
   * Inflates a message.
   *
   * @return {@link ProtocolError#NONE} if there is a result; null if the stream has given way for
   *     the want of memory
   */
  @Nullable ProtocolError inflate(
      Stream stream, Deflation deflation, ByteBuffer payload, int at, int payloadLength) {
    MessageInflater shared = inflater();
    DeflateWindow window = deflation.window();
    shared.begin(payload, at, payloadLength, window);
    result = scratch();
    try {
      ProtocolError error = inflate(stream, shared);
      if (error != ProtocolError.NONE) {
        takeResult().release();
      } else if (window != null && result != null) {
        shared.keep(window, result.bytes(), START, length);
      }
      return error;
    } catch (DataFormatException broken) {
      takeResult().release();
      return ProtocolError.MALFORMED_COMPRESSED_DATA;
    } finally {
      shared.forgetMessage();
    }
  }

  private @Nullable ProtocolError inflate(Stream stream, MessageInflater shared)
      throws DataFormatException {
    int limit = loop.limits().maxMessageBytes();
    Block target = scratch();
    int end = START;
    while (true) {
      int room = Math.min(target.capacity(), limit);
      end = shared.inflate(target.bytes(), end, START + room);
      length = end - START;
      if (shared.isDone() || length == limit && shared.endsAt(end)) {
        return ProtocolError.NONE;
      }
      if (length == limit) {
        return ProtocolError.MESSAGE_TOO_BIG;
      }
      int longer = Math.max(2 * target.capacity(), FIRST_BLOCK);
      Block next = loop.acquireFor(stream, Math.min(longer, limit));
      if (next == null) {
        return null;
      }
      next.bytes().put(START, target.bytes(), START, length);
      target.release();
      target = next;
      result = next;
    }
  }

  private MessageInflater inflater() {
    MessageInflater made = inflater;
    if (made == null) {
      made = new MessageInflater();
      inflater = made;
    }
    return made;
  }

  private Block scratch() {
    Block made = scratch;
    if (made == null) {
      made = Codec.scratch();
      scratch = made;
    }
    return made;
  }

  /** Whether a block is memory of the loop, or much longer than so many bytes. */
  boolean isBorrowed(Block block, int bytes) {
    return block == scratch || block.capacity() > BlockPool.capacityFor(bytes);
  }

  /** The loop has ended. */
  void end() {
    if (inflater != null) {
      inflater.close();
    }
  }
}
