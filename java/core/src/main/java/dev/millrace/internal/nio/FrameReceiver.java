// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Limits;
import dev.millrace.internal.protocol.FrameHeader;
import dev.millrace.internal.protocol.Masking;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.protocol.ProtocolError;
import dev.millrace.internal.protocol.Relaxed;
import dev.millrace.internal.protocol.Utf8;
import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.LoopCounter;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Frames in: from a socket to the messages of its connection. A message that arrived whole is
 * delivered where it lies in the receive buffer. One that did not is assembled in a block; its long
 * frames are received straight into it. Loop thread only.
 *
 * <p>A block is never longer than twice what has come of its message, plus 64 KiB: a declared
 * length reserves nothing. Data frames are judged by their header, before a byte of payload is
 * kept; control frames when they are complete.
 */
final class FrameReceiver {
  /** What is left of a frame is received straight into its block from this length on. */
  private static final int DIRECT_LENGTH = 16 << 10;

  private static final int SMALL_BLOCK = 1024;
  private static final int FIRST_BLOCK = 64 << 10;
  private static final int MIN_RECEIVE = 1024;
  private static final int MAX_REST = FrameHeader.MAX_LENGTH + FrameHeader.MAX_CONTROL_PAYLOAD;

  private final Stream stream;
  private final NioLoop loop;
  private final Intake intake;
  private final boolean checksText;

  // A part of a message has come.
  private boolean moved;

  // Of the frame being received: its payload still to come.
  private long frameRemaining;
  private int maskingKey;
  private boolean isFinal;
  private boolean isDiscarded;

  // Of the message being assembled.
  private int opcode = Opcode.CONTINUATION;
  private boolean isCompressed;
  private int fragments;
  private @Nullable Block block;
  private int length;
  private int utf8 = Utf8.COMPLETE;

  // The beginning of a frame that cannot be judged yet.
  private byte @Nullable [] rest;
  private int restLength;

  // What may not be parsed yet: reading was paused while it came, or nothing more may be delivered,
  // or inflated.
  private @Nullable Block held;
  private int heldAt;
  private int heldEnd;

  // The payload of a message that is inflated in more than one turn, unmasked, and what it is.
  private @Nullable Block compressed;
  private int compressedKind;

  FrameReceiver(Stream stream) {
    this.stream = stream;
    loop = stream.loop();
    intake = stream.intake();
    checksText = !Relaxed.contains(loop.relaxed(), Relaxed.TEXT_UTF8);
  }

  private Limits limits() {
    return loop.limits();
  }

  // ---- Receiving.

  /** The socket is readable: one receive. */
  void receive() {
    Block assembled = block;
    if (frameRemaining >= DIRECT_LENGTH && assembled != null && !isDiscarded) {
      receiveIntoBlock(assembled);
      return;
    }
    ReceiveBuffer buffer = loop.receiveBuffer();
    int kept = restLength;
    // No more than may be echoed below the mark.
    int most = (int) Math.min(ReceiveBuffer.QUANTUM, limits().lowWaterMarkBytes());
    int received = stream.receive(buffer.room(kept, Math.max(MIN_RECEIVE, most)));
    if (received == 0) {
      return;
    }
    if (kept > 0 && rest != null) {
      buffer.block().bytes().put(ReceiveBuffer.START, rest, 0, kept);
      restLength = 0;
    }
    int start = ReceiveBuffer.START;
    parse(buffer.block(), start, start + kept + received);
  }

  private void receiveIntoBlock(Block assembled) {
    Block target = assembled.capacity() == length ? grow(1) : assembled;
    if (target == null) {
      return;
    }
    int room = (int) Math.min(target.capacity() - length, frameRemaining);
    if (stream.restsFromInflating()) {
      // With its last byte the message would be whole.
      room = (int) Math.min(room, frameRemaining - 1);
    }
    int from = Block.HEADROOM + length;
    int received = stream.receive(target.io().limit(from + room).position(from));
    if (received > 0) {
      Masking.unmask(target.bytes(), from, received, maskingKey);
      payloadArrived(target, received);
      stream.moved();
    }
  }

  /** Keeps a copy of what may not be parsed yet. */
  void hold(ByteBuffer bytes, int at, int end) {
    int length = end - at;
    Block kept = stream.hasEnded() ? null : loop.acquireFor(stream, length);
    if (kept != null) {
      kept.bytes().put(Block.HEADROOM, bytes, at, length);
      hold(kept, Block.HEADROOM, Block.HEADROOM + length);
    }
  }

  /** The reference passes. */
  private void hold(Block kept, int at, int end) {
    held = kept;
    heldAt = at;
    heldEnd = end;
    if (kept != compressed) {
      intake.pin(kept.capacity());
    }
  }

  /** Whether what has come is not taken yet. */
  boolean isHolding() {
    return held != null || compressed != null;
  }

