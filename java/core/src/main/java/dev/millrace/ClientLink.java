// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.ClientLoop;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.LogText;
import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A link. All that happens to it happens on the thread of one loop, so nothing of it needs a lock;
 * other threads post to that. When the loop has ended, whoever finds that out ends the link.
 *
 * <p>At any time a link waits for exactly one thing: the callback before an attempt, a {@link
 * Dial}, the end of a connection, or a timer. Each of them looks at {@code state} when it comes.
 */
final class ClientLink implements Link {

  private final Dialer dialer;
  private final Reconnect policy;
  private final ClientLoop loop;
  private final ConnectRequest request;
  private final Handler handler;
  private final boolean isWatched;
  private final BooleanSupplier clientEnds;
  private final Consumer<ClientLink> atEnd;
  private final CompletableFuture<Connection> opened = new CompletableFuture<>();
  private final CompletableFuture<CloseReason> ended = new CompletableFuture<>();
  private final AtomicBoolean over = new AtomicBoolean();
  private volatile Status status = new Status(State.CONNECTING, 1, null);
  private volatile @Nullable Connection connection;

  // Loop thread only.
  private @Nullable Dial dial;
  private @Nullable ScheduledTask timer;
  private @Nullable CloseReason lastReason;
  private boolean closing;
  private int attempt = 1;
  private int failuresInRow;
  private long openedNanos;

  /**
   * A link that has not begun; {@link #start} begins it.
   *
   * @param isWatched whether anybody can look at it; if not, and the policy is never to connect
   *     again, it ends as soon as it is open
   * @param clientEnds whether no more attempt is to be made
   * @param atEnd called once, on any thread
   */
  ClientLink(
      Dialer dialer,
      Reconnect policy,
      ClientLoop loop,
      ConnectRequest request,
      Handler handler,
      boolean isWatched,
      BooleanSupplier clientEnds,
      Consumer<ClientLink> atEnd) {
    this.dialer = dialer;
    this.policy = policy;
    this.loop = loop;
    this.request = request;
    this.handler = handler;
    this.isWatched = isWatched;
    this.clientEnds = clientEnds;
    this.atEnd = atEnd;
  }

  ClientLoop loop() {
    return loop;
  }

  void start() {
    onLoop(() -> begin(null));
  }

  private void onLoop(Runnable task) {
    if (!loop.execute(task)) {
      abandon();
    }
  }

  /** The loop has ended, and with it everything that could bring the link on. Any thread. */
  void abandon() {
    giveUp(new IOException("the client is closed: " + request));
  }

  private boolean isOver() {
    return over.get();
  }

  private void begin(@Nullable Throwable lastFailure) {
    timer = null;
    if (isOver()) {
      return;
    }
    if (lastFailure != null) {
      tell(new Status(State.CONNECTING, attempt, lastFailure));
    }
    Reconnect.BeforeAttempt before = policy.before();
    if (before == null) {
      dial(request);
      return;
    }
    Reconnect.Attempt next = new Reconnect.Attempt(request, attempt, lastFailure);
    try {
      dialer.callbacks().execute(() -> ask(before, next));
    } catch (RejectedExecutionException e) {
      failed(e, false); // the client has ended meanwhile
    }
  }

