// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.DeflateWindow;
import dev.millrace.internal.protocol.MessageInflater;
import dev.millrace.internal.protocol.ProtocolError;
import dev.millrace.internal.protocol.Utf8;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import org.jspecify.annotations.Nullable;

/**
 * Inflates messages for the connections of a loop, one at a time. What is short lies in memory of
 * the loop, what is longer in a block; nothing is inflated beyond the limit of a message, and what
 * begins as if it would pass that gets no block before it was measured. Loop thread only.
 *
 * <p>A long message takes several turns of the loop, which serves its other connections between
 * them. Those that compress wait until it is done.
 */
final class Decompressor {
  private static final int START = Block.HEADROOM;

  /**
   * The first block is as long as a message may be, up to this: while one gives way to a longer one
   * both are held, and that together must not be more than the limit.
   */
  private static final int FIRST_BLOCK = 4 << 20;

  /**
   * What a turn inflates of a message that is longer, which goes on in the next: everybody else
   * waits for so much, which takes about as long as one round trip of theirs.
   */
  static final int SLICE_BYTES = 16 << 10;

  /** What a turn inflates of shorter ones, before others that compress wait for the next. */
  private static final int BYTES_IN_TURN = 64 << 10;

  private final NioLoop loop;
  private @Nullable MessageInflater inflater;
  private @Nullable Block scratch;
  private long inflatedInTurn;

  // Of the message that was begun and is not done.
  private @Nullable Stream stream;
  private @Nullable DeflateWindow window;
  private @Nullable ByteBuffer payload;
  private int payloadAt;
  private int payloadLength;
  private boolean isText;

  // Whether it was asked if it passes the limit, and what is inflated for the answer.
  private boolean isJudged;
  private boolean isMeasured;
  private long measured;

  // Of that message, or the last one.
  private @Nullable Block result;
  private int length;
  private int utf8;

  Decompressor(NioLoop loop) {
    this.loop = loop;
  }

  /** A turn of the loop begins. */
  void beginTurn() {
    inflatedInTurn = 0;
  }

  /** Whether what is compressed waits: for the next turn, or for the message of another. */
  boolean rests() {
    return inflatedInTurn >= BYTES_IN_TURN || stream != null;
  }

