// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.CloseCode;
import dev.millrace.internal.spi.ConnectionQueue;
import java.util.concurrent.Executor;

/** The calls to a handler on an executor, for a connection of the Java engine. */
final class NioHandlerQueue extends ConnectionQueue {
  private final NioConnection connection;

  NioHandlerQueue(NioConnection connection, Executor executor) {
    super(connection, executor, connection.loop().meter());
    this.connection = connection;
  }

  /** Loop thread: the queue keeps the message. */
  void message(NioMessage message, boolean measured) {
    QueuedMessage queued = message.toQueued(connection);
    if (queued == null) {
      // As the loop does with whoever holds most.
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
  boolean overflow(PostedSend message) {
    if (!mayOverflow()) {
      return false;
    }
    connection
        .loop()
        .post(
            new Inbox.Task() {
              @Override
              void run() {
                message.run();
                overflowed();
              }

              @Override
              void drop() {
                super.drop();
                message.drop();
              }
            });
    return true;
  }

  @Override
  public String toString() {
    return "HandlerQueue[" + connection + ", pinnedBytes=" + pinnedBytes() + "]";
  }
}