  /** On a thread that may block. */
  private void ask(Reconnect.BeforeAttempt before, Reconnect.Attempt next) {
    try {
      ConnectRequest changed =
          Objects.requireNonNull(before.apply(next), "request of BeforeAttempt");
      onLoop(() -> dial(changed));
    } catch (Throwable t) {
      if (t instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      onLoop(() -> failed(t, true));
    }
  }

  private void dial(ConnectRequest changed) {
    if (isOver()) {
      return;
    }
    Dial next =
        new Dial(
            dialer,
            loop,
            changed,
            handler,
            new Dial.Outcome() {
              @Override
              public void onOpened(Connection connection) {
                ClientLink.this.opened(connection);
              }

              @Override
              public void onFailed(Throwable failure) {
                failed(failure, isWorthAnother(failure));
              }
            });
    dial = next;
    next.start();
  }

  private void opened(Connection connection) {
    dial = null;
    if (isOver()) {
      connection.close(); // closed by its own onOpen
      return;
    }
    openedNanos = dialer.nanoTime();
    this.connection = connection;
    tell(new Status(State.OPEN, attempt, null));
    opened.complete(connection);
    if (isWatched || !policy.isNever()) {
      connection.closed().whenComplete((reason, none) -> ended(reason));
    } else {
      atEnd.accept(this); // nobody looks: an open connection keeps no link
    }
  }

  private void ended(CloseReason reason) {
    if (loop.isCurrent() || !loop.execute(() -> lost(reason))) {
      lost(reason);
    }
  }

  private void lost(CloseReason reason) {
    if (isOver()) {
      return;
    }
    connection = null;
    lastReason = reason;
    if (closing || clientEnds.getAsBoolean() || policy.isNever() || !isLoss(reason)) {
      end(reason);
      return;
    }
    if (dialer.nanoTime() - openedNanos >= policy.longest().toNanos()) {
      failuresInRow = 0;
    }
    attempt = 1;
    await(lossOf(reason), Duration.ZERO);
  }

  private static IOException lossOf(CloseReason reason) {
    String text = reason.text().isEmpty() ? "" : ", reason=" + LogText.of(reason.text());
    return new IOException("the connection ended: code=" + reason.code() + text, reason.cause());
  }

  private boolean isLoss(CloseReason reason) {
    try {
      return policy.isLoss(reason);
    } catch (Throwable t) {
      ErrorLog.log("the predicate of Reconnect.withLoss threw: " + request, t);
      return false;
    }
  }

  private boolean isWorthAnother(Throwable failure) {
    if (!(failure instanceof UpgradeException answer)) {
      return failure instanceof IOException;
    }
    try {
      return policy.isRetried(answer.status());
    } catch (Throwable t) {
      ErrorLog.log("the predicate of Reconnect.withRetryStatus threw: " + request, t);
      return false;
    }
  }

  private void failed(Throwable failure, boolean worthAnother) {
    dial = null;
    if (isOver()) {
      return;
    }
    if (clientEnds.getAsBoolean() || !worthAnother || attempt >= policy.maxAttempts()) {
      giveUp(failure);
      return;
    }
    attempt++;
    await(
        failure, failure instanceof UpgradeException answer ? answer.retryAfter() : Duration.ZERO);
  }

  private void await(Throwable failure, Duration atLeast) {
    failuresInRow++;
    Duration delay = policy.delay(failuresInRow, dialer.jitter(), atLeast);
    timer = loop.schedule(() -> begin(failure), delay);
    tell(new Status(State.WAITING, attempt, failure));
  }

  /** In order: by the application, or by either side where the policy takes that as the end. */
  private void end(CloseReason reason) {
    if (over.compareAndSet(false, true)) {
      tell(new Status(State.ENDED, attempt, reason.isNormal() ? null : lossOf(reason)));
      ended.complete(reason);
      atEnd.accept(this);
    }
  }

  private void giveUp(Throwable failure) {
    connection = null;
    if (over.compareAndSet(false, true)) {
      tell(new Status(State.ENDED, status.attempt(), failure));
      opened.completeExceptionally(failure);
      ended.completeExceptionally(failure);
      atEnd.accept(this);
    }
  }

  private void tell(Status status) {
    this.status = status;
    try {
      policy.listener().accept(status);
    } catch (Throwable t) {
      ErrorLog.log("the listener of Reconnect.withListener threw: " + request, t);
    }
  }

  @Override
  public Status status() {
    return status;
  }

  @Override
  public Optional<Connection> connection() {
    return Optional.ofNullable(connection);
  }

  @Override
  public CompletionStage<Connection> opened() {
    return opened.minimalCompletionStage();
  }

  @Override
  public CompletionStage<CloseReason> ended() {
    return ended.minimalCompletionStage();
  }

  @Override
  public void close() {
    onLoop(this::closeNow);
  }

  private void closeNow() {
    closing = true;
    Connection open = connection;
    if (open != null) {
      open.close();
    } else {
      stop();
    }
  }

  /** The client ends: an open connection is the engine's to close. Any thread. */
  void endWithClient() {
    onLoop(
        () -> {
          if (connection == null) {
            stop();
          }
        });
  }

  /** Gives up what it waits for, which is no connection. */
  private void stop() {
    if (dial != null) {
      dial.cancel();
      dial = null;
    }
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
    if (isOver()) {
      return;
    }
    if (lastReason != null) {
      end(lastReason);
    } else {
      giveUp(new IOException("closed before it was open: " + request));
    }
  }

  @Override
  public String toString() {
    return "Link[" + request + ", " + status + "]";
  }
}
