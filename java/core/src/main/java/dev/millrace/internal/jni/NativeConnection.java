// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Batching;
import dev.millrace.CloseReason;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.ScheduledTask;
import dev.millrace.SendException;
import dev.millrace.SendResult;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.CloseReasons;
import dev.millrace.internal.spi.Kept;
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
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * A connection of a native loop: one slot and generation of the core.
 *
 * <p><b>Calls.</b> What the loop hears of it reaches the handler on the loop's thread at once, or
 * by way of a {@link NativeHandlerQueue} where the route has an executor. Sends go out through the
 * loop's {@link Sender}.
 */
final class NativeConnection extends BufferedConnection {
  private static final VarHandle PHASE;
  private static final VarHandle COMPLETIONS;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      PHASE = lookup.findVarHandle(NativeConnection.class, "phase", byte.class);
      COMPLETIONS = lookup.findVarHandle(NativeConnection.class, "completions", Completions.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final byte OPEN = 0;
  private static final byte CLOSING = 1;
  private static final byte ENDED = 2;

  /** Beside them: its messages may be gathered over several turns. A field more would cost 8. */
  private static final int BATCHES = 64;

  /** The core tells of the peer's FIN, because more may have to be sent than it has. */
  private static final int HOLDS = 32;

  private static final ByteBuffer EMPTY = ByteBuffer.allocate(0);

  // Null where the handler runs on the loop.
  private final @Nullable NativeHandlerQueue queue;

  private volatile byte phase = OPEN;
  // Bits of BY_..., BATCHES and HOLDS; loop thread only.
  private byte pauses;

  // How the closing handshake began, as far as Java knows; null while open.
  private volatile @Nullable CloseReason beginning;
  private volatile @Nullable Completions completions;

  NativeConnection(
      NativeLoop loop,
      int slot,
      int generation,
      Handler handler,
      Handshake handshake,
      @Nullable Executor executor) {
    super(loop, slot, generation, handler, handshake);
    queue = executor == null ? null : new NativeHandlerQueue(this, executor);
  }

  @Override
  protected @Nullable NativeHandlerQueue queue() {
    return queue;
  }

  /** Memory that waits for a handler on an executor, what it is handling included. Any thread. */
  long queuedBytes() {
    return queue == null ? 0 : queue.pinnedBytes();
  }

  /**
   * Whether a send becomes a command at once: on the loop's thread. A handler on an executor may
   * run there too; what it has sent on another thread and lies in the inbox still must not be
   * overtaken.
   */
  boolean isDirect() {
    return loop.isCurrent() && (queue == null || !hasPosted());
  }

  // ---- Sending.

  private static int flags(boolean compress) {
    return compress ? Sender.ANY_WAY : Records.UNCOMPRESSED;
  }

  @Override
  protected SendResult sendNow(Message message, boolean compress) {
    return loop.sender().send(this, message, flags(compress));
  }

  @Override
  protected SendResult sendNow(Lease lease, boolean compress) {
    return loop.sender().send(this, lease, Sender.NO_TOKEN, flags(compress));
  }

  @Override
  protected SendResult sendNow(ByteBuffer binary, boolean compress) {
    return loop.sender().send(this, Records.BINARY, binary, Sender.NO_TOKEN, flags(compress));
  }

  @Override
  protected SendResult sendNow(CharSequence text, boolean compress) {
    return loop.sender().send(this, text, Sender.NO_TOKEN, flags(compress));
  }

  @Override
  protected SendResult sendAllNow(List<? extends Lease> leases) {
    return loop.sender().sendAll(this, leases);
  }

  // ---- Keeping what must wait.

  @Override
  protected @Nullable Kept keep(Message message, boolean compress) {
    return NativeKept.of(loop, message, flags(compress));
  }

  @Override
  protected @Nullable Kept keep(Lease lease, boolean compress) {
    return NativeKept.of(loop, lease, flags(compress));
  }

  @Override
  protected @Nullable Kept keep(ByteBuffer binary, boolean compress) {
    return NativeKept.of(loop, Records.BINARY, binary, flags(compress));
  }

  @Override
  protected @Nullable Kept keep(CharSequence text, boolean compress) {
    return NativeKept.of(loop, text, flags(compress));
  }

  @Override
  protected List<Kept> keepAll(List<? extends Lease> leases) {
    return Sender.keepAll(leases);
  }

  @Override
  public SendResult handOver(Kept kept, @Nullable CompletableFuture<Void> sent, boolean always) {
    // Also where the message is refused: what waits for room must not be lost to a FIN either.
    if ((pauses & HOLDS) == 0 && !always && isOpen()) {
      pauses |= HOLDS;
      loop.outgoing().hold(this);
    }
    SendResult refusal = always ? SendResult.ACCEPTED : refusal();
    if (refusal != SendResult.ACCEPTED) {
      return refusal;
    }
    long token = Sender.NO_TOKEN;
    if (sent != null) {
      token = loop.nextToken(slot());
      completions().add(token, sent);
    }
    if (always) {
      admitPosted();
    }
    ((NativeKept) kept).send(this, token);
    return SendResult.ACCEPTED;
  }

  @Override
  public void releaseBatch() {
    if ((pauses & BATCHES) != 0 && phase != ENDED) {
      loop.outgoing().flushBatch(this);
    }
  }

  /** The inbox is full: whether the message is taken all the same. */
  boolean overflow(long head, long block, long lengthAndGeneration, long token) {
    return queue != null && queue.overflow(head, block, lengthAndGeneration, token);
  }

  // ---- Sending with a completion.

  @Override
  protected CompletionStage<Void> sendAsyncNow(Lease lease) {
    return sendAsync(token -> loop.sender().send(this, lease, token, Sender.ANY_WAY));
  }

  @Override
  protected CompletionStage<Void> sendAsyncNow(ByteBuffer binary) {
    return sendAsync(
        token -> loop.sender().send(this, Records.BINARY, binary, token, Sender.ANY_WAY));
  }

  @Override
  protected CompletionStage<Void> sendAsyncNow(CharSequence text) {
    return sendAsync(token -> loop.sender().send(this, text, token, Sender.ANY_WAY));
  }

  private CompletionStage<Void> sendAsync(LongFunction<SendResult> send) {
    CompletableFuture<Void> future = new CompletableFuture<>();
    Completions waiting = completions();
    long token = loop.nextToken(slot());
    // Kept before it is sent: the event may come before the send has returned.
    waiting.add(token, future);
    SendResult result;
    try {
      result = send.apply(token);
    } catch (Throwable t) {
      waiting.remove(token);
      throw t;
    }
    if (result != SendResult.ACCEPTED) {
      waiting.remove(token);
      counted(result);
      future.completeExceptionally(new SendException(result));
    }
    return future.minimalCompletionStage();
  }

  private Completions completions() {
    Completions current = completions;
    if (current == null) {
      Completions fresh = new Completions();
      Completions before = (Completions) COMPLETIONS.compareAndExchange(this, null, fresh);
      current = before == null ? fresh : before;
    }
    // Made after the end has looked for them: nobody else will end them.
    if (phase == ENDED) {
      current.end();
    }
    return current;
  }

  // ---- Flow.

  @Override
  public void flush() {
    if (loop.isCurrent()) {
      releaseBatch();
      loop.outgoing().flush();
    }
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
  protected void pauseReads(int by) {
    if (!isPaused() && phase != ENDED) {
      loop.outgoing().pauseReads(this);
    }
    if (by == BY_APPLICATION && (pauses & by) == 0 && phase != ENDED) {
      tally().add(Tally.Count.PAUSES);
    }
    pauses |= (byte) by;
  }

  @Override
  protected void resumeReads(int by) {
    boolean paused = isPaused();
    pauses &= (byte) ~by;
    if (paused && !isPaused() && phase != ENDED) {
      loop.outgoing().resumeReads(this);
    }
  }

  private boolean isPaused() {
    return (pauses & (BY_APPLICATION | BY_QUEUE | BY_BACKLOG)) != 0;
  }

  @Override
  public void request(long messages) {
    requirePositive("messages", messages);
    giveCredit(messages, 0);
  }

  @Override
  public void requestBytes(long bytes) {
    requirePositive("bytes", bytes);
    giveCredit(0, bytes);
  }

  /** One call more for each message, perhaps: on the loop's thread it makes no task. */
  private void giveCredit(long messages, long bytes) {
    if (loop.isCurrent()) {
      addCredit(messages, bytes);
    } else {
      loop.run(() -> addCredit(messages, bytes));
    }
  }

  private void addCredit(long messages, long bytes) {
    if (phase != ENDED) {
      loop.outgoing().credit(this, messages, bytes);
    }
  }

  @Override
  public void batch(Batching batching) {
    Objects.requireNonNull(batching, "batching");
    loop.run(
        () -> {
          if (phase != ENDED) {
            boolean batches = batching.maxMessages() > 1;
            pauses = (byte) (batches ? pauses | BATCHES : pauses & ~BATCHES);
            loop.outgoing().batch(this, batching);
          }
        });
  }

  @Override
  public long pinnedBytes() {
    // The slot may be another connection's by now; then this one has ended, or is about to.
    return hasEnded() ? 0 : loop.pinnedBytes(slot()) + queuedBytes();
  }

  @Override
  protected void beginClose(int code, String reason) {
    if (PHASE.compareAndSet(this, OPEN, CLOSING)) {
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
   * told is accepted, goes out first. It is executed in the same call of the core all the same.
   */
  private void postClose(int code, String reason) {
    loop.post(
        new LoopTask() {
          @Override
          public void run() {
            if (phase != ENDED) {
              closeBacklog();
              loop.outgoing().close(NativeConnection.this, code, reason);
            }
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
    return loop.schedule(task, delay);
  }

  /** What it carries is for the core to say, which measures. */
  @Override
  public SendResult ping() {
    return counted(loop.sender().send(this, Records.PING, EMPTY, Sender.NO_TOKEN, Sender.ANY_WAY));
  }

  @Override
  public Optional<Duration> roundTripTime() {
    long nanos = loop.roundTripNanos(slot());
    // The slot may be another connection's by now; then this one has ended, or is about to.
    return nanos == 0 || hasEnded() ? Optional.empty() : Optional.of(Duration.ofNanos(nanos));
  }

  // ---- What the loop has heard of this connection. Loop thread only.

  /** After a close, ours or the peer's, messages have no one to answer: they are not delivered. */
  void onMessage(NativeMessage message) {
    if (phase != OPEN) {
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

  void onSent(long token, boolean failed) {
    Completions waiting = completions;
    CompletableFuture<Void> future = waiting == null ? null : waiting.remove(token);
    if (future == null) {
      return;
    }
    if (failed) {
      future.completeExceptionally(new SendException(SendResult.CLOSED));
    } else {
      future.complete(null);
    }
  }

  /**
   * The core tells of every fall to the low mark; users hear of it after the high one or a refusal.
   */
  void onDrained() {
    if (queue != null) {
      queue.proceed();
    }
    if (drainBacklog(takeWritableOwed())) {
      tellWritable();
    }
  }

  @Override
  boolean isStillUnwritable() {
    if (queue != null) {
      queue.lookedFor();
    }
    boolean awaited = isWritableOwed() || queue != null && queue.isWaiting();
    if (!awaited || phase != OPEN) {
      return false;
    }
    if (promisedBytes() <= loop.lowWaterMark()) {
      onDrained();
      return false;
    }
    if (engineBytes() <= loop.lowWaterMark()) {
      // The backlog sees to it; the queue of an executor waits until that has fallen too.
      if (drainBacklog(takeWritableOwed())) {
        tellWritable();
      }
      return queue != null && queue.isWaiting();
    }
    return !isFallTold();
  }

  /**
   * The peer has sent FIN and may read on: what waits goes to the core, behind what other threads
   * have posted.
   */
  void onFinished() {
    loop.post(
        new LoopTask() {
          @Override
          public void run() {
            if (phase != ENDED) {
              closeBacklog();
              loop.outgoing().finish(NativeConnection.this);
            }
          }
        });
  }

  /** The peer has sent Close or broken a rule; {@code answer} is the code to answer with. */
  void onClosing(int answer, int protocolError, String peerReason) {
    beginning = CloseReasons.begun(answer, protocolError, peerReason);
    answerInTurn(answer);
  }

  void onClosed(CloseReasons.End seen) {
    end(CloseReasons.ended(beginning, seen));
  }

  /** The loop ends, and every connection with it. */
  void onLoopEnd(CloseReason reason) {
    if (queue != null) {
      queue.refuseMessages();
    }
    // Who closes first tells why, and the server's shutdown has told everybody.
    CloseReason begun = beginning;
    end(begun == null ? reason : begun);
  }

  private void end(CloseReason reason) {
    phase = ENDED;
    loop.meter().closed(reason.code());
    endBacklog();
    Completions waiting = completions;
    if (waiting != null) {
      waiting.end();
    }
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
