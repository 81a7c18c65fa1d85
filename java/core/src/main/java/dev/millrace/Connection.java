// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * One connection to a peer.
 *
 * <p>Any thread may call any method at any time, also after the connection has ended; {@link
 * #send(Message)} alone belongs to the handler. The messages of one thread keep their order. Sends
 * made on the connection's loop are gathered and leave together at the end of the loop's turn;
 * {@link #flush()} sends them at once.
 *
 * <p>A send is {@link SendResult#REFUSED} when {@link #bufferedBytes()} has reached {@link
 * Limits#highWaterMarkBytes()}, so at most one message lies beyond that mark. Counted are frames;
 * one of more than 2 KiB takes a block, a power of two, so that up to twice the mark may be taken.
 * Where sends with a policy have begun to wait, each counts with its block, of 256 bytes or more;
 * plain sends of the loop's thread behind them are refused by their own length, so that of tiny
 * ones {@code bufferedBytes()} may go beyond the mark, 128 times at most.
 *
 * <p>While more than half of the mark is buffered a server does not read from this peer: an echo is
 * never refused for the mark, however slowly its peer reads, nor is the one answer to each message
 * of a handler on an executor. On the loop one receive may bring many messages; an answer that is
 * longer than its question may be refused there. The result says so: look at it, or answer on an
 * {@linkplain HandlerExecutor executor}, or with {@linkplain SendOptions options}. A client reads
 * on, or both sides might wait for each other.
 *
 * <p>Implemented by the engines, not by applications.
 */
public interface Connection {

  /**
   * A number that no other connection of this process has had at the same time.
   *
   * @return the id
   */
  long id();

  /**
   * Sends a received message on, to its own connection or another, without copying it where both
   * belong to one loop. Only inside the handler the message was given to.
   *
   * @param message a valid message; it stays valid, so it may be sent to many
   * @return what became of it
   * @throws IllegalStateException if the message is no longer valid, or on another thread
   */
  SendResult send(Message message);

  /**
   * Sends the {@linkplain Lease#range range} of a lease without copying it. The lease is consumed
   * whatever the result.
   *
   * @param lease an open lease; the caller must not touch it or its buffer afterwards
   * @return what became of it
   * @throws IllegalStateException if the lease was sent or closed before
   */
  SendResult send(Lease lease);

  /**
   * Sends the bytes between position and limit as a binary message. They are taken before this
   * returns: the caller may reuse the buffer. Its position and limit are left as they are.
   *
   * @param binary direct or on the heap
   * @return what became of it
   * @throws IllegalArgumentException if it is longer than 256 MiB
   */
  SendResult send(ByteBuffer binary);

  /**
   * Sends a text message, encoded as UTF-8 straight into outgoing memory.
   *
   * @param text the text
   * @return what became of it
   * @throws IllegalArgumentException if the text holds a lone surrogate, with its index, or is
   *     longer than 256 MiB
   * @throws IllegalStateException if the text changes while it is sent
   */
  SendResult send(CharSequence text);

  /**
   * As {@link #send(Message)}, with options.
   *
   * @param message a valid message
   * @param options how to send it
   * @return what became of it
   */
  SendResult send(Message message, SendOptions options);

  /**
   * As {@link #send(Lease)}, with options.
   *
   * @param lease an open lease
   * @param options how to send it
   * @return what became of it
   */
  SendResult send(Lease lease, SendOptions options);

  /**
   * As {@link #send(ByteBuffer)}, with options.
   *
   * @param binary direct or on the heap
   * @param options how to send it
   * @return what became of it
   */
  SendResult send(ByteBuffer binary, SendOptions options);

  /**
   * As {@link #send(CharSequence)}, with options.
   *
   * @param text the text
   * @param options how to send it
   * @return what became of it
   */
  SendResult send(CharSequence text, SendOptions options);

  /**
   * As {@link #send(Lease)}, and tells when the kernel has the last byte.
   *
   * @param lease an open lease, consumed whatever the result
   * @return completes on the loop thread; fails with a {@link SendException} that holds the result
   *     if the message was not accepted, or with {@link SendResult#CLOSED} if the connection ended
   *     before the kernel had it all
   * @throws IllegalStateException if the lease was sent or closed before
   */
  CompletionStage<Void> sendAsync(Lease lease);

  /**
   * As {@link #send(ByteBuffer)}, and tells when the kernel has the last byte.
   *
   * @param binary direct or on the heap; its bytes are taken before this returns
   * @return as of {@link #sendAsync(Lease)}
   */
  CompletionStage<Void> sendAsync(ByteBuffer binary);

  /**
   * As {@link #send(CharSequence)}, and tells when the kernel has the last byte.
   *
   * @param text the text
   * @return as of {@link #sendAsync(Lease)}
   * @throws IllegalArgumentException if the text holds a lone surrogate, with its index
   */
  CompletionStage<Void> sendAsync(CharSequence text);

  /**
   * Sends several leases as messages of their own, in order and all or none; on the connection's
   * loop they leave in one system call where the socket takes them. All are consumed whatever the
   * result.
   *
   * @param leases open leases, each only once
   * @return what became of all of them
   * @throws IllegalStateException if one of them was sent or closed before; then none is consumed
   */
  SendResult sendAll(List<? extends Lease> leases);

  /**
   * Hands what was sent so far on this loop to the kernel now, instead of at the end of the turn.
   * On another thread it does nothing: what was sent there is already on its way to the loop.
   */
  void flush();

  /**
   * Empty memory to write a message into, which {@link #send(Lease)} sends without a copy. The
   * caller owns it and must send or close it.
   *
   * @param capacity how many bytes are needed, from 1 to 256 MiB
   * @return a lease of at least that capacity
   * @throws IllegalArgumentException if the capacity is out of range
   * @throws IllegalStateException if no memory is left for it, or the server has ended
   */
  Lease lease(int capacity);

  /**
   * Bytes of accepted messages that the kernel has not taken yet, frame headers included.
   *
   * @return the bytes, a snapshot unless called on the loop thread; 0 once the connection has ended
   */
  long bufferedBytes();

  /**
   * Whether a send would be accepted as far as this connection is concerned.
   *
   * @return true if it is open and {@link #bufferedBytes()} is below the high-water mark
   */
  boolean isWritable();

  /**
   * Stops reading from the peer, so that TCP holds it back. Messages that were received before are
   * still delivered; {@link #request} stops behind a certain one. Pausing twice is pausing once.
   */
  void pause();

  /** Reads again after {@link #pause()}; otherwise does nothing. */
  void resume();

  /**
   * Lets the peer send {@code messages} more. From the first call on the connection runs on
   * credits: when they are spent no message is delivered and the socket is not read, so that TCP
   * holds the peer back; control frames, a Close and the end of the connection wait behind what
   * waits. Credits of messages and of bytes are counted apart, and either stops reading once it has
   * been requested. What waits for credits waits for {@link #resume()} too, if the connection is
   * paused; a {@link #close()} waits for nothing, and what waits is not delivered then.
   *
   * <p>On the connection's loop it acts at once: requested in {@code onOpen} it holds from the
   * first message on, requested in {@code onMessage} it counts before reading would stop. On other
   * threads it is on its way to the loop, in order with what this thread sends. For a handler on an
   * executor a message is delivered when it is put into the handler's queue.
   *
   * @param messages how many more, added to what is left; the sum stops at {@link Long#MAX_VALUE}
   * @throws IllegalArgumentException if it is not positive
   */
  void request(long messages);

  /**
   * As {@link #request(long)}, in bytes of payload, as delivered: a compressed message takes what
   * it inflates to. A message is delivered whole while any credit is left: what it takes beyond
   * that is owed, and taken from the next request.
   *
   * @param bytes how many more, added to what is left; the sum stops at {@link
   *     Limits#maxCreditBytes()}
   * @throws IllegalArgumentException if it is not positive
   */
  void requestBytes(long bytes);

  /**
   * Gathers messages over several turns of the loop, to send them by fewer system calls. What waits
   * leaves at the end of the turn in which the batch is full by count or bytes, or reaches {@link
   * Limits#lowWaterMarkBytes()}; when its delay has passed; with a ping or pong; at {@link
   * #flush()} on the loop's thread; and before a Close. Counts in {@link #bufferedBytes()}; {@link
   * Limits#writeTimeout()} does not run for it. Another call sends what waits and begins anew.
   *
   * @param batching when to send; {@link Batching#none()} sends what waits and gathers no more
   */
  void batch(Batching batching);

  /**
   * Memory that what has come from this peer pins: the block of a message in pieces, input that
   * waits, and messages that wait for a handler on an executor. A {@link Lease} is the
   * application's and does not count. {@link LoopStatistics#inboundBytesPinned()} has all
   * connections of a loop.
   *
   * @return the bytes, a snapshot; 0 once the connection has ended
   */
  long pinnedBytes();

  /**
   * Sets the options of sends that are given none, those that begin from now on: {@link
   * #send(Message)}, {@link #send(Lease)}, {@link #send(ByteBuffer)} and {@link
   * #send(CharSequence)}. {@code sendAsync} and {@link #sendAll} always have {@link
   * SendOptions#defaults()}, as all sends have until this is called.
   *
   * @param options for instance to drop the oldest, so that a slow peer misses what it does not
   *     read in time
   */
  void defaultSendOptions(SendOptions options);

  /**
   * Messages that wait for this peer where a policy may still reach them: those sent with {@link
   * SendOptions} while it was slow, and all behind them. With {@link Limits#maxQueuedMessages()}
   * set, all that wait.
   *
   * @return how many, a snapshot
   */
  int queuedMessages();

  /**
   * Messages to this peer that a policy has given up so far: those dropped, and those that a newer
   * one with the same key replaced. {@link Handler#onDropped} tells of them.
   *
   * @return how many, a snapshot
   */
  long droppedMessages();

  /**
   * Closes in order with {@link CloseCode#NORMAL_CLOSURE} and no reason: everything sent before
   * goes out first. Returns at once; see {@link #closed()}. Does nothing if the connection is
   * closing already: the first close wins (RFC 6455 7.1.2).
   */
  void close();

  /**
   * As {@link #close()}, with a code and a reason for the peer.
   *
   * @param code a code for which {@link CloseCode#isSendable} is true
   * @param reason at most 123 bytes of UTF-8 (RFC 6455 5.5), may be empty
   * @throws IllegalArgumentException if the code may not be sent, the reason is too long, or it
   *     holds a lone surrogate
   */
  void close(int code, String reason);

  /**
   * Whether the connection takes sends: not closed, and not asked to close by either side.
   *
   * @return false from the first close on; a snapshot unless called on the loop thread
   */
  boolean isOpen();

  /**
   * Completes when the connection has ended, after {@link Handler#onClose} has returned. Never
   * fails.
   *
   * @return completes with how it ended, on the thread of {@code onClose}
   */
  CompletionStage<CloseReason> closed();

  /**
   * Ties an object of the application's to this connection, in place of the one before. Visible to
   * every thread.
   *
   * @param attachment the object, or null for none
   */
  void attach(@Nullable Object attachment);

  /**
   * The object tied by {@link #attach}.
   *
   * @return the object, or null for none
   */
  @Nullable Object attachment();

  /**
   * The object tied by {@link #attach}, which must be there and have this type.
   *
   * @param type its type
   * @param <T> its type
   * @return the object
   * @throws IllegalStateException if there is none
   * @throws ClassCastException if it has another type
   */
  default <T> T attachment(Class<T> type) {
    Object attachment = attachment();
    if (attachment == null) {
      throw new IllegalStateException("nothing is attached: expected=" + type.getName());
    }
    return type.cast(attachment);
  }

  /**
   * What is kept of the opening handshake: path, parameters, remote address.
   *
   * @return the handshake
   */
  Handshake handshake();

  /**
   * Runs a task on the loop thread of this connection, in order with this thread's other tasks and
   * sends to it. On that thread too it runs later, never within this call. It runs even if the
   * connection ends before; what it throws is logged and harms nothing else.
   *
   * @param task what to run; it must not block
   * @return false if the loop has ended, so that the task will never run
   */
  boolean execute(Runnable task);

  /**
   * As {@link #execute}, but not before a delay has passed. A task whose server ends first never
   * runs.
   *
   * @param task what to run; it must not block
   * @param delay how long to wait; zero or negative runs it as soon as possible
   * @return gives the task up if need be
   */
  ScheduledTask schedule(Runnable task, Duration delay);

  /**
   * What only a WebSocket has: ping, round-trip time, subprotocol.
   *
   * @return the controls of this connection
   */
  WebSocketControls webSocket();
}
