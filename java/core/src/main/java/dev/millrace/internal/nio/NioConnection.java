// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Batching;
import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.ScheduledTask;
import dev.millrace.SendException;
import dev.millrace.SendResult;
import dev.millrace.internal.protocol.CloseBody;
import dev.millrace.internal.protocol.Opcode;
import dev.millrace.internal.spi.AbstractConnection;
import dev.millrace.internal.spi.CloseReasons;
import dev.millrace.internal.spi.Kept;
import dev.millrace.internal.spi.KeptMemory;
import dev.millrace.internal.spi.Tally;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A connection of the Java engine, as applications see it; its socket is a {@link Stream}.
 *
 * <p>A byte that was accepted is counted as posted, while other threads have it in the inbox, or by
 * the stream. It is added there before it leaves here, and readers look here first, so nobody sees
 * too little. The loop alone, or other threads alone, exceed the mark by at most one message; where
 * both send at the same moment, by one each.
 */
final class NioConnection extends AbstractConnection {
  private static final VarHandle PHASE;
  private static final VarHandle POSTED;
  private static final VarHandle WRITABLE_OWED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      PHASE = lookup.findVarHandle(NioConnection.class, "phase", int.class);
      POSTED = lookup.findVarHandle(NioConnection.class, "posted", long.class);
      WRITABLE_OWED = lookup.findVarHandle(NioConnection.class, "writableOwed", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int OPEN = 0;
  private static final int BROKEN = 1; // takes no sends, but messages still come
  private static final int CLOSING = 2;
  private static final int ENDED = 3;

  private final NioLoop loop;
  private final Stream stream;
  private final long id;

  // Null where the handler runs on the loop.
  private final @Nullable NioHandlerQueue queue;

  private volatile int phase = OPEN;

  // Bits of BY_...; loop thread only.
  private int pauses;
  private volatile long posted;

  // The mark was reached or a send refused: onWritable is owed.
  private volatile boolean writableOwed;

  // A thread outside the loop was refused for want of memory: it may go on when that is over.
  private volatile boolean awaitsMemory;

  // How the closing handshake began; null while open.
  private volatile @Nullable CloseReason beginning;
  private volatile @Nullable RoundTrip roundTrip;

  NioConnection(Stream stream, Handler handler, Handshake handshake, @Nullable Executor executor) {
    super(handler, handshake);
    this.stream = stream;
    loop = stream.loop();
    id = loop.nextConnectionId();
    queue = executor == null ? null : new NioHandlerQueue(this, executor);
  }

  NioLoop loop() {
    return loop;
  }

  @Override
  protected @Nullable NioHandlerQueue queue() {
    return queue;
  }

  Stream stream() {
    return stream;
  }

  @Override
  protected Tally tally() {
    return loop.tally();
  }

  @Override
  public long id() {
    return id;
  }

  /**
   * Whether a send goes to the stream at once: on the loop's thread. A handler on an executor may
   * run there too; what it has sent on another thread and lies in the inbox still must not be
   * overtaken.
   */
  boolean isDirect() {
    return loop.isCurrent() && (queue == null || posted == 0);
  }

  // ---- Sending.

  private static int how(boolean compress) {
    return compress ? 0 : SendQueue.UNCOMPRESSED;
  }

  @Override
  protected SendResult sendNow(Message message, boolean compress) {
    return Sender.send(this, message, how(compress));
  }

  @Override
  protected SendResult sendNow(Lease lease, boolean compress) {
    return Sender.send(this, lease, how(compress), null);
  }

  @Override
  protected SendResult sendNow(ByteBuffer binary, boolean compress) {
    return Sender.send(this, Opcode.BINARY | how(compress), binary, null);
  }

  @Override
  protected SendResult sendNow(CharSequence text, boolean compress) {
    return Sender.send(this, text, how(compress), null);
  }

  @Override
  protected SendResult sendAllNow(List<? extends Lease> leases) {
    return Sender.sendAll(this, leases);
  }

  @Override
  protected CompletionStage<Void> sendAsyncNow(Lease lease) {
    return sendAsync(sent -> Sender.send(this, lease, 0, sent));
  }

  @Override
  protected CompletionStage<Void> sendAsyncNow(ByteBuffer binary) {
    return sendAsync(sent -> Sender.send(this, Opcode.BINARY, binary, sent));
  }

  @Override
  protected CompletionStage<Void> sendAsyncNow(CharSequence text) {
    return sendAsync(sent -> Sender.send(this, text, 0, sent));
  }

  // ---- Keeping what must wait.

  @Override
  protected @Nullable Kept keep(Message message, boolean compress) {
    return NioKept.of(loop, message, how(compress));
  }

  @Override
  protected @Nullable Kept keep(Lease lease, boolean compress) {
    return NioKept.of(loop, lease, how(compress));
  }

  @Override
  protected @Nullable Kept keep(ByteBuffer binary, boolean compress) {
    return NioKept.of(loop, Opcode.BINARY | how(compress), binary);
  }

  @Override
  protected @Nullable Kept keep(CharSequence text, boolean compress) {
    return NioKept.of(loop, text, how(compress));
  }

  @Override
  protected List<Kept> keepAll(List<? extends Lease> leases) {
    return Sender.keepAll(leases);
  }

  @Override
  public SendResult handOver(Kept kept, @Nullable CompletableFuture<Void> sent, boolean always) {
    SendResult refusal = always ? SendResult.ACCEPTED : refusal();
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    ((NioKept) kept).send(this, sent);
    return always ? SendResult.ACCEPTED : sent(true);
  }

  @Override
  public void releaseBatch() {
    stream.queue().releaseBatch();
  }

  @Override
  public Limits limits() {
    return loop.limits();
  }

  @Override
  public KeptMemory keptMemory() {
    return loop.keptMemory();
  }

  @Override
  public boolean stopsReads() {
    return !loop.isClient();
  }

  @Override
  public boolean isOnLoop() {
    return loop.isCurrent();
  }

  @Override
  protected void runOnLoop(Runnable task) {
    loop.run(task);
  }

  @Override
  public void postToLoop(Runnable task) {
    loop.post(task);
  }

  @Override
  public boolean hasPosted() {
    return posted > 0;
  }

  // ---- Sending with a completion.

  private CompletionStage<Void> sendAsync(Function<CompletableFuture<Void>, SendResult> send) {
    CompletableFuture<Void> sent = new CompletableFuture<>();
    SendResult result = send.apply(sent);
    if (result != SendResult.ACCEPTED) {
      counted(result);
      sent.completeExceptionally(new SendException(result));
    }
    return sent.minimalCompletionStage();
  }

  /** The inbox is full: whether the message is taken all the same. */
  boolean overflow(PostedSend message) {
    return queue != null && queue.overflow(message);
  }

  // ---- What may be sent.

  /** Loop thread: whether a send may go on. */
  SendResult refusal() {
    // A stream may close, or end, before that is told: whoever sends while it is accepted would
    // never stop, because nothing is queued any more.
    if (!isOpen() || !stream.isOpen()) {
      return SendResult.CLOSED;
    }
    if (posted + stream.buffered() < loop.limits().highWaterMarkBytes()) {
      return SendResult.ACCEPTED;
    }
    oweWritable(false);
    return SendResult.REFUSED;
  }

  /** Loop thread: what a send that was admitted has become. */
  SendResult sent(boolean accepted) {
    if (!accepted) {
      oweWritable(true);
      return SendResult.REFUSED;
    }
    if (posted + stream.buffered() >= loop.limits().highWaterMarkBytes()) {
      oweWritable(false);
    }
    return SendResult.ACCEPTED;
  }

  /** Other threads: whether a send may go on; its bytes are counted then. */
  SendResult reserve(long bytes) {
    if (!isOpen()) {
      return SendResult.CLOSED;
    }
    long mark = loop.limits().highWaterMarkBytes();
    long before = (long) POSTED.getAndAdd(this, bytes) + stream.buffered();
    boolean accepted = before < mark;
    if (!accepted) {
      unreserve(bytes);
    }
    if (before + bytes >= mark) {
      oweWritable(false);
    }
    return accepted ? SendResult.ACCEPTED : SendResult.REFUSED;
  }

  /** Gives back what {@link #reserve} has counted. */
  void unreserve(long bytes) {
    POSTED.getAndAdd(this, -bytes);
  }

  /** A send was refused, or the mark is reached: the loop looks when that is over. */
  @Override
  public void oweWritable(boolean outOfMemory) {
    if (outOfMemory && !loop.isCurrent()) {
      awaitsMemory = true;
    }
    if (WRITABLE_OWED.compareAndSet(this, false, true)) {
      loop.awaitWritable(this, outOfMemory);
    }
  }

  /** What a payload takes with its header. */
  long frameLength(int length) {
    return (long) loop.frames().headerLength(length) + length;
  }

  @Override
  public long engineBytes() {
    return hasEnded() ? 0 : posted + stream.buffered();
  }

  @Override
  public boolean isWritable() {
    return isOpen() && isBelowMarks();
  }

  // ---- Flow.

  @Override
  public void flush() {
    if (loop.isCurrent()) {
      stream.queue().releaseBatch();
      loop.flush();
    }
  }

  @Override
  public void batch(Batching batching) {
    Objects.requireNonNull(batching, "batching");
    loop.run(() -> stream.queue().batch(batching));
  }

  @Override
  public Lease lease(int capacity) {
    if (capacity < 1 || capacity > Sender.MAX_PAYLOAD_LENGTH) {
      throw new IllegalArgumentException(
          "lease capacity out of range: capacity="
              + capacity
              + ", limits=1.."
              + Sender.MAX_PAYLOAD_LENGTH);
    }
    return loop.lease(capacity);
  }

  @Override
  public void request(long messages) {
    requirePositive("messages", messages);
    loop.run(() -> stream.request(messages, 0));
  }

  @Override
  public void requestBytes(long bytes) {
    requirePositive("bytes", bytes);
    loop.run(() -> stream.request(0, bytes));
  }

  @Override
  public long pinnedBytes() {
    if (hasEnded()) {
      return 0;
    }
    return stream.intake().pinnedBytes() + (queue == null ? 0 : queue.pinnedBytes());
  }

  @Override
  protected void pauseReads(int by) {
    if (by == BY_APPLICATION && (pauses & by) == 0 && !hasEnded()) {
      tally().add(Tally.Count.PAUSES);
    }
    pauses |= by;
    stream.pauseReads();
  }

  /**
   * Loop thread: whether the queue of the handler or the backlog has stopped reads. The application
   * stops what comes from the socket; what has come it is told.
   */
  boolean stopsDelivery() {
    return (pauses & (BY_QUEUE | BY_BACKLOG)) != 0;
  }

  @Override
  protected void resumeReads(int by) {
    pauses &= ~by;
    if (pauses == 0) {
      stream.resumeReads();
    }
  }

  // ---- Closing.

  @Override
  protected void beginClose(int code, String reason) {
    if (PHASE.compareAndSet(this, OPEN, CLOSING) || PHASE.compareAndSet(this, BROKEN, CLOSING)) {
      if (queue != null) {
        queue.refuseMessages();
      }
      // The peer may have begun: its Close waits in the queue then, or is just being told.
      if (beginning == null) {
        beginning = new CloseReason(code, reason, CloseReason.Initiator.LOCAL, null);
      }
      postClose(code, reason);
    }
  }

  /**
   * By way of the inbox on the loop's thread too: what other threads have sent before, and were
   * told is accepted, goes out first.
   */
  private void postClose(int code, String reason) {
    loop.post(
        new Inbox.Task() {
          @Override
          void run() {
            closeBacklog();
            stream.close(code, reason);
            if (queue != null) {
              queue.proceed();
            }
          }
        });
  }

  @Override
  public boolean isOpen() {
    return phase == OPEN;
  }

  @Override
  protected boolean hasEnded() {
    return phase == ENDED;
  }

  @Override
  public boolean execute(Runnable task) {
    Objects.requireNonNull(task, "task");
    return loop.execute(task);
  }

  @Override
  public ScheduledTask schedule(Runnable task, Duration delay) {
    Objects.requireNonNull(task, "task");
    return loop.schedule().add(task, delay);
  }

  @Override
  public SendResult ping() {
    long now = System.nanoTime();
    ByteBuffer payload = ByteBuffer.allocate(RoundTrip.PAYLOAD_LENGTH).putLong(0, now);
    measured().sent(now);
    SendResult result = counted(Sender.send(this, Opcode.PING, payload, null));
    if (result == SendResult.ACCEPTED) {
      loop.run(stream::awaitPong);
    }
    return result;
  }

  private RoundTrip measured() {
    RoundTrip current = roundTrip;
    if (current == null) {
      synchronized (this) {
        current = roundTrip;
        if (current == null) {
          current = new RoundTrip();
          roundTrip = current;
        }
      }
    }
    return current;
  }

  @Override
  public Optional<Duration> roundTripTime() {
    RoundTrip current = roundTrip;
    return current == null || current.nanos() == RoundTrip.UNKNOWN
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(current.nanos()));
  }

