// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Connection;
import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.SendException;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * The half of a connection that sends: what goes to the engine at once, and what waits in a {@link
 * Backlog}, where a policy can reach it, until the engine has room. The same in every engine.
 *
 * <pre>
 *   send --goesAhead--> sendNow ----------------------> engine
 *     |                                                   ^
 *     +----- wait ----> keep ----> backlog ----pump-------+
 * </pre>
 */
public abstract class SendingConnection implements Connection, Outlet {
  private static final VarHandle BACKLOG;

  static {
    try {
      BACKLOG =
          MethodHandles.lookup().findVarHandle(SendingConnection.class, "backlog", Backlog.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  // Null until a message has to wait, or the connection has options of its own.
  private volatile @Nullable Backlog backlog;

  // ---- What the engine answers for.

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

  /** Whether the engine has told of its end. */
  protected abstract boolean hasEnded();

  // ---- Sending.

  @Override
  public final SendResult send(Message message) {
    Objects.requireNonNull(message, "message");
    return goesAheadByDefault()
        ? counted(sendNow(message, true))
        : send(message, backlog().options());
  }

  @Override
  public final SendResult send(Lease lease) {
    Objects.requireNonNull(lease, "lease");
    return goesAheadByDefault() ? counted(sendNow(lease, true)) : send(lease, backlog().options());
  }

  @Override
  public final SendResult send(ByteBuffer binary) {
    Objects.requireNonNull(binary, "binary");
    return goesAheadByDefault()
        ? counted(sendNow(binary, true))
        : send(binary, backlog().options());
  }

  @Override
  public final SendResult send(CharSequence text) {
    Objects.requireNonNull(text, "text");
    return goesAheadByDefault() ? counted(sendNow(text, true)) : send(text, backlog().options());
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

  /** Whether a send without options goes to the engine at once: what most connections do. */
  private boolean goesAheadByDefault() {
    Backlog waiting = backlog;
    return waiting == null || waiting.isPassedByDefault();
  }

  /** The same for one that is refused where there is no room, whatever the connection's own. */
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

  @Override
  public final void defaultSendOptions(SendOptions options) {
    Objects.requireNonNull(options, "options");
    if (backlog != null || !options.equals(SendOptions.defaults())) {
      backlog().options(options);
    }
  }

  private Backlog backlog() {
    Backlog current = backlog;
    if (current == null) {
      Backlog fresh = new Backlog(this, tally());
      Backlog before = (Backlog) BACKLOG.compareAndExchange(this, null, fresh);
      current = before == null ? fresh : before;
    }
    if (hasEnded()) {
      current.end(); // made after the end has looked for it, by this thread or another
    }
    return current;
  }

  /** Where every send is to be counted, the backlog is there before the first. */
  final void prepareBacklog() {
    if (Backlog.countsAll(limits())) {
      backlog();
    }
  }

  /** How many messages were dropped that onDropped has not been told of; it is now. */
  final long takeDropped() {
    Backlog waiting = backlog;
    return waiting == null ? 0 : waiting.takeDropped();
  }

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
}
