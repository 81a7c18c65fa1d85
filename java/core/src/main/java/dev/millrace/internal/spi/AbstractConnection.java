// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Handshake;
import dev.millrace.Lease;
import dev.millrace.Message;
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
public abstract class AbstractConnection implements Connection, WebSocketControls {

  /** The longest close reason in bytes of UTF-8: a control frame less the code (RFC 6455 5.5). */
  public static final int MAX_REASON_BYTES = 123;

  private static final VarHandle OUTCOME;

  static {
    try {
      OUTCOME =
          MethodHandles.lookup().findVarHandle(AbstractConnection.class, "outcome", Object.class);
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

  @Override
  public final SendResult send(Message message) {
    return counted(sendNow(message, true));
  }

  @Override
  public final SendResult send(Lease lease) {
    return counted(sendNow(lease, true));
  }

  @Override
  public final SendResult send(ByteBuffer binary) {
    return counted(sendNow(binary, true));
  }

  @Override
  public final SendResult send(CharSequence text) {
    return counted(sendNow(text, true));
  }

  @Override
  public final SendResult send(Message message, SendOptions options) {
    return counted(sendNow(message, compresses(options)));
  }

  @Override
  public final SendResult send(Lease lease, SendOptions options) {
    return counted(sendNow(lease, compresses(options)));
  }

  @Override
  public final SendResult send(ByteBuffer binary, SendOptions options) {
    return counted(sendNow(binary, compresses(options)));
  }

  @Override
  public final SendResult send(CharSequence text, SendOptions options) {
    return counted(sendNow(text, compresses(options)));
  }

  @Override
  public final SendResult sendAll(List<? extends Lease> leases) {
    return counted(sendAllNow(leases));
  }

  @Override
  public final CompletionStage<Void> sendAsync(Lease lease) {
    return sendAsyncNow(lease);
  }

  @Override
  public final CompletionStage<Void> sendAsync(ByteBuffer binary) {
    return sendAsyncNow(binary);
  }

  @Override
  public final CompletionStage<Void> sendAsync(CharSequence text) {
    return sendAsyncNow(text);
  }

  /** Counts a refusal, and answers the same. */
  protected final SendResult counted(SendResult result) {
    if (result == SendResult.REFUSED) {
      tally().add(Tally.Count.REFUSED);
    }
    return result;
  }

  private static boolean compresses(SendOptions options) {
    SendOptions plain = SendOptions.defaults();
    if (options.policy() != plain.policy()
        || options.priority() != plain.priority()
        || options.replacementKey().isPresent()) {
      throw new UnsupportedOperationException("policies for full queues are not in 0.1.0");
    }
    return options.compress();
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
