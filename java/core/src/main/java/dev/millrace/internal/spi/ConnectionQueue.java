// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.CloseReason;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.Executor;

/**
 * The calls to a handler on an executor, for a connection of any engine.
 *
 * <p>While the peer does not take what is sent to it, no message is handed out, as on the loop none
 * is read; so a handler that answers each message once is never refused for the mark. For the sake
 * of the same promise it is not refused for a full inbox either: one send of each connection may
 * ride the list that is never full, and until it is executed no further message is handed out.
 */
public abstract class ConnectionQueue extends HandlerQueue {
  private static final VarHandle OVERFLOWING;
  private static final VarHandle AWAITED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      OVERFLOWING = lookup.findVarHandle(ConnectionQueue.class, "overflowing", boolean.class);
      AWAITED = lookup.findVarHandle(ConnectionQueue.class, "awaited", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final AbstractConnection connection;

  private volatile boolean overflowing;

  // The loop has been asked to look whether a message may be handed out.
  private volatile boolean awaited;
  private volatile boolean writableQueued;

  /**
   * An empty queue.
   *
   * @param connection whose handler is called
   * @param executor runs the calls
   * @param highWaterMark as of {@link HandlerQueue}
   * @param lowWaterMark as of {@link HandlerQueue}
   * @param meter as of {@link HandlerQueue}
   */
  protected ConnectionQueue(
      AbstractConnection connection,
      Executor executor,
      long highWaterMark,
      long lowWaterMark,
      LoopMeter meter) {
    super(executor, highWaterMark, lowWaterMark, meter);
    this.connection = connection;
  }

  // ---- What the connection answers for.

  /** Answers the peer's Close, or closes over a broken rule. Any thread. */
  protected abstract void answerPeersClose(int code);

  /** Whether outgoing bytes have fallen to the low-water mark. Any thread. */
  protected abstract boolean isDrained();

  /** Has the loop look for {@link #isDrained}, and call {@link #proceed} then. Any thread. */
  protected abstract void awaitDrained();

  /** The loop waits for {@link #handlersEnded} when it drains. Loop thread. */
  protected abstract void handlersBegan();

  /** The last call has returned. Any thread. */
  protected abstract void handlersEnded();

  // ---- What the loop has heard. Loop thread.

  /** The first call. */
  public final void open() {
    handlersBegan();
    add(
        new Call() {
          @Override
          protected void run() {
            connection.deliverOpen();
          }
        });
  }

  /** At most one waits: a handler that is told late is told once. */
  public final void writable() {
    if (writableQueued) {
      return;
    }
    writableQueued = true;
    add(
        new Call() {
          @Override
          protected void run() {
            writableQueued = false;
            if (connection.isOpen()) {
              connection.deliverWritable();
            }
          }
        });
  }

  /** The peer's Close is answered behind what the handler has to say to the messages before it. */
  public final void answerClose(int code) {
    add(
        new Call() {
          @Override
          protected void run() {
            answerPeersClose(code);
          }

          @Override
          protected void drop() {
            answerPeersClose(code);
          }
        });
  }

  /** Closes behind what is queued. */
  public final void close(int code) {
    add(
        new Call() {
          @Override
          protected void run() {
            connection.beginClose(code, "");
          }

          @Override
          protected void drop() {
            connection.beginClose(code, "");
          }
        });
  }

  /** The connection has ended; nothing follows. */
  public final void end(CloseReason reason) {
    add(
        new Call() {
          @Override
          protected void run() {
            try {
              connection.deliverClose(reason);
            } finally {
              handlersEnded();
            }
          }

          @Override
          protected boolean isLast() {
            return true;
          }
        });
    proceed();
  }

  /** The loop is about to look for {@link #isDrained}; a later question asks it again. */
  public final void lookedFor() {
    awaited = false;
  }

  // ---- What the queue asks for.

  @Override
  protected final boolean mayHandle() {
    return !connection.isOpen() || !overflowing && isDrained();
  }

  @Override
  protected final void awaitMayHandle() {
    if (AWAITED.compareAndSet(this, false, true)) {
      awaitDrained();
    }
  }

  @Override
  protected final void rejected(Throwable cause) {
    connection.deliverRejection(cause);
  }

  // ---- Sending.

  /**
   * The inbox is full: whether the caller is this connection's handler and may post one message all
   * the same, on the list that is never full. {@link #overflowed} follows.
   *
   * @return false if it must be refused
   */
  public final boolean mayOverflow() {
    return isCurrent() && OVERFLOWING.compareAndSet(this, false, true);
  }

  /** The message that {@link #mayOverflow} let through is sent. Loop thread. */
  public final void overflowed() {
    overflowing = false;
    proceed();
  }
}
