// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Message;
import dev.millrace.WebSocketControls;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * A connection as far as it is the same in every engine: handler calls, what happens when they
 * throw, the one {@code onClose}, who keeps the peer from being read, attachment, handshake and
 * {@link #closed()}. It is also its own {@link WebSocketControls}, which saves an object for each
 * connection.
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
public abstract class AbstractConnection extends SendingConnection implements WebSocketControls {

  /** The longest close reason in bytes of UTF-8: a control frame less the code (RFC 6455 5.5). */
  public static final int MAX_REASON_BYTES = 123;

  /** Who keeps the peer from being read, a bit each: by {@link #pause()}. */
  protected static final int BY_APPLICATION = 1;

  /** Too much waits for the handler on an executor. */
  protected static final int BY_QUEUE = 2;

  /** Too much that was promised waits to be sent. */
  protected static final int BY_BACKLOG = 4;

  private static final VarHandle OUTCOME;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      OUTCOME = lookup.findVarHandle(AbstractConnection.class, "outcome", Object.class);
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
    prepareBacklog();
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

  /** Calls {@code onDropped} with what it has not been told of, if there is any. As above. */
  protected final void deliverDropped() {
    long messages = state == OPEN ? takeDropped() : 0;
    if (messages == 0) {
      return;
    }
    try {
      handler.onDropped(this, messages);
    } catch (Throwable t) {
      fail("onDropped", t);
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
   * is given back first; what {@code onDropped} has not been told of, it is told before.
   *
   * @param told how the connection ended, as the engine knows it
   */
  protected final void deliverClose(CloseReason told) {
    if (state == ENDED) {
      return;
    }
    if (handshake instanceof Admission place) {
      place.release();
    }
    deliverDropped();
    CloseReason reason = withFailure(told);
    boolean opened = state != NEW;
    state = ENDED;
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

  // ---- Where the handler runs.

  /** The calls to a handler on an executor; null where it runs on the loop. */
  protected abstract @Nullable ConnectionQueue queue();

  /** The connection is open. Loop thread, once. */
  public final void onOpen() {
    ConnectionQueue queue = queue();
    if (queue == null) {
      deliverOpen();
    } else {
      queue.open();
    }
  }

  @Override
  public final void tellWritable() {
    if (!isOpen()) {
      return;
    }
    ConnectionQueue queue = queue();
    if (queue == null) {
      deliverWritable();
    } else {
      queue.writable();
    }
  }

  @Override
  public final boolean hearsOfDropped() {
    return OnDropped.isOverriddenBy(handler);
  }

  @Override
  public final void tellDropped() {
    if (hasEnded()) {
      return; // onClose comes, and what is left is told before it
    }
    ConnectionQueue queue = queue();
    if (queue == null) {
      deliverDropped();
    } else {
      queue.dropped();
    }
  }

  /** The peer has sent Close or broken a rule: answers behind what the handler has to say. */
  protected final void answerInTurn(int code) {
    ConnectionQueue queue = queue();
    if (queue == null) {
      answerClose(code);
    } else {
      queue.answerClose(code);
    }
  }

  /** The server shuts down: what a handler on an executor has still to do comes first. */
  public final void goAway() {
    ConnectionQueue queue = queue();
    if (queue == null) {
      close(CloseCode.GOING_AWAY, "");
    } else {
      queue.close(CloseCode.GOING_AWAY);
    }
  }

  /** The connection has ended, and {@link #hasEnded} is true. Loop thread, once. */
  protected final void tellEnd(CloseReason reason) {
    ConnectionQueue queue = queue();
    if (queue == null) {
      deliverClose(reason);
    } else {
      queue.end(reason);
    }
  }

  // ---- Reading.

  /** Stops reading. Loop thread. */
  protected abstract void pauseReads(int by);

  /** Reads again when nobody keeps it from that. Loop thread. */
  protected abstract void resumeReads(int by);

  /** Runs a task now on the loop's thread, elsewhere behind what was posted to it. */
  protected abstract void runOnLoop(Runnable task);

  @Override
  public final void pause() {
    runOnLoop(() -> pauseReads(BY_APPLICATION));
  }

  @Override
  public final void resume() {
    runOnLoop(() -> resumeReads(BY_APPLICATION));
  }

  @Override
  public final void stopReads(boolean stop) {
    if (stop) {
      pauseReads(BY_BACKLOG);
      return;
    }
    resumeReads(BY_BACKLOG);
    ConnectionQueue queue = queue();
    if (queue != null) {
      queue.proceed();
    }
  }

  /** Refuses credit that is none. */
  protected static void requirePositive(String name, long requested) {
    if (requested <= 0) {
      throw new IllegalArgumentException(
          name + " requested out of range: value=" + requested + ", limits=1.." + Long.MAX_VALUE);
    }
  }

  // ---- Closing.

  /** Answers the peer's Close, or closes over a broken rule. Any thread. */
  protected abstract void answerClose(int code);

  @Override
  public final void closeFull() {
    beginClose(CloseCode.TRY_AGAIN_LATER, "");
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
