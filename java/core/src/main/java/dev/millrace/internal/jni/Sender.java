// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.internal.ring.PostedSend;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.Kept;
import dev.millrace.internal.spi.Utf8Encoder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The two ways out for the connections of one loop.
 *
 * <p><b>Directly</b>, on the loop's thread: a send becomes a command at once. Short payloads are
 * staged in the send area, received ones borrowed where they lie, blocks handed over.
 *
 * <p><b>Posted</b>, on every other thread: the bytes go into a block of the shared region, or stay
 * in theirs, and a record into the loop's inbox. {@link NativeConnection#isDirect} decides.
 */
final class Sender {
  static final long NO_TOKEN = 0;

  /** Compressed where that was agreed on; the other way is {@code Records.UNCOMPRESSED}. */
  static final int ANY_WAY = 0;

  /** A message that could not be sent for this length would not leave a quarter of any region. */
  static final int MAX_PAYLOAD_LENGTH = 256 << 20;

  private final NativeLoop loop;

  Sender(NativeLoop loop) {
    this.loop = loop;
  }

  // ---- Received messages.

  SendResult send(NativeConnection connection, Message message, int flags) {
    if (message instanceof NativeMessage received) {
      return sendReceived(connection, received, flags);
    }
    if (message instanceof QueuedMessage queued) {
      return sendQueued(connection, queued, flags);
    }
    int opcode = NativeMessage.opcodeOf(message.kind());
    return send(connection, opcode, message.payload(), NO_TOKEN, flags);
  }

  private SendResult sendReceived(NativeConnection connection, NativeMessage received, int flags) {
    received.requireValid();
    int length = received.payloadLength();
    if (received.loop() == loop && connection.isDirect()) {
      SendResult refusal = connection.refusal();
      if (refusal != SendResult.ACCEPTED) {
        return refusal;
      }
      long address = received.address();
      loop.outgoing()
          .send(connection, received.opcode(), Records.BORROWED | flags, address, length, NO_TOKEN);
      return SendResult.ACCEPTED;
    }
    SendResult refusal = connection.reserve(length);
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    return post(connection, received.opcode(), received.toOwnedBlock(), length, NO_TOKEN, flags);
  }

  private SendResult sendQueued(NativeConnection connection, QueuedMessage queued, int flags) {
    queued.requireValid();
    int length = queued.payloadLength();
    boolean direct = connection.isDirect();
    SendResult refusal = direct ? connection.refusal() : connection.reserve(length);
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    long block = queued.toOwnedBlock();
    if (!direct) {
      return post(connection, queued.opcode(), block, length, NO_TOKEN, flags);
    }
    if (block >= 0) {
      loop.outgoing()
          .send(connection, queued.opcode(), Records.OWNED | flags, block, length, NO_TOKEN);
    }
    return connection.orOutOfMemory(block >= 0);
  }

  // ---- Leases.

  SendResult send(NativeConnection connection, Lease lease, long token, int flags) {
    if (!(lease instanceof NativeLease taken)) {
      return sendForeign(connection, lease, token, flags);
    }
    taken.take();
    long address = taken.payloadAddress();
    int length = taken.payloadLength();
    if (!connection.isDirect()) {
      SendResult refusal = connection.reserve(length);
      if (refusal == SendResult.ACCEPTED) {
        return post(connection, taken.opcode(), address, length, token, flags);
      }
      NativeCalls.release(address);
      return refusal;
    }
    SendResult refusal = connection.refusal();
    if (refusal == SendResult.ACCEPTED) {
      loop.outgoing()
          .send(connection, taken.opcode(), Records.OWNED | flags, address, length, token);
    } else {
      NativeCalls.release(address);
    }
    return refusal;
  }

  /** A lease of another engine: its bytes are copied, and it is consumed all the same. */
  private SendResult sendForeign(NativeConnection connection, Lease lease, long token, int flags) {
    try (lease) {
      ByteBuffer bytes = lease.buffer().duplicate();
      bytes.limit(lease.offset() + lease.length()).position(lease.offset());
      return send(connection, NativeMessage.opcodeOf(lease.kind()), bytes, token, flags);
    }
  }

  // ---- Bytes and text.

  SendResult send(
      NativeConnection connection, int opcode, ByteBuffer bytes, long token, int flags) {
    int length = bytes.remaining();
    requireLength(length);
    if (connection.isDirect()) {
      SendResult refusal = connection.refusal();
      return refusal == SendResult.ACCEPTED
          ? connection.orOutOfMemory(
              loop.outgoing().sendCopy(connection, opcode, bytes, length, token, flags))
          : refusal;
    }
    SendResult refusal = connection.reserve(length);
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    long block = SharedMemory.acquire(length);
    if (block >= 0) {
      SharedMemory.region().put(Records.offset(block), bytes, bytes.position(), length);
    }
    return post(connection, opcode, block, length, token, flags);
  }

