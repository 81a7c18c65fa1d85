// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Batching;
import dev.millrace.SocketOptions;
import dev.millrace.internal.ring.CommandWriter;
import dev.millrace.internal.ring.PostedSend;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.Utf8Encoder;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Everything that a loop writes for its core between two calls: commands, the payloads staged for
 * them, and their bodies. Where one of the three is full, the commands are executed early, by
 * {@code flush}, and all three start again; received messages stay valid then. Loop thread only,
 * but for {@link #batch()}.
 *
 * <p>Room is made before anything is written: a flush between a payload and its command would give
 * the payload's place away.
 */
final class Outgoing {
  private static final VarHandle BATCH;

  static {
    try {
      BATCH = MethodHandles.lookup().findVarHandle(Outgoing.class, "batch", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int handle;
  private final LoopMemory memory;
  private final CommandWriter commands;
  private final SendArea area = new SendArea();
  private final BodyArea bodies;

  // Ends with the send area: what is encoded here can never reach a block, whatever the text does
  // meanwhile.
  private final ByteBuffer sendView;

  // Counts the batches of commands; see BufferedConnection.
  private long batch;

  // What was buffered for a connection when a send to it was admitted, and what has been written
  // for it since. Of one connection at a time, so that it need not be kept for each.
  private long admitted;

  Outgoing(int handle, LoopMemory memory) {
    this.handle = handle;
    this.memory = memory;
    commands = new CommandWriter(memory.control());
    bodies = new BodyArea(memory.control());
    sendView =
        memory
            .region()
            .duplicate()
            .order(ByteOrder.LITTLE_ENDIAN)
            .limit(Records.SEND_AREA_OFFSET + Records.SEND_AREA_LENGTH);
  }

  /** The batch that commands are written into now. Any thread. */
  long batch() {
    return (long) BATCH.getAcquire(this);
  }

  // ---- Calls.

  /** Tells the core how much is written, and returns the number of commands. The batch goes on. */
  int handOver() {
    ByteBuffer control = memory.control();
    control.putLong(Records.SEND_POSITION_OFFSET, area.position());
    control.putLong(Records.BODY_POSITION_OFFSET, bodies.position());
    return commands.count();
  }

  /** The batch is over: what was staged in it counts no more. */
  void endBatch() {
    BATCH.setRelease(this, batch + 1);
  }

  /** The core has executed everything: all places are free again. */
  void reset() {
    commands.reset();
    area.reset();
    bodies.reset();
  }

  /** Executes what is written, without waiting for anything. */
  void flush() {
    if (commands.count() == 0) {
      return;
    }
    int result = NativeCalls.flush(handle, handOver());
    if (result < 0) {
      throw NativeLoop.failed("flush", result);
    }
    reset();
    endBatch();
  }

  private void makeCommandRoom() {
    if (commands.isFull()) {
      flush();
    }
  }

  private void makeRoom(long payloadLength) {
    if (!area.fits(payloadLength)) {
      flush();
    }
    makeCommandRoom();
  }

  private void makeBodyRoom(int length) {
    if (!bodies.fits(length)) {
      flush();
    }
    makeCommandRoom();
  }

  // ---- Messages.

  /** What is written next is for a connection that has so much buffered. */
  void admit(long buffered) {
    admitted = buffered;
  }

  /**
   * Sends a payload that lies in a message or a block; {@code placement} may hold {@code
   * UNCOMPRESSED} besides.
   */
  void send(
      NativeConnection connection,
      int opcode,
      int placement,
      long address,
      int length,
      long token) {
    makeCommandRoom();
    commands.send(
        opcode, placement, connection.slot(), connection.generation(), address, length, token);
    admitted += BufferedConnection.frameLength(length);
    connection.addSent(length, batch, admitted);
  }

  /** Hands on what another thread has posted. */
  void sendPosted(
      NativeConnection connection, long head, long address, long lengthAndGeneration, long token) {
    makeCommandRoom();
    commands.copy(head, address, lengthAndGeneration, token);
    int length = PostedSend.length(lengthAndGeneration);
    connection.addPosted(length, batch);
  }

  /**
   * Sends a copy of the bytes; {@code flags} as the sender has them. False when no memory is left
   * for it.
   */
  boolean sendCopy(
      NativeConnection connection,
      int opcode,
      ByteBuffer bytes,
      int length,
      long token,
      int flags) {
    if (length > SendArea.MAX_LENGTH) {
      long block = NativeCalls.acquire(handle, length);
      if (block < 0) {
        return false;
      }
      memory.region().put(Records.offset(block), bytes, bytes.position(), length);
      send(connection, opcode, Records.OWNED | flags, block, length, token);
      return true;
    }
    makeRoom(length);
    int place = stage(bytes, length);
    send(connection, opcode, Records.STAGED | flags, memory.address(place), length, token);
    return true;
  }

  /** Sends text; false when no memory is left for it. */
  boolean sendText(NativeConnection connection, CharSequence text, long token, int flags) {
    long most = (long) text.length() * Utf8Encoder.MAX_BYTES_PER_CHAR;
    if (!area.fits(most)) {
      int exact = Sender.requireLength(Utf8Encoder.encodedLength(text));
      if (exact > SendArea.MAX_LENGTH) {
        return sendLongText(connection, text, exact, token, flags);
      }
      makeRoom(exact);
    }
    makeCommandRoom();
    int place = area.next();
    int length = Utf8Encoder.encode(text, sendView, place);
    area.take(length);
    send(connection, Records.TEXT, Records.STAGED | flags, memory.address(place), length, token);
    return true;
  }

  private boolean sendLongText(
      NativeConnection connection, CharSequence text, int length, long token, int flags) {
    long block = NativeCalls.acquire(handle, length);
    if (block < 0) {
      return false;
    }
    boolean encoded = false;
    try {
      ByteBuffer place =
          memory.region().slice(Records.offset(block), length).order(ByteOrder.LITTLE_ENDIAN);
      encoded = Utf8Encoder.encode(text, place, 0) == length;
    } finally {
      if (!encoded) {
        NativeCalls.release(block);
      }
    }
    if (!encoded) {
      throw new IllegalStateException("the text changed while it was sent: length=" + length);
    }
    send(connection, Records.TEXT, Records.OWNED | flags, block, length, token);
    return true;
  }

  private int stage(ByteBuffer bytes, int length) {
    int place = area.next();
    memory.region().put(place, bytes, bytes.position(), length);
    area.take(length);
    return place;
  }

  // ---- Connections.

  /** Begins or answers the closing handshake; code 0 is a Close frame without a body. */
  void close(NativeConnection connection, int code, String reason) {
    if (reason.isEmpty()) {
      makeCommandRoom();
      commands.close(connection.slot(), connection.generation(), code, 0, 0);
      return;
    }
    ByteBuffer bytes = StandardCharsets.UTF_8.encode(reason);
    int length = bytes.remaining();
    makeRoom(length);
    int place = stage(bytes, length);
    commands.close(connection.slot(), connection.generation(), code, memory.address(place), length);
  }

  /** Cuts a connection. */
  void abort(NativeConnection connection) {
    abort(connection.slot(), connection.generation());
  }

  /** Cuts a connection that Java may not know yet. */
  void abort(int slot, int generation) {
    makeCommandRoom();
    commands.abort(slot, generation);
  }

  void pauseReads(NativeConnection connection) {
    makeCommandRoom();
    commands.pauseReads(connection.slot(), connection.generation());
  }

  void resumeReads(NativeConnection connection) {
    makeCommandRoom();
    commands.resumeReads(connection.slot(), connection.generation());
  }

  /** Lets a peer send so much more; 0 gives none of a kind. */
  void credit(NativeConnection connection, long messages, long bytes) {
    makeCommandRoom();
    commands.credit(connection.slot(), connection.generation(), messages, bytes);
  }

  void batch(NativeConnection connection, Batching batching) {
    makeCommandRoom();
    commands.batch(
        connection.slot(),
        connection.generation(),
        batching.maxMessages(),
        batching.maxBytes(),
        batching.maxDelay().toNanos());
  }

  /** Sends what was gathered for a connection. */
  void flushBatch(NativeConnection connection) {
    makeCommandRoom();
    commands.flushBatch(connection.slot(), connection.generation());
  }

  /** A FIN of the peer is told, and ends nothing until {@link #finish}. */
  void hold(NativeConnection connection) {
    makeCommandRoom();
    commands.hold(connection.slot(), connection.generation());
  }

  /** The core has all that will be sent. */
  void finish(NativeConnection connection) {
    makeCommandRoom();
    commands.finish(connection.slot(), connection.generation());
  }

  // ---- Requests.

  /** Answers an upgrade with 101 and further header lines. */
  void acceptUpgrade(
      int slot, int generation, String headerLines, @Nullable DeflateParameters deflate) {
    makeBodyRoom(headerLines.length());
    commands.acceptUpgrade(
        slot, generation, bodies.put(headerLines), headerLines.length(), bits(deflate));
  }

  /** Begins to connect; {@link BodyArea#refusal} has nothing against the address. */
  void connect(SocketAddress address, SocketOptions options, Duration timeout, long token) {
    int length = BodyArea.connectLength(address);
    makeBodyRoom(length);
    commands.connect(bodies.putConnect(address, options, timeout), length, token);
  }

  /** Sends a request whose response is awaited. */
  void ask(int slot, int generation, byte[] request) {
    makeRoom(request.length);
    int place = stage(ByteBuffer.wrap(request), request.length);
    commands.ask(slot, generation, memory.address(place), request.length);
  }

  /** Makes a client's socket a connection. */
  void open(NativeConnection connection, @Nullable DeflateParameters deflate) {
    makeCommandRoom();
    commands.open(connection.slot(), connection.generation(), bits(deflate));
  }

  private static long bits(@Nullable DeflateParameters deflate) {
    if (deflate == null) {
      return 0;
    }
    return Records.DEFLATE
        | (deflate.outgoingTakeover() ? 0 : Records.DEFLATE_OUTGOING_ALONE)
        | (deflate.incomingTakeover() ? 0 : Records.DEFLATE_INCOMING_ALONE)
        | (long) deflate.outgoingWindowBits() << Records.DEFLATE_OUTGOING_BITS
        | (long) deflate.incomingWindowBits() << Records.DEFLATE_INCOMING_BITS;
  }

  /** Answers a request with a whole response; false when no memory is left for it. */
  boolean respond(int slot, int generation, ByteBuffer response) {
    int length = response.remaining();
    if (length > SendArea.MAX_LENGTH) {
      long block = NativeCalls.acquire(handle, length);
      if (block < 0) {
        return false;
      }
      memory.region().put(Records.offset(block), response, response.position(), length);
      makeCommandRoom();
      commands.respond(slot, generation, Records.OWNED, block, length);
      return true;
    }
    makeRoom(length);
    int place = stage(response, length);
    commands.respond(slot, generation, Records.STAGED, memory.address(place), length);
    return true;
  }

  // ---- Listeners and timers.

  /** {@code sharing} is {@code ALONE}, {@code FIRST} or {@code FURTHER}. */
  void listen(int listener, ListenAddress address, SocketOptions options, int sharing) {
    int length = BodyArea.listenLength(address);
    makeBodyRoom(length);
    commands.listen(listener, bodies.putListen(address, options, sharing), length);
  }

  void unlisten(int listener) {
    makeCommandRoom();
    commands.unlisten(listener);
  }

  void setTimer(int token, int generation, long delayNanos) {
    makeCommandRoom();
    commands.setTimer(token, generation, delayNanos);
  }

  void cancelTimer(int token, int generation) {
    makeCommandRoom();
    commands.cancelTimer(token, generation);
  }
}