  /** Whose message goes on in the next turn; null if no message does. */
  @Nullable Stream stream() {
    return stream;
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
   * Inflates a message, or its beginning: then {@link #stream()} is this one.
   *
   * @param isText whether it must inflate to UTF-8
   * @return {@link ProtocolError#NONE} if there is a result; null if there is none yet, or if the
   *     stream has given way for the want of memory
   */
  @Nullable ProtocolError begin(
      Stream stream,
      Deflation deflation,
      ByteBuffer payload,
      int at,
      int payloadLength,
      boolean isText) {
    if (this.stream != null) {
      throw new IllegalStateException("another message is being inflated");
    }
    this.stream = stream;
    window = deflation.window();
    this.payload = payload;
    payloadAt = at;
    this.payloadLength = payloadLength;
    this.isText = isText;
    isJudged = false;
    restart(inflater(), payload);
    return goOn();
  }

  /** Goes on with the message that was begun, and returns what {@link #begin} does. */
  @Nullable ProtocolError goOn() {
    ProtocolError error = ProtocolError.MALFORMED_COMPRESSED_DATA;
    try {
      error = inflateSlice(inflater());
    } catch (DataFormatException broken) {
      // That is what it is.
    } finally {
      if (error == ProtocolError.NONE) {
        finish();
      } else if (error != null) {
        abandon();
      }
    }
    return error;
  }

  /** The payload of the message that was begun lies there from now on. */
  void moveTo(ByteBuffer bytes, int at) {
    payload = bytes;
    payloadAt = at;
    inflater().moveTo(bytes, at, payloadLength);
  }

  /** Nobody wants a message of this stream any more. */
  void abandon(Stream leaving) {
    if (stream == leaving) {
      abandon();
    }
  }

  private void restart(MessageInflater shared, ByteBuffer bytes) {
    shared.begin(bytes, payloadAt, payloadLength, window);
    isMeasured = false;
    result = scratch();
    length = 0;
    utf8 = Utf8.COMPLETE;
  }

  /** What a turn may take; null says that there is more, or no memory for it. */
  private @Nullable ProtocolError inflateSlice(MessageInflater shared) throws DataFormatException {
    int limit = loop.limits().maxMessageBytes();
    int left = SLICE_BYTES;
    while (left > 0) {
      Block target = result == null ? scratch() : result;
      int room = Math.min(target.capacity(), limit);
      if (isMeasured) {
        int before = shared.payloadLeft();
        int some = shared.inflate(target.bytes(), START, START + Math.min(room, left)) - START;
        left -= count(some, before - shared.payloadLeft());
        measured += some;
        if (measured > limit) {
          return ProtocolError.MESSAGE_TOO_BIG;
        }
        if (shared.isDone() && payload != null) {
          // Its bytes are gone.
          restart(shared, payload);
        }
      } else if (length < room) {
        int from = START + length;
        int before = shared.payloadLeft();
        int some = shared.inflate(target.bytes(), from, Math.min(START + room, from + left)) - from;
        left -= count(some, before - shared.payloadLeft());
        length += some;
        if (isText && utf8 != Utf8.INVALID) {
          utf8 = Utf8.append(utf8, target.bytes(), from, some);
        }
        if (shared.isDone()) {
          return utf8 == Utf8.COMPLETE ? ProtocolError.NONE : ProtocolError.INVALID_UTF8;
        }
      } else if (length == limit) {
        int before = shared.payloadLeft();
        boolean isTooBig = shared.goesBeyond(START + length);
        left -= count(0, before - shared.payloadLeft());
        if (isTooBig) {
          return ProtocolError.MESSAGE_TOO_BIG;
        }
        if (shared.isDone()) {
          return utf8 == Utf8.COMPLETE ? ProtocolError.NONE : ProtocolError.INVALID_UTF8;
        }
      } else if (!isJudged) {
        isJudged = true;
        isMeasured = looksTooBig(shared, limit);
        measured = length;
      } else if (!grow(target)) {
        abandon();
        return null;
      }
    }
    return null;
  }

  /** What came of so much of a payload costs the turn the longer of both. */
  private int count(int inflated, int taken) {
    int cost = Math.max(inflated, taken);
    inflatedInTurn += cost;
    return cost;
  }

  /**
   * Whether a message whose beginning is in the scratch would pass the limit if it went on like
   * that. Only then it is inflated for the answer before it gets a block.
   */
  private boolean looksTooBig(MessageInflater shared, int limit) {
    int taken = Math.max(1, payloadLength - shared.payloadLeft());
    return (long) length * payloadLength / taken > limit;
  }

  private boolean grow(Block before) {
    Stream owner = stream;
    if (owner == null) {
      return false;
    }
    int longer = Math.max(2 * before.capacity(), FIRST_BLOCK);
    Block next = loop.acquireFor(owner, Math.min(longer, loop.limits().maxMessageBytes()));
    if (next == null) {
      return false;
    }
    if (stream != owner) {
      next.release();
      return false;
    }
    next.bytes().put(START, before.bytes(), START, length);
    pin(owner, next, 1);
    pin(owner, before, -1);
    before.release();
    result = next;
    return true;
  }

  private static void pin(Stream owner, Block block, int sign) {
    if (block.isPooled()) {
      owner.intake().pin(sign * block.capacity());
    }
  }

  /** The message is done. */
  private void finish() {
    Block done = result;
    if (window != null && done != null) {
      inflater().keep(window, done.bytes(), START, length);
    }
    forgetMessage(done);
  }

  private void abandon() {
    Block dropped = result;
    result = null;
    forgetMessage(dropped);
    if (dropped != null) {
      dropped.release();
    }
  }

  private void forgetMessage(@Nullable Block unpinned) {
    if (stream != null && unpinned != null) {
      pin(stream, unpinned, -1);
    }
    stream = null;
    window = null;
    payload = null;
    if (inflater != null) {
      inflater.forgetMessage();
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
