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
  private volatile boolean droppedQueued;

  /**
   * An empty queue.
   *
   * @param connection whose handler is called
   * @param executor runs the calls
   * @param meter as of {@link HandlerQueue}
   */
  protected ConnectionQueue(AbstractConnection connection, Executor executor, LoopMeter meter) {
    super(
        executor,
        connection.limits().highWaterMarkBytes(),
        connection.limits().lowWaterMarkBytes(),
        meter);
    this.connection = connection;
  }

  // ---- What the connection answers for.

  /** Has the loop look for the fall to the low mark, and call {@link #proceed}. Any thread. */
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

  /** At most one waits: it tells how many there are by then. */
  public final void dropped() {
    if (droppedQueued) {
      return;
    }
    droppedQueued = true;
    add(
        new Call() {
          @Override
          protected void run() {
            droppedQueued = false;
            connection.deliverDropped();
          }
        });
  }

  /** The peer's Close is answered behind what the handler has to say to the messages before it. */
  public final void answerClose(int code) {
    add(
        new Call() {
          @Override
          protected void run() {
            connection.answerClose(code);
          }

          @Override
          protected void drop() {
            connection.answerClose(code);
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

  /** The loop is about to look for the fall; a later question asks it again. */
  public final void lookedFor() {
    awaited = false;
  }

  // ---- What the queue asks for.

  @Override
  protected final boolean mayHandle() {
    return !connection.isOpen() || !overflowing && isDrained();
  }

  /** A client reads on, whatever it has to send: its handlers do not wait either. */
  private boolean isDrained() {
    return !connection.stopsReads()
        || connection.promisedBytes() <= connection.limits().lowWaterMarkBytes();
  }

  @Override
  protected final void awaitMayHandle() {
    if (AWAITED.compareAndSet(this, false, true)) {
      awaitDrained();
    }
  }

  @Override
  protected final void pauseReading() {
    connection.pauseReads(AbstractConnection.BY_QUEUE);
  }

  @Override
  protected final void requestResume() {
    connection.runOnLoop(
        () -> {
          if (mayResumeReading()) {
            connection.resumeReads(AbstractConnection.BY_QUEUE);
          }
        });
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