  void takeHeld() {
    Block taken = held;
    if (taken == null) {
      return;
    }
    forgetHeld(taken);
    try {
      parse(taken, heldAt, heldEnd);
    } finally {
      taken.release();
    }
  }

  private void forgetHeld(Block forgotten) {
    held = null;
    if (forgotten != compressed) {
      intake.pin(-forgotten.capacity());
    }
  }

  // ---- Frames.

  /** Takes received bytes. What cannot be judged yet is kept. */
  void parse(Block bytes, int from, int end) {
    takeAll(bytes, from, end);
    if (moved) {
      moved = false;
      stream.moved();
    }
  }

  private void takeAll(Block bytes, int from, int end) {
    int at = from;
    while (at < end && !stream.isInputEnded()) {
      if (stream.isSpent() || stream.isFull() || stream.restsFromInflating()) {
        holdRest(bytes, at, end);
        stream.updateInterest();
        return;
      }
      int taken = frameRemaining > 0 ? takePayload(bytes, at, end - at) : takeFrame(bytes, at, end);
      if (taken == 0) {
        keepRest(bytes, at, end - at);
        return;
      }
      at += taken;
    }
  }

  /** The next message may not be delivered, or inflated, yet. */
  private void holdRest(Block bytes, int at, int end) {
    if (bytes.isPooled()) {
      hold(bytes.retain(), at, end);
    } else {
      hold(bytes.bytes(), at, end);
    }
  }

  private void keepRest(Block bytes, int at, int kept) {
    byte[] place = rest;
    if (place == null || place.length < kept) {
      place = new byte[kept <= FrameHeader.MAX_LENGTH ? FrameHeader.MAX_LENGTH : MAX_REST];
      rest = place;
    }
    bytes.bytes().get(at, place, 0, kept);
    restLength = kept;
  }

  /**
   * One header, and the payload where that is here whole. Returns the bytes taken; 0 asks for more.
   */
  private int takeFrame(Block bytes, int at, int end) {
    FrameHeader header = loop.header();
    int headerLength = header.parse(bytes.bytes(), at, end, stream.deflation() != null);
    if (headerLength == FrameHeader.INCOMPLETE) {
      moved |= FrameHeader.isData(bytes.bytes().get(at));
      return 0;
    }
    ProtocolError error = headerLength == FrameHeader.BROKEN ? header.error() : judge(header);
    if (error != ProtocolError.NONE) {
      stream.fail(error);
      return end - at;
    }
    int payload = at + headerLength;
    boolean isWhole = header.payloadLength() <= end - payload;
    if (!Opcode.isKnown(header.opcode())) {
      return skip(headerLength, header);
    }
    if (Opcode.isControl(header.opcode())) {
      if (!isWhole) {
        return 0;
      }
      takeControl(bytes.bytes(), payload, header);
      return headerLength + (int) header.payloadLength();
    }
    moved = true;
    if (!stream.delivers()) {
      return skip(headerLength, header);
    } else if (isWhole && header.isFinal() && opcode == Opcode.CONTINUATION) {
      takeMessage(bytes, payload, header);
    } else {
      beginFrame(header);
      return headerLength;
    }
    return headerLength + (int) header.payloadLength();
  }

  private int skip(int headerLength, FrameHeader header) {
    isDiscarded = header.payloadLength() > 0;
    frameRemaining = header.payloadLength();
    return headerLength;
  }

  private ProtocolError judge(FrameHeader header) {
    int kind = header.opcode();
    if (Opcode.isControl(kind) || !Opcode.isKnown(kind) || !stream.delivers()) {
      return ProtocolError.NONE;
    }
    boolean inMessage = opcode != Opcode.CONTINUATION;
    boolean continues = header.opcode() == Opcode.CONTINUATION;
    if (continues && !inMessage) {
      return ProtocolError.UNEXPECTED_CONTINUATION;
    }
    if (!continues && inMessage) {
      return ProtocolError.EXPECTED_CONTINUATION;
    }
    if (header.payloadLength() > limits().maxMessageBytes() - length) {
      return ProtocolError.MESSAGE_TOO_BIG;
    }
    return fragments >= limits().maxFragments()
        ? ProtocolError.TOO_MANY_FRAGMENTS
        : ProtocolError.NONE;
  }

  /** A message of one frame that is here whole. */
  private void takeMessage(Block bytes, int at, FrameHeader header) {
    int payloadLength = (int) header.payloadLength();
    int kind = header.opcode();
    Masking.unmask(bytes.bytes(), at, payloadLength, header.maskingKey());
    if (header.isCompressed()) {
      inflate(bytes, at, payloadLength, kind);
    } else if (kind == Opcode.TEXT
        && checksText
        && Utf8.append(Utf8.COMPLETE, bytes.bytes(), at, payloadLength) != Utf8.COMPLETE) {
      stream.fail(ProtocolError.INVALID_UTF8);
    } else {
      deliver(bytes, at, payloadLength, kind, false);
    }
  }

