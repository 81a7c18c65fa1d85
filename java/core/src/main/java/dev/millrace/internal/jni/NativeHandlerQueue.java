// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.internal.spi.HandlerQueue;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.Executor;

/**
 * The calls to a handler on an executor, for a connection of a native loop.
 *
 * <p>While the peer does not take what is sent to it, no message is handed out, as on the loop none
 * is read; so a handler that answers each message once is never refused for the mark. For the sake
 * of the same promise it is not refused for a full inbox either: one send of each connection may
 * ride the list that is never full, and until it is executed no further message is handed out.
 */
final class NativeHandlerQueue extends HandlerQueue {
  private static final VarHandle OVERFLOWING;
  private static final VarHandle AWAITED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      OVERFLOWING = lookup.findVarHandle(NativeHandlerQueue.class, "overflowing", boolean.class);
      AWAITED = lookup.findVarHandle(NativeHandlerQueue.class, "awaited", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final NativeConnection connection;

  private volatile boolean overflowing;

  // The loop has been asked to look whether a message may be handed out.
  private volatile boolean awaited;
  private volatile boolean writableQueued;

  NativeHandlerQueue(NativeConnection connection, Executor executor) {
    super(executor, connection.loop().highWaterMark(), connection.loop().lowWaterMark());
    this.connection = connection;
  }

  // ---- What the loop has heard. Loop thread.

  void open() {
    connection.loop().handlersBegan();
    add(
        new Call() {
          @Override
          protected void run() {
            connection.handleOpen();
          }
        });
  }

  /** The message's block passes to the queue. */
  void message(NativeMessage message) {
    QueuedMessage queued = message.toQueued(connection);
    if (queued == null) {
      // As the core does with whoever pins most.
      connection.beginClose(CloseCode.TRY_AGAIN_LATER, "");
      return;
    }
    add(queued);
  }

  /** At most one waits: a handler that is told late is told once. */
  void writable() {
    if (writableQueued) {
      return;
    }
    writableQueued = true;
    add(
        new Call() {
          @Override
          protected void run() {
            writableQueued = false;
            connection.handleWritable();
          }
        });
  }

  /** The peer's Close is answered behind what the handler has to say to the messages before it. */
  void answerClose(int code) {
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
  void close(int code) {
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
  void end(CloseReason reason) {
    add(
        new Call() {
          @Override
          protected void run() {
            try {
              connection.handleClose(reason);
            } finally {
              connection.loop().handlersEnded();
            }
          }

          @Override
          protected boolean isLast() {
            return true;
          }
        });
    proceed();
  }

  /** The loop is about to look for {@link #awaitMayHandle}; a later question asks it again. */
  void lookedFor() {
    awaited = false;
  }

  // ---- What the queue asks for.

  @Override
  protected boolean mayHandle() {
    return !connection.isOpen()
        || !overflowing && connection.bufferedBytes() <= connection.loop().lowWaterMark();
  }

  @Override
  protected void awaitMayHandle() {
    if (AWAITED.compareAndSet(this, false, true)) {
      connection.loop().awaitWritable(connection, false);
    }
  }

  @Override
  protected void pauseReading() {
    connection.pauseReads(NativeConnection.BY_QUEUE);
  }

  @Override
  protected void requestResume() {
    connection
        .loop()
        .run(
            () -> {
              if (mayResumeReading()) {
                connection.resumeReads(NativeConnection.BY_QUEUE);
              }
            });
  }

  @Override
  protected void rejected(Throwable cause) {
    connection.handleRejection(cause);
  }

  // ---- Sending.

  /**
   * The inbox is full: takes the message all the same, if the caller is this connection's handler
   * and has none such under way. Its bytes are reserved.
   */
  boolean overflow(long head, long block, long lengthAndGeneration, long token) {
    if (!isCurrent() || !OVERFLOWING.compareAndSet(this, false, true)) {
      return false;
    }
    NativeLoop loop = connection.loop();
    loop.post(
        new LoopTask() {
          @Override
          public void run() {
            loop.onRecord(head, block, lengthAndGeneration, token);
            overflowing = false;
            proceed();
          }

          @Override
          void drop() {
            super.drop();
            NativeCalls.release(block);
          }
        });
    return true;
  }

  @Override
  public String toString() {
    return "HandlerQueue[" + connection + ", pinnedBytes=" + pinnedBytes() + "]";
  }
}
