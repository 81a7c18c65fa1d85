// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Batching;
import dev.millrace.internal.protocol.FrameHeader;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.internal.spi.Utf8Encoder;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The outgoing bytes of a stream, from the first send of a turn to the kernel: a list of {@link
 * Piece}s.
 *
 * <p>Short payloads are copied behind their headers into an open piece at the end, so that a turn's
 * answers are one run of bytes. Long ones stay where they lie, in a block or in the receive buffer,
 * with their header in front of them. A flush is one system call: a plain write for one piece, a
 * gathering one for more. What the socket does not take simply stays; only what lies in the receive
 * buffer must be copied then ({@link #keepBorrowed}), and what would pin much more than it is long
 * ({@link #pack}). A stream with nothing to send owns nothing.
 *
 * <p>Loop thread only, but for {@link #bytes()}.
 */
final class SendQueue {
  /** Beside an opcode: the message is not to be compressed. */
  static final int UNCOMPRESSED = 0x100;

  /** Payloads up to this length are copied: cheaper than one more piece. */
  static final int COPY_LIMIT = 2048;

  private static final VarHandle BYTES;

  static {
    try {
      BYTES = MethodHandles.lookup().findVarHandle(SendQueue.class, "bytes", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** The first open piece of a turn, and those behind it. */
  private static final int FIRST_ROOM = 4096;

  private static final int NEXT_ROOM = 32 << 10;

  private final NioLoop loop;
  private final Stream stream;
  private @Nullable Piece head;
  private @Nullable Piece tail;

  // The last piece that was looked at by pack(), if it still waits.
  private @Nullable Piece packed;
  private long bytes;
  private boolean blocked;
  private boolean borrows;

  // Whether a part of a message is among what is queued.
  private boolean hasMessage;

  // What waits for more; null where nothing does.
  private @Nullable Batch batch;

  SendQueue(NioLoop loop, Stream stream) {
    this.loop = loop;
    this.stream = stream;
  }

  /** Any thread. */
  long bytes() {
    return (long) BYTES.getOpaque(this);
  }

  private void addBytes(long more) {
    BYTES.setRelease(this, bytes + more);
    loop.counters().add(LoopCounter.OUTBOUND_BYTES_QUEUED, more);
  }

  boolean isEmpty() {
    return head == null;
  }

  /** Whether the socket was full when it was last asked: only its readiness helps. */
  boolean isBlocked() {
    return blocked;
  }

  // ---- Appending. False when no memory was left, or the stream has ended for the want of it.

  /** A frame whose payload is copied. */
  boolean appendCopy(
      int opcode,
      ByteBuffer payload,
      int at,
      int length,
      @Nullable CompletableFuture<Void> sent,
      boolean mustFit) {
    Block compressed = compress(opcode, payload, at, length);
    if (compressed != null) {
      return appendCompressed(opcode, compressed, sent, mustFit);
    }
    int header = loop.frames().headerLength(length);
    Piece piece = stream.isOpen() ? room(header + length, mustFit) : null;
    if (piece == null) {
      return false;
    }
    ByteBuffer to = piece.block().bytes();
    to.put(piece.limit + header, payload, at, length);
    loop.frames().write(to, piece.limit, opcode, length);
    loop.counters().add(LoopCounter.PAYLOAD_BYTES_COPIED, length);
    queued(opcode);
    extend(piece, header + length, sent);
    return true;
  }

  /** Whether a message may be compressed before it is sent. */
  boolean compresses(int opcode, int length) {
    Deflation deflation = stream.deflation();
    return deflation != null
        && stream.isOpen()
        && (opcode == Opcode.TEXT || opcode == Opcode.BINARY)
        && deflation.isFor(length);
  }

  /** The message as it is sent instead, or null if it is sent as it is. */
  private @Nullable Block compress(int opcode, ByteBuffer payload, int at, int length) {
    Deflation deflation = stream.deflation();
    return deflation != null && compresses(opcode, length)
        ? loop.codec().compressor().compress(deflation, payload, at, length)
        : null;
  }

  /** What was compressed last; the reference to its block passes to the queue, or is given up. */
  private boolean appendCompressed(
      int opcode, Block block, @Nullable CompletableFuture<Void> sent, boolean mustFit) {
    Compressor compressor = loop.codec().compressor();
    int length = compressor.length();
    int kind = opcode | FrameHeader.COMPRESSED;
    if (block.isPooled()) {
      appendBlock(kind, block, Block.HEADROOM, length, true, sent);
      return true;
    }
    Deflation deflation = stream.deflation();
    boolean appended = appendCopy(kind, block.bytes(), Block.HEADROOM, length, sent, mustFit);
    if (!appended && deflation != null && !stream.hasEnded()) {
      compressor.abandon(deflation);
    }
    return appended;
  }

  /** A control frame of ours, which is never refused for want of memory. */
  boolean appendControl(int opcode, byte[] payload, int length) {
    return appendCopy(opcode, ByteBuffer.wrap(payload), 0, length, null, true);
  }

  /** Bytes that are no frame. */
  boolean appendRaw(ByteBuffer response) {
    int length = response.remaining();
    Piece piece = room(length, true);
    if (piece == null) {
      return false;
    }
    piece.block().bytes().put(piece.limit, response, response.position(), length);
    extend(piece, length, null);
    return true;
  }

  /**
   * Text, encoded where it will be sent from.
   *
   * @throws IllegalArgumentException if it holds a lone surrogate; nothing is appended then
   * @throws IllegalStateException if it changes meanwhile; nothing is appended then
   */
  boolean appendText(
      int opcode, CharSequence text, int length, @Nullable CompletableFuture<Void> sent) {
    if (compresses(opcode, length)) {
      return appendEncoded(opcode, text, length, sent);
    }
    int header = loop.frames().headerLength(length);
    Piece piece = stream.isOpen() ? room(header + length, false) : null;
    if (piece == null) {
      return false;
    }
    ByteBuffer to = piece.block().bytes();
    int encoded = -1;
    try {
      encoded = Utf8Encoder.encode(text, to, piece.limit + header);
    } catch (IndexOutOfBoundsException longer) {
      // Told below, as what has become shorter.
    } finally {
      if (encoded != length) {
        dropEmptyTail();
      }
    }
    if (encoded != length) {
      throw new IllegalStateException("the text changed while it was sent: length=" + length);
    }
    loop.frames().write(to, piece.limit, opcode, length);
    queued(opcode);
    extend(piece, header + length, sent);
    return true;
  }

  /** As {@link #appendText}, by way of a block. */
  private boolean appendEncoded(
      int opcode, CharSequence text, int length, @Nullable CompletableFuture<Void> sent) {
    Block block = loop.pool().acquire(length);
    if (block == null) {
      return false;
    }
    Sender.encode(text, block, length);
    appendBlock(opcode, block, Block.HEADROOM, length, true, sent);
    return true;
  }

  /**
   * A frame whose payload lies in a block; a reference passes to the queue, whatever follows.
   *
   * @param opcode with {@link #UNCOMPRESSED} or {@link FrameHeader#COMPRESSED} beside it
   * @param at where the payload begins, counted from the start of the headroom
   * @param headerInPlace whether the header may be written in front of it
   * @see FrameWriter#masks() where a payload that others see is copied
   */
  void appendBlock(
      int opcode,
      Block block,
      int at,
      int length,
      boolean headerInPlace,
      @Nullable CompletableFuture<Void> sent) {
    if (!stream.isOpen()) {
      block.release();
      fail(sent);
      return;
    }
    Block compressed = compress(opcode, block.bytes(), at, length);
    if (compressed != null) {
      block.release();
      if (!appendCompressed(opcode, compressed, sent, true)) {
        fail(sent);
      }
      return;
    }
    // Tried already, or not wanted.
    int asItIs = opcode | UNCOMPRESSED;
    // One look at the block: its other holder may let go of it at any time.
    boolean mustCopy = loop.frames().masks() && !headerInPlace;
    if (mustCopy || length <= COPY_LIMIT) {
      boolean copied = appendCopy(asItIs, block.bytes(), at, length, sent, mustCopy);
      if (copied || mustCopy) {
        block.release();
        if (!copied) {
          fail(sent);
        }
        return;
      }
    }
    int header = loop.frames().headerLength(length);
    if (headerInPlace) {
      queued(opcode);
      loop.frames().write(block.bytes(), at - header, opcode, length);
      append(block, at - header, at + length, false).sent = sent;
    } else {
      Piece piece = room(header, true);
      if (piece == null) {
        block.release();
        fail(sent);
        return;
      }
      queued(opcode);
      loop.frames().write(piece.block().bytes(), piece.limit, opcode, length);
      extend(piece, header, null);
      append(block, at, at + length, false).sent = sent;
    }
  }

  /**
   * A frame that is being received is sent on from where it lies. Its own header, which is longer
   * than ours by the masking key, gives way to ours. Must be flushed before the next receive. A
   * server's only: masking would change what the handler still sees.
   */
  void appendBorrowed(int opcode, Block received, int at, int length) {
    borrows = true;
    queued(opcode);
    int header = loop.frames().headerLength(length);
    loop.frames().write(received.bytes(), at - header, opcode, length);
    append(received, at - header, at + length, false);
  }

  /** A frame is queued. */
  private void queued(int opcode) {
    hasMessage |= !Opcode.isControl(opcode);
    if (batch != null) {
      batch.add(opcode);
    }
  }

  /** An open piece with so much room behind its limit, or null. */
  private @Nullable Piece room(int needed, boolean mustFit) {
    Piece last = tail;
    if (last != null && last.isOpen && last.room() >= needed) {
      return last;
    }
    if (stream.hasEnded()) {
      return null;
    }
    int wanted = Math.max(needed, last == null ? FIRST_ROOM : NEXT_ROOM);
    Block block = mustFit ? loop.acquireFor(stream, wanted) : loop.pool().acquire(wanted);
    return block == null ? null : append(block, 0, 0, true);
  }

  private Piece append(Block block, int position, int limit, boolean isOpen) {
    Piece piece = loop.pieces().take();
    piece.block = block;
    piece.position = position;
    piece.limit = limit;
    piece.isOpen = isOpen;
    Piece last = tail;
    if (last == null) {
      head = piece;
    } else {
      last.next = piece;
    }
    tail = piece;
    if (limit > position) {
      addBytes(limit - position);
      loop.markDirty(stream);
    }
    return piece;
  }

  private void extend(Piece piece, int length, @Nullable CompletableFuture<Void> sent) {
    piece.limit += length;
    piece.sent = sent;
    addBytes(length);
    loop.markDirty(stream);
  }

  /** Room was made for what has not come. */
  private void dropEmptyTail() {
    Piece last = tail;
    if (last == null || last.length() > 0) {
      return;
    }
    Piece before = null;
    for (Piece piece = head; piece != null && piece != last; piece = piece.next) {
      before = piece;
    }
    tail = before;
    if (packed == last) {
      packed = before;
    }
    if (before == null) {
      head = null;
    } else {
      before.next = null;
    }
    last.block().release();
    loop.pieces().giveBack(last);
  }

  // ---- Batches.

  /** What waits leaves at the end of the turn, and from then on by these limits. */
  void batch(Batching batching) {
    if (batch != null) {
      batch.leave();
    }
    batch = batching.maxMessages() == 1 ? null : new Batch(stream, batching);
    loop.markDirty(stream);
  }

  boolean isBatching() {
    return batch != null;
  }

  /** What waits leaves with the next flush of its loop. */
  void releaseBatch() {
    if (batch != null) {
      batch.release();
      loop.markDirty(stream);
    }
  }

  /** At the end of a turn: whether there is anything to send now. */
  boolean wantsFlush() {
    return head != null && !blocked && (batch == null || !stream.mayBatch() || !batch.keeps(bytes));
  }

  // ---- Flushing.

  /** Hands to the kernel what it takes. */
  void flush() {
    long before = bytes;
    while (head != null && !stream.hasEnded()) {
      long wanted = loop.pieces().gather(head);
      long taken;
      try {
        taken = loop.pieces().write(stream.channel());
      } catch (IOException e) {
        stream.failWrite(e);
        break;
      }
      loop.counters().increment(LoopCounter.SENDS);
      loop.counters().add(LoopCounter.BYTES_SENT, taken);
      consume(taken);
      if (taken < wanted) {
        loop.counters().increment(LoopCounter.PARTIAL_SENDS);
        break;
      }
    }
    blocked = head != null;
    if (batch != null) {
      batch.leave();
    }
    if (borrows) {
      borrows = false;
      keepBorrowed();
    }
    boolean tookSome = bytes < before;
    if (hasMessage && tookSome) {
      stream.moved();
    }
    hasMessage &= blocked;
    stream.flushed(tookSome);
  }

  private void consume(long taken) {
    addBytes(-taken);
    long left = taken;
    for (Piece piece = head; piece != null && left >= piece.length(); piece = head) {
      left -= piece.length();
      CompletableFuture<Void> sent = removeHead(piece);
      if (sent != null) {
        loop.completeLater(sent, false);
      }
    }
    if (head != null) {
      head.position += (int) left;
    }
  }

  private @Nullable CompletableFuture<Void> removeHead(Piece piece) {
    head = piece.next;
    if (head == null) {
      tail = null;
    }
    if (packed == piece) {
      packed = null;
    }
    piece.block().release();
    CompletableFuture<Void> sent = piece.sent;
    loop.pieces().giveBack(piece);
    return sent;
  }

  /**
   * What still lies in the receive buffer moves to blocks: the buffer is about to be used again.
   */
  private void keepBorrowed() {
    Block received = loop.receiveBuffer().block();
    packed = null; // what is kept here may have been passed over
    for (Piece piece = head; piece != null; piece = piece.next) {
      if (piece.block() != received) {
        continue;
      }
      int length = piece.length();
      Block kept = loop.acquireFor(stream, length);
      if (kept == null) {
        return;
      }
      kept.bytes().put(0, received.bytes(), piece.position, length);
      loop.counters().add(LoopCounter.PAYLOAD_BYTES_COPIED, length);
      piece.block = kept;
      piece.position = 0;
      piece.limit = length;
    }
  }

  /**
   * At the end of a turn, once what can leave has left: what waits behind others, in blocks that
   * nobody else has and of which more than an eighth would be for nothing, moves together. So what
   * waits pins little more than it is long.
   */
  void pack() {
    if (!blocked || packed == tail || loop.pool().isScarce()) {
      return;
    }
    Piece last = packed == null ? head : packed;
    while (last != null && last.next != null) {
      last = wastesBlock(last.next) ? moveNextInto(last) : last.next;
    }
    packed = last;
  }

  private static boolean wastesBlock(Piece piece) {
    int capacity = piece.block().capacity();
    int length = piece.length();
    return length > 0 && capacity - length > capacity / 8 && piece.block().isExclusive();
  }

  /**
   * The bytes of the next piece go where this one has room, and the rest into blocks whose
   * capacities add up to little more than it is long; answers the last piece that has some of them.
   */
  private Piece moveNextInto(Piece piece) {
    Piece moved = Objects.requireNonNull(piece.next);
    Piece last = piece;
    loop.counters().add(LoopCounter.PAYLOAD_BYTES_COPIED, moved.length());
    while (moved.length() > 0) {
      if (last.room() == 0) {
        int length = moved.length();
        Block block =
            loop.pool().acquire(length > FIRST_ROOM ? Integer.highestOneBit(length) : FIRST_ROOM);
        if (block == null) {
          return moved; // as good as it was
        }
        last = insertBehind(last, block);
      }
      int here = Math.min(moved.length(), last.room());
      last.block().bytes().put(last.limit, moved.block().bytes(), moved.position, here);
      last.limit += here;
      moved.position += here;
    }
    last.sent = moved.sent;
    last.next = moved.next;
    if (tail == moved) {
      tail = last;
    }
    moved.block().release();
    loop.pieces().giveBack(moved);
    return last;
  }

  private Piece insertBehind(Piece piece, Block block) {
    Piece inserted = loop.pieces().take();
    inserted.block = block;
    inserted.position = 0;
    inserted.limit = 0;
    inserted.isOpen = true;
    inserted.next = piece.next;
    piece.next = inserted;
    return inserted;
  }

  /** Whether it must be flushed before the receive buffer is used again. */
  boolean borrows() {
    return borrows;
  }

  private void fail(@Nullable CompletableFuture<Void> sent) {
    if (sent != null) {
      loop.completeLater(sent, true);
    }
  }

  /** Nothing of this leaves any more. */
  void drop() {
    for (Piece piece = head; piece != null; piece = head) {
      fail(removeHead(piece));
    }
    addBytes(-bytes);
    blocked = false;
    borrows = false;
    if (batch != null) {
      batch.clear();
    }
  }
}