  // ---- What the loop has heard of this connection. Loop thread only.

  /** After a close, ours or the peer's, messages have no one to answer: they are not delivered. */
  void onMessage(NioMessage message) {
    if (phase > BROKEN) {
      return;
    }
    boolean measured = loop.meter().samples();
    if (queue != null) {
      queue.message(message, measured);
    } else if (measured) {
      deliverMessage(message, loop.meter());
    } else {
      deliverMessage(message);
    }
  }

  /** The engine has sent a ping of its own with this time. */
  void onPing(long now) {
    measured().sent(now);
  }

  void onPong(long payload, long now) {
    RoundTrip current = roundTrip;
    if (current != null && current.received(payload, now)) {
      loop.meter().roundTrip(current.nanos());
    }
  }

  /** Outgoing bytes have fallen to the low mark; users hear of it after the high one. */
  void onDrained() {
    if (queue != null) {
      queue.proceed();
    }
    if (isMemoryAwaited()) {
      drainBacklog(false); // what has fallen is not what was refused: that is looked for
      loop.awaitWritable(this, true);
    } else if (drainBacklog(takeWritableOwed())) {
      tellWritable();
    }
  }

  private boolean takeWritableOwed() {
    boolean owed = writableOwed;
    writableOwed = false;
    return owed;
  }

