// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * Inflates messages, one after the other, each from memory that lies in one piece (RFC 7692 7.2.2).
 * It keeps nothing from one to the next: what may be referred to is a connection's {@link
 * DeflateWindow}.
 *
 * <p>Behind the payload goes what the sender has left out, and then an empty block that is the
 * last: a stream that it does not end was broken off within a block.
 */
public final class MessageInflater implements AutoCloseable {
  private static final byte[] TRAILER = {0, 0, -1, -1, 3, 0};
  private static final int LAST_BLOCK_LENGTH = 2;
  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  /**
   * So much of the payload is looked at in a call: blocks without content cost time and come to
   * nothing.
   */
  static final int INPUT_BYTES = 16 << 10;

  private final ByteBuffer probe = ByteBuffer.allocate(1);
  private final Inflater inflater = new Inflater(true);
  // Its limit is where a call ends.
  private ByteBuffer payload = NOTHING;
  private int payloadEnd;
  private boolean inTrailer;
  private boolean isDone = true;
  private int windowStart;

  /** With state outside the heap until {@link #close()}. */
  public MessageInflater() {}

  /**
   * Begins with a message.
   *
   * @param window what it may refer to; null for nothing
   */
  public void begin(ByteBuffer bytes, int at, int length, @Nullable DeflateWindow window) {
    payload = bytes.duplicate().limit(at + length).position(at);
    payloadEnd = at + length;
    inTrailer = false;
    isDone = false;
    windowStart = -1;
    inflater.reset();
    if (window != null) {
      window.loadInto(inflater);
    }
    inflater.setInput(payload);
  }

  /**
   * Goes on with the message.
   *
   * @param to where its bytes so far end {@code at}, and the next ones go
   * @return where they end now: at the limit unless the message {@link #isDone}, or {@value
   *     #INPUT_BYTES} of the payload were looked at
   * @throws DataFormatException if the payload is no compressed message
   */
  public int inflate(ByteBuffer to, int at, int limit) throws DataFormatException {
    return at + inflate(to.duplicate().limit(limit).position(at), at);
  }

  /** All of the payload lies somewhere else from now on. */
  public void moveTo(ByteBuffer bytes, int at, int length) {
    int left = payloadLeft();
    payloadEnd = at + length;
    payload = bytes.duplicate().limit(payloadEnd).position(payloadEnd - left);
    if (!inTrailer) {
      inflater.setInput(payload);
    }
  }

  /**
   * Of a message whose limit is reached: looks whether there is more, as far as a call looks. If
   * there is, nothing more can be had of it.
   *
   * @throws DataFormatException if the payload is no compressed message
   */
  public boolean goesBeyond(int limit) throws DataFormatException {
    return !isDone && inflate(probe.clear(), limit) > 0;
  }

  private int inflate(ByteBuffer room, int at) throws DataFormatException {
    int length = 0;
    if (!inTrailer) {
      payload.limit(payload.position() + Math.min(payloadLeft(), INPUT_BYTES));
    }
    while (!isDone) {
      int inflated = inflater.inflate(room);
      length += inflated;
      if (inflater.finished()) {
        endStream(at + length);
      } else if (inflated == 0) {
        if (inflater.needsInput() && !inTrailer && payloadLeft() > 0) {
          break;
        } else if (inflater.needsInput() && !inTrailer) {
          inTrailer = true;
          inflater.setInput(TRAILER, 0, TRAILER.length);
        } else if (room.hasRemaining()) {
          throw new DataFormatException("the message ends within a block");
        } else {
          break;
        }
      }
    }
    return length;
  }

  /** A block that says it is the last ends a stream, not the message (RFC 7692 7.2.3.4). */
  private void endStream(int position) throws DataFormatException {
    if (inTrailer) {
      int left = inflater.getRemaining();
      if (left != 0 && left != LAST_BLOCK_LENGTH) {
        throw new DataFormatException("the message ends within a block");
      }
      if (left != 0) {
        windowStart = position;
      }
      isDone = true;
    } else {
      windowStart = position;
      isDone = payloadLeft() == 0;
      inflater.reset();
      inflater.setInput(payload);
    }
    if (isDone) {
      forgetMessage();
    }
  }

  /** Bytes of the payload that were not looked at so far. */
  public int payloadLeft() {
    return payloadEnd - payload.position();
  }

  /** Whether the message is complete. */
  public boolean isDone() {
    return isDone;
  }

  /**
   * Of a message that is done: adds it to what the next one may refer to, which ends where a stream
   * of its has ended.
   *
   * @param bytes where it was inflated to
   */
  public void keep(DeflateWindow window, ByteBuffer bytes, int at, int length) {
    int start = at;
    if (windowStart >= 0) {
      window.clear();
      start = windowStart;
    }
    window.append(bytes, start, at + length - start);
  }

  /** Lets go of the payload, of a message that is done or not wanted. */
  public void forgetMessage() {
    payload = NOTHING;
    payloadEnd = 0;
    inflater.setInput(NOTHING);
  }

  /** Gives its state back. */
  @Override
  public void close() {
    inflater.end();
  }
}
