// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.ByteBuffer;
import java.util.zip.Deflater;

/**
 * Compresses messages, one after the other, each from memory that lies in one piece (RFC 7692
 * 7.2.1): what {@link #deflate} has written when the message {@link #isDone} goes into the frames,
 * without the four bytes that end every flush.
 *
 * <p>The deflater of the JDK has a window of 15 bits. A smaller one is honoured by resetting it
 * every 2^bits bytes: nothing can refer to what lies farther back.
 */
public final class MessageDeflater implements AutoCloseable {
  /** {@link #deflate} needs so much room at least: a flush into less would never end. */
  public static final int MIN_ROOM = 16;

  private static final int MAX_WINDOW_BITS = 15;

  /** The end of a flush, which the receiver puts back. */
  private static final int TRAILER_LENGTH = 4;

  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  private final Deflater deflater;
  private ByteBuffer message = NOTHING;
  private int end;
  private int chunk;
  private boolean mustReset;
  private boolean isDone = true;

  /**
   * With its own state, outside the heap, until {@link #close()}.
   *
   * @param level 1 to 9
   */
  public MessageDeflater(int level) {
    deflater = new Deflater(level, true);
  }

  /**
   * Begins with a message of at least one byte.
   *
   * @param windowBits log2 of the window, 8 to 15
   * @param takesOver whether it may refer to the message before; only with a window of 15 bits
   */
  public void begin(ByteBuffer bytes, int at, int length, int windowBits, boolean takesOver) {
    message = bytes.duplicate().limit(at + length).position(at);
    end = at + length;
    chunk = windowBits == MAX_WINDOW_BITS ? length : 1 << windowBits;
    if (mustReset || !takesOver) {
      deflater.reset();
    }
    mustReset = false;
    isDone = false;
    takeChunk();
  }

  private void takeChunk() {
    message.limit((int) Math.min(end, (long) message.position() + chunk));
    deflater.setInput(message);
  }

  /**
   * Goes on with the message.
   *
   * @param to where its bytes so far end {@code at}, and the next ones go
   * @param limit at least {@link #MIN_ROOM} behind that
   * @return where they end now; the message is complete if it {@link #isDone}
   */
  public int deflate(ByteBuffer to, int at, int limit) {
    ByteBuffer room = to.duplicate().limit(limit).position(at);
    while (room.remaining() >= MIN_ROOM) {
      deflater.deflate(room, Deflater.SYNC_FLUSH);
      if (room.hasRemaining() && !isChunkLeft()) {
        isDone = true;
        forgetMessage();
        return room.position() - TRAILER_LENGTH;
      }
    }
    return room.position();
  }

  /** The chunk before is flushed: whether there is another. */
  private boolean isChunkLeft() {
    if (message.position() == end) {
      return false;
    }
    deflater.reset();
    takeChunk();
    return true;
  }

  /** Whether the message is complete. */
  public boolean isDone() {
    return isDone;
  }

  /** The message that was begun will not be sent, so that the next may not refer to it. */
  public void abandon() {
    isDone = true;
    mustReset = true;
    forgetMessage();
  }

  private void forgetMessage() {
    message = NOTHING;
    deflater.setInput(NOTHING);
  }

  /** Gives its state back. */
  @Override
  public void close() {
    deflater.end();
  }
}