  /** Whether a send of another thread would be refused again. */
  private boolean isMemoryAwaited() {
    boolean awaited = awaitsMemory && loop.isScarce();
    awaitsMemory = awaited;
    return awaited;
  }

  /**
   * Once everything sent has met its socket: tells the fall, or answers true when it must be looked
   * for again.
   */
  boolean isStillUnwritable() {
    if (queue != null) {
      queue.lookedFor();
    }
    boolean awaited = writableOwed || queue != null && queue.isWaiting();
    if (!awaited || phase != OPEN) {
      return false;
    }
    long lowWaterMark = loop.limits().lowWaterMarkBytes();
    if (promisedBytes() <= lowWaterMark) {
      onDrained();
      return false;
    }
    if (engineBytes() <= lowWaterMark) {
      if (isMemoryAwaited()) {
        drainBacklog(false);
        return true;
      }
      // The backlog sees to it; the queue of an executor waits until that has fallen too.
      if (drainBacklog(takeWritableOwed())) {
        tellWritable();
      }
      return queue != null && queue.isWaiting();
    }
    return !stream.isAboveLowMark();
  }

  /**
   * The peer has sent FIN and may read on: what waits goes to the stream, behind what other threads
   * have posted.
   *
   * @return whether anything waits; the stream must not end before it has heard of it
   */
  boolean finishesLater() {
    if (!hasBacklog()) {
      return false;
    }
    loop.post(
        new Inbox.Task() {
          @Override
          void run() {
            closeBacklog();
            stream.finish();
          }
        });
    return true;
  }

