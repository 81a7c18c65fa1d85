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
 * the loop, what is longer in a block; nothing is inflated beyond the limit of a message, and what
 * begins as if it would pass that gets no block before it was measured. Loop thread only.
 */
final class Decompressor {
  private static final int START = Block.HEADROOM;

  /**
   * The first block is as long as a message may be, up to this: while one gives way to a longer one
   * both are held, and that together must not be more than the limit.
   */
  private static final int FIRST_BLOCK = 4 << 20;

  /** What a loop inflates in a turn, and the message that goes beyond. */
  private static final int BYTES_IN_TURN = 256 << 10;

  private final NioLoop loop;
  private @Nullable MessageInflater inflater;
  private @Nullable Block scratch;
  private @Nullable Block result;
  private int length;
  private long inflatedInTurn;

  Decompressor(NioLoop loop) {
    this.loop = loop;
  }

  /** A turn of the loop begins. */
  void beginTurn() {
    inflatedInTurn = 0;
  }

  /** Whether what is compressed waits for the next turn. */
  boolean hasInflatedEnough() {
    return inflatedInTurn >= BYTES_IN_TURN;
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
    try {
      shared.begin(payload, at, payloadLength, window);
      ProtocolError error = begin(shared);
      if (error == null && isBomb(shared, payloadLength)) {
        error = ProtocolError.MESSAGE_TOO_BIG;
      } else if (error == null && shared.isDone()) {
        // Measured it was; its bytes are gone.
        shared.begin(payload, at, payloadLength, window);
        error = begin(shared);
      }
      while (error == null) {
        if (!grow(stream)) {
          dropResult();
          return null;
        }
        error = proceed(shared);
      }
      if (error != ProtocolError.NONE) {
        dropResult();
      } else if (window != null && result != null) {
        shared.keep(window, result.bytes(), START, length);
      }
      return error;
    } catch (DataFormatException broken) {
      dropResult();
      return ProtocolError.MALFORMED_COMPRESSED_DATA;
    } finally {
      shared.forgetMessage();
    }
  }

  private @Nullable ProtocolError begin(MessageInflater shared) throws DataFormatException {
    result = scratch();
    length = 0;
    return proceed(shared);
  }

  /** Goes on with a message; null says that its block is full. */
  private @Nullable ProtocolError proceed(MessageInflater shared) throws DataFormatException {
    Block target = result == null ? scratch() : result;
    int limit = loop.limits().maxMessageBytes();
    int room = Math.min(target.capacity(), limit);
    int end = shared.inflate(target.bytes(), START + length, START + room);
    inflatedInTurn += end - START - length;
    length = end - START;
    if (shared.isDone() || length == limit && shared.endsAt(end)) {
      return ProtocolError.NONE;
    }
    return length == limit ? ProtocolError.MESSAGE_TOO_BIG : null;
  }

  /**
   * Whether a message whose beginning is in the scratch passes the limit. Only one that would, if
   * it went on like that, is inflated for the answer.
   */
  private boolean isBomb(MessageInflater shared, int payloadLength) throws DataFormatException {
    int limit = loop.limits().maxMessageBytes();
    int taken = Math.max(1, payloadLength - shared.payloadLeft());
    if ((long) length * payloadLength / taken <= limit) {
      return false;
    }
    Block sink = scratch();
    long whole = length;
    while (whole <= limit && !shared.isDone()) {
      whole += shared.inflate(sink.bytes(), START, START + sink.capacity()) - START;
    }
    inflatedInTurn += whole - length;
    return whole > limit;
  }

  private boolean grow(Stream stream) {
    Block before = result == null ? scratch() : result;
    int longer = Math.max(2 * before.capacity(), FIRST_BLOCK);
    Block next = loop.acquireFor(stream, Math.min(longer, loop.limits().maxMessageBytes()));
    if (next == null) {
      return false;
    }
    next.bytes().put(START, before.bytes(), START, length);
    before.release();
    result = next;
    return true;
  }

  private void dropResult() {
    Block dropped = result;
    result = null;
    if (dropped != null) {
      dropped.release();
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
