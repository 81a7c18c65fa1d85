// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.SendException;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import dev.millrace.WebSocketControls;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * The half of a connection that is the same in every engine: handler calls, what happens when they
 * throw, the one {@code onClose}, attachment, handshake and {@link #closed()}. It is also its own
 * {@link WebSocketControls}, which saves an object for each connection.
 *
 * <p>Every {@code deliver} method is called on the loop thread, or one after the other by a {@link
 * HandlerQueue}, and never throws.
 *
 * <pre>
 *   NEW --deliverOpen--> OPEN --a handler throws--> FAILED
 *    |                    |                           |
 *    +------------------- + -------deliverClose-------+--> ENDED
 * </pre>
 *
 * <p>Only OPEN delivers messages; {@code onClose} follows from OPEN and FAILED, not from NEW.
 */
public abstract class AbstractConnection implements Connection, WebSocketControls, Outlet {

  /** The longest close reason in bytes of UTF-8: a control frame less the code (RFC 6455 5.5). */
  public static final int MAX_REASON_BYTES = 123;

  private static final VarHandle OUTCOME;
  private static final VarHandle BACKLOG;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      OUTCOME = lookup.findVarHandle(AbstractConnection.class, "outcome", Object.class);
      BACKLOG = lookup.findVarHandle(AbstractConnection.class, "backlog", Backlog.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  // Bytes, because an idle connection has a budget of them: they fit behind the object's header.
  private static final byte NEW = 0;
  private static final byte OPEN = 1;
  private static final byte FAILED = 2;
  private static final byte ENDED = 3;

  private final Handler handler;
  private final Handshake handshake;
  private byte state = NEW;
  private @Nullable Throwable failure;
  private volatile @Nullable Object attachment;

  // Null until somebody asks or the connection ends; then the future that was asked for, or the
  // reason. An idle connection that nobody watches has no future.
  private volatile @Nullable Object outcome;

  // Null until a message has to wait where a policy can reach it.
  private volatile @Nullable Backlog backlog;

  /**
   * A connection whose handshake was accepted.
   *
   * @param handler what serves it
   * @param handshake what is kept of its request
   */
  protected AbstractConnection(Handler handler, Handshake handshake) {
    this.handler = Objects.requireNonNull(handler, "handler");
    this.handshake = Objects.requireNonNull(handshake, "handshake");
  }

  /**
   * Begins to close, unless that has begun: a Close frame behind everything sent before. Any
   * thread; must not throw.
   *
   * @param code a code that may be sent
   * @param reason at most {@value #MAX_REASON_BYTES} bytes of UTF-8, well formed
   */
  protected abstract void beginClose(int code, String reason);

  /** Calls {@code onOpen}. Once, before every other delivery. */
  protected final void deliverOpen() {
    state = OPEN;
    Flight.opened(this);
    if (Backlog.countsAll(limits())) {
      backlog();
    }
    try {
      handler.onOpen(this);
    } catch (Throwable t) {
      fail("onOpen", t);
    }
  }

  /**
   * Calls {@code onMessage}, unless a handler of this connection has thrown before.
   *
   * @param message valid until this returns
   */
  protected final void deliverMessage(Message message) {
    if (state != OPEN) {
      return;
    }
    try {
      handler.onMessage(this, message);
    } catch (Throwable t) {
      fail("onMessage", t);
    }
  }

  /**
   * As {@link #deliverMessage(Message)}, and measures how long it waited and takes. Loop thread.
   *
   * @param message valid until this returns
   * @param meter the loop's
   */
  protected final void deliverMessage(Message message, LoopMeter meter) {
    long began = meter.handlerBegins();
    deliverMessage(message);
    meter.handlerEnds(began);
  }

  /**
   * As above, for a message from the queue of the handler. On its thread.
   *
   * @param message valid until this returns
   * @param meter the loop's
   * @param queuedAt of {@link HandlerQueue.MessageCall}
   */
  protected final void deliverMessage(Message message, LoopMeter meter, int queuedAt) {
    if (queuedAt == LoopMeter.NOT_MEASURED) {
      deliverMessage(message);
      return;
    }
    long began = meter.queuedHandlerBegins(queuedAt);
    deliverMessage(message);
    meter.handlerEnds(began);
  }

  /** Calls {@code onWritable}, unless a handler of this connection has thrown before. */
  protected final void deliverWritable() {
    if (state != OPEN) {
      return;
    }
    try {
      handler.onWritable(this);
    } catch (Throwable t) {
      fail("onWritable", t);
    }
  }

  /**
   * The executor of the handler takes no call: closes with 1013. Nothing more is delivered but
   * {@code onClose}, which is told the cause.
   *
   * @param cause what the executor threw
   */
  protected final void deliverRejection(Throwable cause) {
    if (state == OPEN) {
      state = FAILED;
    }
    if (failure == null) {
      failure = cause;
    }
    beginClose(CloseCode.TRY_AGAIN_LATER, "");
  }

  /**
   * Calls {@code onClose} if {@code onOpen} was called, and completes {@link #closed()}. Only the
   * first call counts. {@link #isOpen()} must be false by now. What the connection was counted as
   * is given back first.
   *
   * @param told how the connection ended, as the engine knows it
   */
  protected final void deliverClose(CloseReason told) {
    if (state == ENDED) {
      return;
    }
    CloseReason reason = withFailure(told);
    boolean opened = state != NEW;
    state = ENDED;
    if (handshake instanceof Admission place) {
      place.release();
    }
    if (opened) {
      Flight.closed(this, reason);
      try {
        handler.onClose(this, reason);
      } catch (Throwable t) {
        report("onClose", t);
      }
    }
    if (OUTCOME.getAndSet(this, reason) instanceof Watch watch) {
      watch.complete(reason);
    }
  }

  // ---- Sending.

  /** Counts what happens to its sends. */
  protected abstract Tally tally();

  /** Sends, as {@link #send(Message)}; {@code compress} says whether it may be compressed. */
  protected abstract SendResult sendNow(Message message, boolean compress);

  /** As {@link #sendNow(Message, boolean)}. */
  protected abstract SendResult sendNow(Lease lease, boolean compress);

  /** As {@link #sendNow(Message, boolean)}. */
  protected abstract SendResult sendNow(ByteBuffer binary, boolean compress);

  /** As {@link #sendNow(Message, boolean)}. */
  protected abstract SendResult sendNow(CharSequence text, boolean compress);

  /** As {@link #sendAll}. */
  protected abstract SendResult sendAllNow(List<? extends Lease> leases);

  /** As {@link #sendAsync(Lease)}; counts a refusal itself. */
  protected abstract CompletionStage<Void> sendAsyncNow(Lease lease);

  /** As {@link #sendAsyncNow(Lease)}. */
  protected abstract CompletionStage<Void> sendAsyncNow(ByteBuffer binary);

  /** As {@link #sendAsyncNow(Lease)}. */
  protected abstract CompletionStage<Void> sendAsyncNow(CharSequence text);

  /**
   * Keeps a message that waits; the memory is the connection's loop's, or the message's own.
   *
   * @return null if no memory was left
   */
  protected abstract @Nullable Kept keep(Message message, boolean compress);

  /** As {@link #keep(Message, boolean)}; consumes the lease unless this answers null. */
  protected abstract @Nullable Kept keep(Lease lease, boolean compress);

  /** As {@link #keep(Message, boolean)}. */
  protected abstract @Nullable Kept keep(ByteBuffer binary, boolean compress);

  /** As {@link #keep(Message, boolean)}. */
  protected abstract @Nullable Kept keep(CharSequence text, boolean compress);

  /** All of them, each as {@link #keep(Lease, boolean)}; as {@link #sendAll} throws. */
  protected abstract List<Kept> keepAll(List<? extends Lease> leases);

  @Override
  public final SendResult send(Message message) {
    Objects.requireNonNull(message, "message");
    return goesAhead() ? counted(sendNow(message, true)) : wait(message);
  }

  @Override
  public final SendResult send(Lease lease) {
    Objects.requireNonNull(lease, "lease");
    return goesAhead() ? counted(sendNow(lease, true)) : wait(lease);
  }

  @Override
  public final SendResult send(ByteBuffer binary) {
    Objects.requireNonNull(binary, "binary");
    return goesAhead() ? counted(sendNow(binary, true)) : wait(binary);
  }

  @Override
  public final SendResult send(CharSequence text) {
    Objects.requireNonNull(text, "text");
    return goesAhead() ? counted(sendNow(text, true)) : wait(text);
  }

  @Override
  public final SendResult send(Message message, SendOptions options) {
    Objects.requireNonNull(message, "message");
    Objects.requireNonNull(options, "options");
    return goesAhead(message.length(), options)
        ? judged(sendNow(message, options.compress()), options)
        : wait(message, options, null);
  }

  @Override
  public final SendResult send(Lease lease, SendOptions options) {
    Objects.requireNonNull(lease, "lease");
    Objects.requireNonNull(options, "options");
    return goesAhead(lease.length(), options)
        ? judged(sendNow(lease, options.compress()), options)
        : wait(lease, options, null);
  }

  @Override
  public final SendResult send(ByteBuffer binary, SendOptions options) {
    Objects.requireNonNull(binary, "binary");
    Objects.requireNonNull(options, "options");
    return goesAhead(binary.remaining(), options)
        ? judged(sendNow(binary, options.compress()), options)
        : wait(binary, options, null);
  }

  @Override
  public final SendResult send(CharSequence text, SendOptions options) {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(options, "options");
    long most = (long) text.length() * Utf8Encoder.MAX_BYTES_PER_CHAR;
    return goesAhead(most, options)
        ? judged(sendNow(text, options.compress()), options)
        : wait(text, options, null);
  }

  @Override
  public final SendResult sendAll(List<? extends Lease> leases) {
    Objects.requireNonNull(leases, "leases");
    if (goesAhead()) {
      return counted(sendAllNow(leases));
    }
    List<Kept> kept = keepAll(leases);
    if (isOpen()) {
      return counted(backlog().addAll(kept));
    }
    kept.forEach(Kept::release);
    return SendResult.CLOSED;
  }

  @Override
  public final CompletionStage<Void> sendAsync(Lease lease) {
    Objects.requireNonNull(lease, "lease");
    return goesAhead() ? sendAsyncNow(lease) : waitAsync(lease);
  }

  @Override
  public final CompletionStage<Void> sendAsync(ByteBuffer binary) {
    Objects.requireNonNull(binary, "binary");
    return goesAhead() ? sendAsyncNow(binary) : waitAsync(binary);
  }

  @Override
  public final CompletionStage<Void> sendAsync(CharSequence text) {
    Objects.requireNonNull(text, "text");
    return goesAhead() ? sendAsyncNow(text) : waitAsync(text);
  }

  /** Whether a send without options goes to the engine at once: what every connection does. */
  private boolean goesAhead() {
    Backlog waiting = backlog;
    return waiting == null || waiting.isPassedBy();
  }

  /** The same for one with options: without a policy, a key or a priority it is like any other. */
  private boolean goesAhead(long length, SendOptions options) {
    boolean isPlain =
        options.policy() == SendOptions.Policy.REFUSE && options.replacementKey().isEmpty();
    if (isPlain) {
      return goesAhead();
    }
    Backlog waiting = backlog;
    return waiting == null
        ? engineBytes() + length <= Backlog.window(limits())
        : waiting.isPassedBy(length);
  }

  /** What its policy makes of a refusal by the engine: its inbox is full, or memory is scarce. */
  private SendResult judged(SendResult result, SendOptions options) {
    return result == SendResult.REFUSED && options.policy() != SendOptions.Policy.REFUSE
        ? backlog().giveUp(options.policy())
        : counted(result);
  }

  private SendResult wait(Object payload) {
    return wait(payload, SendOptions.defaults(), null);
  }

  private CompletionStage<Void> waitAsync(Object payload) {
    CompletableFuture<Void> sent = new CompletableFuture<>();
    SendResult result = wait(payload, SendOptions.defaults(), sent);
    if (result != SendResult.ACCEPTED) {
      sent.completeExceptionally(new SendException(result));
    }
    return sent.minimalCompletionStage();
  }

  /** Into the backlog, if there is room. A lease is consumed whatever the result. */
  private SendResult wait(
      Object payload, SendOptions options, @Nullable CompletableFuture<Void> sent) {
    Backlog waiting = backlog();
    if (!(payload instanceof Lease)) {
      if (payload instanceof Message message) {
        message.length(); // throws where it is not valid any more
      }
      SendResult refusal = isOpen() ? waiting.refusal(options) : SendResult.CLOSED;
      if (refusal != null) {
        return counted(refusal);
      }
    }
    Kept kept;
    do {
      kept = keep(payload, options.compress());
    } while (kept == null && waiting.makeMemory(options));
    if (kept == null) {
      return counted(withoutMemory(payload, options, waiting));
    }
    if (!isOpen()) {
      kept.release();
      return SendResult.CLOSED;
    }
    return counted(waiting.add(kept, options, sent));
  }

  private @Nullable Kept keep(Object payload, boolean compress) {
    if (payload instanceof Message message) {
      return keep(message, compress);
    }
    if (payload instanceof Lease lease) {
      return keep(lease, compress);
    }
    return payload instanceof ByteBuffer binary
        ? keep(binary, compress)
        : keep((CharSequence) payload, compress);
  }

  private SendResult withoutMemory(Object payload, SendOptions options, Backlog waiting) {
    if (payload instanceof Lease lease) {
      lease.close();
    }
    if (options.policy() != SendOptions.Policy.REFUSE) {
      return waiting.giveUp(options.policy());
    }
    oweWritable(true);
    return SendResult.REFUSED;
  }

  private Backlog backlog() {
    Backlog current = backlog;
    if (current == null) {
      Backlog fresh = new Backlog(this, tally());
      Backlog before = (Backlog) BACKLOG.compareAndExchange(this, null, fresh);
      current = before == null ? fresh : before;
      if (hasEnded()) {
        current.end(); // made after the end has looked for it
      }
    }
    return current;
  }

  @Override
  public final void closeFull() {
    beginClose(CloseCode.TRY_AGAIN_LATER, "");
  }

  /** Whether the engine has told of its end. */
  protected abstract boolean hasEnded();

  /**
   * The engine's bytes have fallen to the low mark. Loop thread.
   *
   * @param isWritableOwed whether onWritable must be told
   * @return whether it must be told now; otherwise what waits here is sent first
   */
  protected final boolean drainBacklog(boolean isWritableOwed) {
    Backlog waiting = backlog;
    return (waiting == null || !waiting.onDrained(isWritableOwed)) && isWritableOwed;
  }

  /** A Close frame follows: all that waits goes to the engine first. Loop thread. */
  protected final void closeBacklog() {
    Backlog waiting = backlog;
    if (waiting != null) {
      waiting.close();
    }
  }

  /** Whether messages wait here that were accepted. */
  protected final boolean hasBacklog() {
    Backlog waiting = backlog;
    return waiting != null && waiting.isHolding();
  }

  /** The connection has ended: what waits is given up. Loop thread, after hasEnded is true. */
  protected final void endBacklog() {
    Backlog waiting = backlog;
    if (waiting != null) {
      waiting.end();
    }
  }

  /**
   * Bytes that will be sent whatever comes: with the engine, or kept and not to be dropped. Any
   * thread.
   *
   * @return a snapshot
   */
  public final long promisedBytes() {
    Backlog waiting = backlog;
    return (waiting == null ? 0 : waiting.promisedBytes()) + engineBytes();
  }

  /** Whether what waits, with the engine and here, is below the marks. */
  protected final boolean isBelowMarks() {
    Backlog waiting = backlog;
    return bufferedBytes() < limits().highWaterMarkBytes()
        && (waiting == null || !waiting.isFull());
  }

  @Override
  public final long bufferedBytes() {
    Backlog waiting = backlog;
    // From left to right, as messages go.
    return (waiting == null ? 0 : waiting.bytes()) + engineBytes();
  }

  @Override
  public final int queuedMessages() {
    Backlog waiting = backlog;
    return waiting == null ? 0 : waiting.count();
  }

  @Override
  public final long droppedMessages() {
    Backlog waiting = backlog;
    return waiting == null ? 0 : waiting.dropped();
  }

  /** Counts a refusal, and answers the same. */
  protected final SendResult counted(SendResult result) {
    if (result == SendResult.REFUSED) {
      tally().add(Tally.Count.REFUSED);
    }
    return result;
  }

  /** Refuses credit that is none. */
  protected static void requirePositive(String name, long requested) {
    if (requested <= 0) {
      throw new IllegalArgumentException(
          name + " requested out of range: value=" + requested + ", limits=1.." + Long.MAX_VALUE);
    }
  }

  @Override
  public final void close() {
    beginClose(CloseCode.NORMAL_CLOSURE, "");
  }

  @Override
  public final void close(int code, String reason) {
    if (!CloseCode.isSendable(code)) {
      throw new IllegalArgumentException(
          "close code may not be sent: code="
              + code
              + ", limits=1000..1003, 1007..1014, 3000..4999");
    }
    int length = utf8Length(reason);
    if (length > MAX_REASON_BYTES) {
      throw new IllegalArgumentException(
          "close reason too long: length=" + length + ", limit=" + MAX_REASON_BYTES);
    }
    beginClose(code, reason);
  }

  @Override
  public final CompletionStage<CloseReason> closed() {
    Object seen = outcome;
    if (seen == null) {
      Watch watch = new Watch();
      seen = OUTCOME.compareAndExchange(this, null, watch);
      if (seen == null) {
        return watch.minimalCompletionStage();
      }
    }
    return seen instanceof Watch watch
        ? watch.minimalCompletionStage()
        : CompletableFuture.completedStage((CloseReason) seen);
  }

  @Override
  public final void attach(@Nullable Object attachment) {
    this.attachment = attachment;
  }

  @Override
  public final @Nullable Object attachment() {
    return attachment;
  }

  @Override
  public final Handshake handshake() {
    return handshake;
  }

  @Override
  public final WebSocketControls webSocket() {
    return this;
  }

  @Override
  public final Optional<String> subprotocol() {
    return handshake.subprotocol();
  }

  @Override
  public String toString() {
    String peer = handshake instanceof NamedPeer named ? named.loggedPeer() : null;
    return "Connection[id="
        + id()
        + ", path="
        + LogText.of(handshake.path())
        + (peer == null ? "]" : ", peer=" + peer + "]");
  }

  /** The engine knows that it was told to close with 1011; why, only this class knows. */
  private CloseReason withFailure(CloseReason told) {
    return failure == null || told.cause() != null
        ? told
        : new CloseReason(told.code(), told.text(), told.initiator(), failure);
  }

  private void fail(String method, Throwable thrown) {
    state = FAILED;
    failure = thrown;
    try {
      beginClose(CloseCode.INTERNAL_ERROR, "");
    } finally {
      report(method, thrown);
    }
  }

  private void report(String method, Throwable thrown) {
    ErrorLog.log(method + " threw: " + this, thrown);
    try {
      handler.onError(this, thrown);
    } catch (Throwable t) {
      ErrorLog.log("onError threw: " + this, t);
    }
  }

  private static int utf8Length(String text) {
    int length = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < 0x80) {
        length++;
      } else if (c < 0x800) {
        length += 2;
      } else if (!Character.isSurrogate(c)) {
        length += 3;
      } else if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        length += 4;
        i++;
      } else {
        throw new IllegalArgumentException("lone surrogate in close reason: index=" + i);
      }
    }
    return length;
  }

  /** What {@link #closed()} gave out before the end; a type of its own, told from the reason. */
  private static final class Watch extends CompletableFuture<CloseReason> {}
}
