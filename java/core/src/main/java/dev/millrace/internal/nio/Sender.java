// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.spi.Kept;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.internal.spi.Utf8Encoder;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The two ways out. Every message goes one of them, to be compressed where that was agreed on, or
 * with {@link SendQueue#UNCOMPRESSED} as its {@code how}, or beside its opcode.
 *
 * <p><b>Directly</b>, on the loop's thread: a send goes into the stream's queue at once. Short
 * payloads are copied there, long ones sent from where they lie.
 *
 * <p><b>Posted</b>, on every other thread: the bytes go into a block of the connection's loop, or
 * stay in theirs, and a task into its inbox. {@link NioConnection#isDirect} decides.
 */
final class Sender {
  /** The longest message that can be sent. */
  static final int MAX_PAYLOAD_LENGTH = 256 << 20;

  private Sender() {}

  /** Loop thread: a message in a block, whose reference passes to the queue. */
  static void append(
      NioConnection connection,
      int opcode,
      Block block,
      int at,
      int length,
      @Nullable CompletableFuture<Void> sent) {
    connection.loop().counters().increment(LoopCounter.MESSAGES_SENT);
    connection.stream().queue().appendBlock(opcode, block, at, length, block.isExclusive(), sent);
  }

  // ---- Received messages.

  static SendResult send(NioConnection connection, Message message, int how) {
    if (message instanceof NioMessage received) {
      received.requireValid();
      int opcode = received.opcode() | how;
      return received.loop() == connection.loop() && connection.isDirect()
          ? sendReceived(connection, opcode, received)
          : postReceived(connection, opcode, received);
    }
    if (message instanceof QueuedMessage queued) {
      return sendQueued(connection, queued, how);
    }
    return send(connection, NioMessage.opcodeOf(message.kind()) | how, message.payload(), null);
  }

  private static SendResult sendReceived(
      NioConnection connection, int opcode, NioMessage received) {
    SendResult refusal = connection.refusal();
    Stream stream = connection.stream();
    if (refusal != SendResult.ACCEPTED || !stream.isOpen()) {
      return refusal;
    }
    int length = received.payloadLength();
    SendQueue queue = stream.queue();
    boolean accepted = true;
    if (length <= SendQueue.COPY_LIMIT || connection.loop().frames().masks()) {
      ByteBuffer bytes = received.block().bytes();
      accepted = queue.appendCopy(opcode, bytes, received.at(), length, null, false);
    } else if (received.isBorrowableBy(stream)
        && !queue.isBatching()
        && !queue.compresses(opcode, length)) {
      queue.appendBorrowed(opcode, received.block(), received.at(), length);
    } else {
      Block block = received.toBlock();
      accepted = block != null;
      if (block != null) {
        // The whole message of a block: its header is the same whoever writes it.
        queue.appendBlock(opcode, block.retain(), Block.HEADROOM, length, true, null);
      }
    }
    if (accepted) {
      connection.loop().counters().increment(LoopCounter.MESSAGES_SENT);
    }
    return connection.sent(accepted);
  }

  private static SendResult postReceived(
      NioConnection connection, int opcode, NioMessage received) {
    int length = received.payloadLength();
    SendResult refusal = connection.reserve(connection.frameLength(length));
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    Block block = received.toBlock();
    if (block != null) {
      block.retain();
    }
    return post(connection, opcode, block, Block.HEADROOM, length, null);
  }

  private static SendResult sendQueued(NioConnection connection, QueuedMessage queued, int how) {
    queued.requireValid();
    return send(
        connection,
        queued.opcode() | how,
        queued.retainBlock(),
        Block.HEADROOM,
        queued.payloadLength(),
        null);
  }

  // ---- Leases.

  static SendResult send(
      NioConnection connection, Lease lease, int how, @Nullable CompletableFuture<Void> sent) {
    if (!(lease instanceof NioLease taken)) {
      return sendForeign(connection, lease, how, sent);
    }
    taken.take();
    return send(
        connection,
        taken.opcode() | how,
        taken.block(),
        taken.payloadAt(),
        taken.payloadLength(),
        sent);
  }

  /** A lease of another engine: its bytes are copied, and it is consumed all the same. */
  private static SendResult sendForeign(
      NioConnection connection, Lease lease, int how, @Nullable CompletableFuture<Void> sent) {
    try (lease) {
      ByteBuffer bytes = lease.buffer().duplicate();
      bytes.limit(lease.offset() + lease.length()).position(lease.offset());
      return send(connection, NioMessage.opcodeOf(lease.kind()) | how, bytes, sent);
    }
  }

  /** A message in a block, whose reference is given up whatever the result. */
  private static SendResult send(
      NioConnection connection,
      int opcode,
      Block block,
      int at,
      int length,
      @Nullable CompletableFuture<Void> sent) {
    boolean direct = connection.isDirect();
    SendResult refusal =
        direct ? connection.refusal() : connection.reserve(connection.frameLength(length));
    if (refusal != SendResult.ACCEPTED) {
      block.release();
      return refusal;
    }
    if (!direct) {
      return post(connection, opcode, block, at, length, sent);
    }
    append(connection, opcode, block, at, length, sent);
    return connection.sent(true);
  }

  // ---- Bytes and text.

  static SendResult send(
      NioConnection connection,
      int opcode,
      ByteBuffer bytes,
      @Nullable CompletableFuture<Void> sent) {
    int length = requireLength(bytes.remaining());
    if (connection.isDirect()) {
      SendResult refusal = connection.refusal();
      if (refusal != SendResult.ACCEPTED) {
        return refusal;
      }
      SendQueue queue = connection.stream().queue();
      int at = bytes.position();
      return sent(connection, sent, queue.appendCopy(opcode, bytes, at, length, sent, false));
    }
    SendResult refusal = connection.reserve(connection.frameLength(length));
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    Block block = connection.loop().acquireOutside(length);
    if (block != null) {
      block.bytes().put(Block.HEADROOM, bytes, bytes.position(), length);
    }
    return post(connection, opcode, block, Block.HEADROOM, length, sent);
  }

  static SendResult send(
      NioConnection connection,
      CharSequence text,
      int how,
      @Nullable CompletableFuture<Void> sent) {
    int opcode = Opcode.TEXT | how;
    int length = requireLength(Utf8Encoder.encodedLength(text));
    if (connection.isDirect()) {
      SendResult refusal = connection.refusal();
      return refusal == SendResult.ACCEPTED
          ? sent(
              connection, sent, connection.stream().queue().appendText(opcode, text, length, sent))
          : refusal;
    }
    SendResult refusal = connection.reserve(connection.frameLength(length));
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    Block block = connection.loop().acquireOutside(length);
    if (block != null) {
      encodeReserved(connection, text, block, length);
    }
    return post(connection, opcode, block, Block.HEADROOM, length, sent);
  }

  private static void encodeReserved(
      NioConnection connection, CharSequence text, Block block, int length) {
    boolean encoded = false;
    try {
      encode(text, block, length);
      encoded = true;
    } finally {
      if (!encoded) {
        connection.unreserve(connection.frameLength(length));
      }
    }
  }

  /**
   * Encodes into a block, which is given up if that fails. The text may be one that another thread
   * changes: what was measured is not always what is encoded.
   */
  static void encode(CharSequence text, Block block, int length) {
    boolean encoded = false;
    try {
      encoded = Utf8Encoder.encode(text, block.bytes(), Block.HEADROOM) == length;
    } catch (IndexOutOfBoundsException longer) {
      // Told below, as what has become shorter.
    } finally {
      if (!encoded) {
        block.release();
      }
    }
    if (!encoded) {
      throw new IllegalStateException("the text changed while it was sent: length=" + length);
    }
  }

  /** What an append has come to: a stream that has ended takes all, and nothing leaves. */
  private static SendResult sent(
      NioConnection connection, @Nullable CompletableFuture<Void> sent, boolean appended) {
    if (appended) {
      connection.loop().counters().increment(LoopCounter.MESSAGES_SENT);
    } else if (!connection.stream().isOpen()) {
      connection.loop().failSend(sent);
      return SendResult.ACCEPTED;
    }
    return connection.sent(appended);
  }

  static int requireLength(long length) {
    if (length > MAX_PAYLOAD_LENGTH) {
      throw new IllegalArgumentException(
          "message too long to send: length=" + length + ", limit=" + MAX_PAYLOAD_LENGTH);
    }
    return (int) length;
  }

  // ---- Several leases.

  static SendResult sendAll(NioConnection connection, List<? extends Lease> leases) {
    NioLease[] taken = takeAll(leases);
    long bytes = 0;
    for (NioLease lease : taken) {
      bytes += connection.frameLength(lease.payloadLength());
    }
    boolean direct = connection.isDirect();
    SendResult refusal = direct ? connection.refusal() : connection.reserve(bytes);
    if (refusal != SendResult.ACCEPTED) {
      releaseAll(taken);
      return refusal;
    }
    if (direct) {
      appendAll(connection, taken);
      return connection.sent(true);
    }
    postAll(connection, taken, bytes);
    return SendResult.ACCEPTED;
  }

  private static NioLease[] takeAll(List<? extends Lease> leases) {
    NioLease[] taken = new NioLease[leases.size()];
    int count = 0;
    try {
      for (Lease lease : leases) {
        if (!(lease instanceof NioLease mine)) {
          throw new IllegalArgumentException(
              "a lease of another engine: class=" + lease.getClass().getName());
        }
        mine.take();
        taken[count++] = mine;
      }
      return taken;
    } catch (RuntimeException e) {
      while (count > 0) {
        taken[--count].giveBack();
      }
      throw e;
    }
  }

  /** All of them, each a reference of its own from now on. */
  static List<Kept> keepAll(List<? extends Lease> leases) {
    List<Kept> kept = new ArrayList<>();
    for (NioLease lease : takeAll(leases)) {
      kept.add(NioKept.of(lease, 0));
    }
    return kept;
  }

  private static void appendAll(NioConnection connection, NioLease[] taken) {
    for (NioLease lease : taken) {
      append(
          connection,
          lease.opcode(),
          lease.block(),
          lease.payloadAt(),
          lease.payloadLength(),
          null);
    }
  }

  private static void releaseAll(NioLease[] taken) {
    for (NioLease lease : taken) {
      lease.block().release();
    }
  }

  /** As one task, because the inbox might have room for some of them only. */
  private static void postAll(NioConnection connection, NioLease[] taken, long bytes) {
    connection
        .loop()
        .post(
            new Inbox.Task() {
              @Override
              void run() {
                appendAll(connection, taken);
                connection.unreserve(bytes);
              }

              @Override
              void drop() {
                super.drop();
                releaseAll(taken);
                connection.unreserve(bytes);
              }
            });
  }

  // ---- Posting.

  /** Posts a message whose bytes are reserved; no block says that no memory was left. */
  private static SendResult post(
      NioConnection connection,
      int opcode,
      @Nullable Block block,
      int at,
      int length,
      @Nullable CompletableFuture<Void> sent) {
    if (block != null) {
      PostedSend message = new PostedSend(connection, opcode, block, at, length, sent);
      if (connection.loop().offer(message) || connection.overflow(message)) {
        return SendResult.ACCEPTED;
      }
      block.release();
    }
    connection.unreserve(connection.frameLength(length));
    connection.oweWritable(block == null);
    return SendResult.REFUSED;
  }
}