  SendResult send(NativeConnection connection, CharSequence text, long token, int flags) {
    if (connection.isDirect()) {
      SendResult refusal = connection.refusal();
      return refusal == SendResult.ACCEPTED
          ? connection.orOutOfMemory(loop.outgoing().sendText(connection, text, token, flags))
          : refusal;
    }
    int length = requireLength(Utf8Encoder.encodedLength(text));
    SendResult refusal = connection.reserve(length);
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    long block = SharedMemory.acquire(length);
    if (block >= 0) {
      encodeShared(connection, text, block, length);
    }
    return post(connection, Records.TEXT, block, length, token, flags);
  }

  /**
   * The text may be one that another thread changes: what was measured is not always what is
   * encoded.
   */
  private void encodeShared(
      NativeConnection connection, CharSequence text, long block, int length) {
    ByteBuffer place = SharedMemory.region().slice(Records.offset(block), Math.max(1, length));
    boolean encoded = false;
    try {
      place.order(ByteOrder.LITTLE_ENDIAN);
      encoded = Utf8Encoder.encode(text, place, 0) == length;
    } finally {
      if (!encoded) {
        connection.unreserve(length);
        NativeCalls.release(block);
      }
    }
    if (!encoded) {
      throw new IllegalStateException("the text changed while it was sent: length=" + length);
    }
  }

  static int requireLength(long length) {
    if (length > MAX_PAYLOAD_LENGTH) {
      throw new IllegalArgumentException(
          "message too long to send: length=" + length + ", limit=" + MAX_PAYLOAD_LENGTH);
    }
    return (int) length;
  }

  // ---- Several leases.

  SendResult sendAll(NativeConnection connection, List<? extends Lease> leases) {
    NativeLease[] taken = takeAll(leases);
    long bytes = 0;
    for (NativeLease lease : taken) {
      bytes += BufferedConnection.frameLength(lease.payloadLength());
    }
    boolean direct = connection.isDirect();
    SendResult refusal = direct ? connection.refusal() : connection.reserveBytes(bytes);
    if (refusal != SendResult.ACCEPTED) {
      releaseAll(taken);
    } else if (direct) {
      sendTaken(connection, taken);
    } else {
      postAll(connection, taken, bytes);
    }
    return refusal;
  }

  private static NativeLease[] takeAll(List<? extends Lease> leases) {
    NativeLease[] taken = new NativeLease[leases.size()];
    int count = 0;
    try {
      for (Lease lease : leases) {
        if (!(lease instanceof NativeLease mine)) {
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
    for (NativeLease lease : takeAll(leases)) {
      kept.add(NativeKept.of(lease, ANY_WAY));
    }
    return kept;
  }

  private void sendTaken(NativeConnection connection, NativeLease[] taken) {
    for (NativeLease lease : taken) {
      loop.outgoing()
          .send(
              connection,
              lease.opcode(),
              Records.OWNED,
              lease.payloadAddress(),
              lease.payloadLength(),
              NO_TOKEN);
    }
  }

  private static void releaseAll(NativeLease[] taken) {
    for (NativeLease lease : taken) {
      NativeCalls.release(lease.payloadAddress());
    }
  }

  /** As one task, because the inbox might have room for some of them only. */
  private void postAll(NativeConnection connection, NativeLease[] taken, long bytes) {
    loop.post(
        new LoopTask() {
          @Override
          public void run() {
            if (connection.hasEnded()) {
              releaseAll(taken);
              return;
            }
            // Counted as posted until here, and as staged from here on.
            connection.admitPosted();
            sendTaken(connection, taken);
            connection.unreserveBytes(bytes);
            loop.executePosted();
          }

          @Override
          void drop() {
            super.drop();
            releaseAll(taken);
          }
        });
  }

  // ---- Posting.

  /** Posts a message whose bytes are reserved; a negative block says that no memory was left. */
  private SendResult post(
      NativeConnection connection, int opcode, long block, int length, long token, int flags) {
    if (block >= 0) {
      long head = PostedSend.head(opcode, flags, connection.slot());
      long third = PostedSend.lengthAndGeneration(length, connection.generation());
      if (loop.offer(head, block, third, token) || connection.overflow(head, block, third, token)) {
        return SendResult.ACCEPTED;
      }
      NativeCalls.release(block);
    }
    connection.unreserve(length);
    connection.oweWritable(block < 0);
    return SendResult.REFUSED;
  }
}