  /** Inflates a message, in this turn and the next ones, and delivers what comes of it. */
  private void inflate(Block bytes, int at, int payloadLength, int kind) {
    Deflation deflation = stream.deflation();
    if (deflation == null) {
      return;
    }
    Decompressor decompressor = loop.codec().decompressor();
    boolean isText = kind == Opcode.TEXT && checksText;
    ProtocolError error =
        decompressor.begin(stream, deflation, bytes.bytes(), at, payloadLength, isText);
    if (decompressor.stream() == stream) {
      keepCompressed(bytes, at, payloadLength, kind);
    } else if (error != null) {
      inflated(error, kind);
    }
  }

  /** The payload stays until the message is inflated. */
  private void keepCompressed(Block bytes, int at, int payloadLength, int kind) {
    Decompressor decompressor = loop.codec().decompressor();
    Block kept;
    if (bytes.isPooled()) {
      kept = bytes.retain();
    } else {
      kept = loop.acquireFor(stream, payloadLength);
      if (kept == null) {
        return;
      }
      if (decompressor.stream() != stream) {
        kept.release();
        return;
      }
      kept.bytes().put(Block.HEADROOM, bytes.bytes(), at, payloadLength);
      loop.counters().add(LoopCounter.PAYLOAD_BYTES_COPIED, payloadLength);
      decompressor.moveTo(kept.bytes(), Block.HEADROOM);
    }
    compressed = kept;
    compressedKind = kind;
    intake.pin(kept.capacity());
    stream.updateInterest();
  }

  /** The next turn of the message that is being inflated. */
  void inflateOn() {
    Decompressor decompressor = loop.codec().decompressor();
    ProtocolError error = decompressor.goOn();
    if (decompressor.stream() == stream) {
      return;
    }
    forgetCompressed();
    if (error != null) {
      inflated(error, compressedKind);
      stream.moved();
    }
  }

  private void inflated(ProtocolError error, int kind) {
    if (error != ProtocolError.NONE) {
      stream.fail(error);
      return;
    }
    Decompressor decompressor = loop.codec().decompressor();
    Block inflated = decompressor.takeResult();
    try {
      int inflatedLength = decompressor.length();
      boolean isAlone = !decompressor.isBorrowed(inflated, inflatedLength);
      deliver(inflated, Block.HEADROOM, inflatedLength, kind, isAlone);
    } finally {
      inflated.release();
    }
  }

  private void forgetCompressed() {
    Block forgotten = compressed;
    compressed = null;
    if (forgotten != null) {
      if (forgotten != held) {
        intake.pin(-forgotten.capacity());
      }
      forgotten.release();
    }
  }

  /** A data frame that needs assembling begins. */
  private void beginFrame(FrameHeader header) {
    if (header.opcode() != Opcode.CONTINUATION) {
      opcode = header.opcode();
      isCompressed = header.isCompressed();
    }
    fragments++;
    isFinal = header.isFinal();
    maskingKey = header.maskingKey();
    frameRemaining = header.payloadLength();
    if (frameRemaining == 0) {
      finishFrame();
    }
  }

  /** Payload of a frame that is being assembled or discarded. Returns the bytes taken. */
  private int takePayload(Block bytes, int at, int available) {
    int here = (int) Math.min(available, frameRemaining);
    if (isDiscarded) {
      frameRemaining -= here;
      isDiscarded = frameRemaining > 0;
      if (!stream.delivers()) {
        stream.countDiscarded(here);
      }
      return here;
    }
    moved = true;
    Block target = block;
    if (target == null || target.capacity() - length < here) {
      target = grow(here);
      if (target == null) {
        return available;
      }
    }
    int to = Block.HEADROOM + length;
    Masking.unmaskTo(bytes.bytes(), at, here, maskingKey, target.bytes(), to);
    loop.counters().add(LoopCounter.PAYLOAD_BYTES_COPIED, here);
    payloadArrived(target, here);
    return here;
  }

  /** So many unmasked bytes were added to the block. */
  private void payloadArrived(Block target, int arrived) {
    int at = Block.HEADROOM + length;
    maskingKey = Masking.rotate(maskingKey, arrived);
    length += arrived;
    frameRemaining -= arrived;
    if (opcode == Opcode.TEXT && checksText && !isCompressed) {
      utf8 = Utf8.append(utf8, target.bytes(), at, arrived);
      if (utf8 == Utf8.INVALID) {
        stream.fail(ProtocolError.INVALID_UTF8);
        return;
      }
    }
    if (frameRemaining == 0) {
      finishFrame();
    }
  }

