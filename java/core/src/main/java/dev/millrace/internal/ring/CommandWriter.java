// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Writes commands into a loop's control mapping. Loop thread only. The core reads them when the
 * next {@code tick} or {@code flush} is called with {@link #count()}; afterwards the owner calls
 * {@link #reset()}.
 */
public final class CommandWriter {
  // Not ByteBuffer.putLong, whose last calls are beyond what HotSpot inlines below a handler's send
  // (-XX:MaxInlineLevel): four calls for each message.
  private static final VarHandle WORD =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final ByteBuffer control;
  private int count;

  /** A writer over a control mapping; the buffer's own order is not touched. */
  public CommandWriter(ByteBuffer control) {
    this.control = control.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** True when the owner must flush before the next command. */
  public boolean isFull() {
    return count == Records.RECORD_COUNT;
  }

  /** Commands written since the last {@link #reset()}. */
  public int count() {
    return count;
  }

  /** Starts again at the first record. */
  public void reset() {
    count = 0;
  }

  /** Binds a listener whose address stands at {@code body} of the body area. */
  public void listen(int listener, int body, int length) {
    write(Records.LISTEN, 0, Records.BODY, listener, body, length, 0, 0);
  }

  /** Closes a listener. */
  public void unlisten(int listener) {
    write(Records.UNLISTEN, 0, 0, listener, 0, 0, 0, 0);
  }

  /**
   * Answers an upgrade with 101 and the header lines at {@code body}; {@code deflate} says what was
   * agreed on about compression.
   */
  public void acceptUpgrade(int slot, int generation, int body, int length, long deflate) {
    write(Records.ACCEPT_UPGRADE, 0, Records.BODY, slot, body, length, generation, deflate);
  }

  /** Begins to connect to the address that stands at {@code body} of the body area. */
  public void connect(int body, int length, long token) {
    write(Records.CONNECT, 0, Records.BODY, 0, body, length, 0, token);
  }

  /** Sends a request whose response head is awaited. */
  public void ask(int slot, int generation, long address, int length) {
    write(Records.ASK, 0, Records.STAGED, slot, address, length, generation, 0);
  }

  /** Makes what has answered a connection; {@code deflate} as above. */
  public void open(int slot, int generation, long deflate) {
    write(Records.OPEN, 0, 0, slot, 0, 0, generation, deflate);
  }

  /**
   * Answers a request with a complete response; {@code placement} is {@code STAGED} or {@code
   * OWNED}.
   */
  public void respond(int slot, int generation, int placement, long address, int length) {
    write(Records.RESPOND, 0, placement, slot, address, length, generation, 0);
  }

  /** Sends one message or ping; {@code token} other than 0 asks for a {@code SENT} event. */
  public void send(
      int opcode, int placement, int slot, int generation, long address, int length, long token) {
    copy(
        Records.head(Records.SEND, opcode, placement, slot),
        address,
        Records.lengthAndGeneration(length, generation),
        token);
  }

  /** Starts the closing handshake; {@code code} 0 is a Close frame without a body. */
  public void close(int slot, int generation, int code, long reasonAddress, int reasonLength) {
    int placement = reasonLength == 0 ? 0 : Records.STAGED;
    write(Records.CLOSE, 0, placement, slot, reasonAddress, reasonLength, generation, code);
  }

  /** Drops what is queued and resets the socket. */
  public void abort(int slot, int generation) {
    write(Records.CLOSE, 0, Records.ABORT, slot, 0, 0, generation, 0);
  }

  /** Stops reading from a peer. */
  public void pauseReads(int slot, int generation) {
    write(Records.PAUSE_READS, 0, 0, slot, 0, 0, generation, 0);
  }

  /** Reads from a peer again. */
  public void resumeReads(int slot, int generation) {
    write(Records.RESUME_READS, 0, 0, slot, 0, 0, generation, 0);
  }

  /** Lets so much more come; 0 gives none of a kind. */
  public void credit(int slot, int generation, long messages, long bytes) {
    write(Records.CREDIT, 0, 0, slot, bytes, 0, generation, messages);
  }

  /**
   * Gathers what is sent until it is so much, or the delay has passed; 1 message gathers nothing.
   */
  public void batch(int slot, int generation, int maxMessages, int maxBytes, long delayNanos) {
    write(Records.BATCH, Records.SET_BATCH, 0, slot, maxBytes, maxMessages, generation, delayNanos);
  }

  /** Sends what was gathered. */
  public void flushBatch(int slot, int generation) {
    write(Records.BATCH, Records.FLUSH_BATCH, 0, slot, 0, 0, generation, 0);
  }

  /** More is to be sent than the core has: a FIN of the peer is to be told, and ends nothing. */
  public void hold(int slot, int generation) {
    write(Records.HOLD, 0, 0, slot, 0, 0, generation, 0);
  }

  /** The core has all that will be sent. */
  public void finish(int slot, int generation) {
    write(Records.FINISH, 0, 0, slot, 0, 0, generation, 0);
  }

  /** Asks for a {@code TIMER} event after {@code delayNanos}. */
  public void setTimer(int token, int generation, long delayNanos) {
    write(Records.SET_TIMER, 0, 0, token, 0, 0, generation, delayNanos);
  }

  /** Takes a timer back. Its event may still arrive when it was due already. */
  public void cancelTimer(int token, int generation) {
    write(Records.CANCEL_TIMER, 0, 0, token, 0, 0, generation, 0);
  }

  /** Writes a record that another thread has built in the same four words. */
  public void copy(long head, long address, long lengthAndGeneration, long auxiliary) {
    int record = claim();
    WORD.setOpaque(control, record, head);
    WORD.setOpaque(control, record + Records.ADDRESS_OFFSET, address);
    WORD.setOpaque(control, record + Records.LENGTH_OFFSET, lengthAndGeneration);
    WORD.setOpaque(control, record + Records.AUXILIARY_OFFSET, auxiliary);
  }

  private void write(
      int type,
      int opcode,
      int flags,
      int slot,
      long address,
      int length,
      int generation,
      long auxiliary) {
    copy(
        Records.head(type, opcode, flags, slot),
        address,
        Records.lengthAndGeneration(length, generation),
        auxiliary);
  }

  private int claim() {
    if (isFull()) {
      throw new IllegalStateException("command ring is full: count=" + count);
    }
    return Records.COMMANDS_OFFSET + count++ * Records.RECORD_LENGTH;
  }
}