  /** Nothing can be sent any more, and what has come is still being read. */
  void onBroken() {
    PHASE.compareAndSet(this, OPEN, BROKEN);
  }

  /** The peer has sent Close, with this code or with 0 for none, or has broken a rule. */
  void onClosing(int code, int protocolError, String peerReason) {
    beginning = CloseReasons.begun(code, protocolError, peerReason);
    // A code that may not be sent, where that is let pass, is answered without one.
    int answer = CloseBody.isSendable(code) ? code : 0;
    answerInTurn(answer);
  }

  void onClosed() {
    end(CloseReasons.ended(beginning, stream.seen()));
  }

  /** It was accepted, and there is no room for it any more: it has never been open. */
  void onRefused() {
    phase = ENDED;
    deliverClose(
        new CloseReason(
            CloseCode.ABNORMAL_CLOSURE, "the server is full", CloseReason.Initiator.LOCAL, null));
  }

  /** The loop ends, and every connection with it. */
  void onLoopEnd(CloseReason reason) {
    if (queue != null) {
      queue.refuseMessages();
    }
    // Who closes first tells why, and the shutdown has told everybody.
    CloseReason begun = beginning;
    end(begun == null ? reason : begun);
  }

  private void end(CloseReason reason) {
    phase = ENDED;
    loop.meter().closed(reason.code());
    endBacklog();
    tellEnd(reason);
  }

  // ---- What the queue has come to. On the executor.

  void handleMessage(QueuedMessage message) {
    deliverMessage(message, loop.meter(), message.queuedAt());
  }

  @Override
  protected void answerClose(int code) {
    if (PHASE.compareAndSet(this, OPEN, CLOSING)) {
      postClose(code, "");
    }
  }
}