  private void finishFrame() {
    if (!isFinal) {
      return;
    }
    if (opcode == Opcode.TEXT && utf8 != Utf8.COMPLETE) {
      stream.fail(ProtocolError.INVALID_UTF8);
      return;
    }
    Block whole = block;
    int kind = opcode;
    boolean compressed = isCompressed;
    int wholeLength = length;
    forgetMessage();
    if (whole == null) {
      whole = loop.receiveBuffer().block();
    }
    try {
      if (compressed) {
        inflate(whole, Block.HEADROOM, wholeLength, kind);
      } else {
        deliver(whole, Block.HEADROOM, wholeLength, kind, whole.isPooled());
      }
    } finally {
      whole.release();
    }
  }

  private void deliver(Block bytes, int at, int payloadLength, int kind, boolean isAlone) {
    if (CheckedMode.isOn() && !isAlone) {
      deliverCopy(bytes, at, payloadLength, kind);
      return;
    }
    loop.counters().increment(LoopCounter.MESSAGES_RECEIVED);
    loop.countEvent();
    NioConnection connection = stream.connection();
    if (connection == null) {
      return;
    }
    NioMessage message = loop.nextMessage();
    message.fill(stream, bytes, at, payloadLength, kind, isAlone);
    intake.take(payloadLength);
    try {
      connection.onMessage(message);
    } finally {
      message.empty();
    }
    if (stream.isSpent()) {
      stream.stopTaking();
    }
  }

  /** Delivers a message in a block of its own. */
  private void deliverCopy(Block bytes, int at, int payloadLength, int kind) {
    Block own = loop.acquireFor(stream, payloadLength);
    if (own == null) {
      return;
    }
    try {
      own.bytes().put(Block.HEADROOM, bytes.bytes(), at, payloadLength);
      loop.counters().add(LoopCounter.PAYLOAD_BYTES_COPIED, payloadLength);
      deliver(own, Block.HEADROOM, payloadLength, kind, true);
    } finally {
      own.release();
    }
  }

  private void takeControl(ByteBuffer bytes, int at, FrameHeader header) {
    int payloadLength = (int) header.payloadLength();
    Masking.unmask(bytes, at, payloadLength, header.maskingKey());
    if (header.opcode() == Opcode.CLOSE) {
      loop.countEvent();
      stream.peerClosed(bytes, at, payloadLength);
      return;
    }
    if (!stream.isOpen()) {
      return;
    }
    if (header.opcode() == Opcode.PING) {
      stream.queuePong(bytes, at, payloadLength);
      return;
    }
    if (payloadLength == RoundTrip.PAYLOAD_LENGTH) {
      stream.ponged(Long.reverseBytes(bytes.getLong(at)));
    }
  }

  // ---- Assembling.

  /**
   * The message's block with room for so many bytes more, or null when the stream has ended or
   * closes for the want of it.
   */
  private @Nullable Block grow(int more) {
    long needed = (long) length + more;
    Block grown = loop.acquireFor(stream, capacity(needed, length + frameRemaining));
    if (grown == null) {
      return null;
    }
    Block before = block;
    if (before != null) {
      grown.bytes().put(Block.HEADROOM, before.bytes(), Block.HEADROOM, length);
      loop.counters().add(LoopCounter.PAYLOAD_BYTES_COPIED, length);
      intake.pin(-before.capacity());
      before.release();
    }
    intake.pin(grown.capacity());
    block = grown;
    return grown;
  }

  /** At most twice what has come plus 64 KiB; no more than what is declared asks for. */
  private int capacity(long needed, long declared) {
    long most;
    if (needed < SMALL_BLOCK) {
      most = SMALL_BLOCK;
    } else if (loop.pool().isScarce()) {
      most = needed;
    } else {
      most = Long.highestOneBit(2 * needed + FIRST_BLOCK);
    }
    return (int) Math.max(needed, Math.min(declared, most));
  }

  private void forgetMessage() {
    if (block != null) {
      intake.pin(-block.capacity());
    }
    block = null;
    length = 0;
    opcode = Opcode.CONTINUATION;
    isCompressed = false;
    fragments = 0;
    utf8 = Utf8.COMPLETE;
  }

  /**
   * Forgets the message being assembled, or inflated; what is still to come of its frame is
   * skipped.
   */
  void dropMessage() {
    loop.codec().decompressor().abandon(stream);
    forgetCompressed();
    Block dropped = block;
    forgetMessage();
    isDiscarded = frameRemaining > 0;
    if (dropped != null) {
      dropped.release();
    }
  }

  /** The stream has ended. */
  void drop() {
    dropMessage();
    rest = null;
    restLength = 0;
    Block waiting = held;
    if (waiting != null) {
      forgetHeld(waiting);
      waiting.release();
    }
  }
}
