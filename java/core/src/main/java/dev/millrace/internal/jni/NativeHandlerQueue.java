// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.CloseCode;
import dev.millrace.internal.spi.ConnectionQueue;
import java.util.concurrent.Executor;

/** The calls to a handler on an executor, for a connection of a native loop. */
final class NativeHandlerQueue extends ConnectionQueue {
  private final NativeConnection connection;

  NativeHandlerQueue(NativeConnection connection, Executor executor) {
    super(connection, executor, connection.loop().meter());
    this.connection = connection;
  }

  /** Loop thread: the message's block passes to the queue. */
  void message(NativeMessage message, boolean measured) {
    QueuedMessage queued = message.toQueued(connection);
    if (queued == null) {
      // As the core does with whoever pins most.
      connection.beginClose(CloseCode.TRY_AGAIN_LATER, "");
      return;
    }
    if (measured) {
      queued.measure(connection.loop().meter());
    }
    add(queued);
  }

  @Override
  protected void awaitDrained() {
    connection.loop().awaitWritable(connection, false);
  }

  @Override
  protected void handlersBegan() {
    connection.loop().handlersBegan();
  }

  @Override
  protected void handlersEnded() {
    connection.loop().handlersEnded();
  }

  /**
   * The inbox is full: takes the message all the same, if the caller is this connection's handler
   * and has none such under way. Its bytes are reserved.
   */
  boolean overflow(long head, long block, long lengthAndGeneration, long token) {
    if (!mayOverflow()) {
      return false;
    }
    NativeLoop loop = connection.loop();
    loop.post(
        new LoopTask() {
          @Override
          public void run() {
            loop.onRecord(head, block, lengthAndGeneration, token);
            overflowed();
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
