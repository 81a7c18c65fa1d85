// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * Where the handlers of a route run. Whatever the choice, the calls for one connection come one at
 * a time and in order, {@code onClose} last.
 */
public final class HandlerExecutor {

  private static final HandlerExecutor LOOP = new HandlerExecutor();

  private HandlerExecutor() {}

  /**
   * On the loop thread of the connection, which a handler must not block; the default and the
   * fastest.
   *
   * @return the loop executor
   */
  public static HandlerExecutor loop() {
    return LOOP;
  }

  /**
   * On a virtual thread for each connection that has something to do, so that handlers may block.
   * Needs JDK 21.
   *
   * @return the executor
   * @throws UnsupportedOperationException always
   * @implNote Handler executors are not in 0.1.0; this throws {@link
   *     UnsupportedOperationException}.
   */
  public static HandlerExecutor virtualThreads() {
    throw notYet();
  }

  /**
   * On an executor of the application's. If it rejects a task the connection is closed with 1013.
   *
   * @param executor runs the handlers; not shut down by the server
   * @return the executor
   * @throws UnsupportedOperationException always
   * @implNote Handler executors are not in 0.1.0; this throws {@link
   *     UnsupportedOperationException}.
   */
  public static HandlerExecutor of(Executor executor) {
    Objects.requireNonNull(executor, "executor");
    throw notYet();
  }

  private static UnsupportedOperationException notYet() {
    return new UnsupportedOperationException("handler executors are not in 0.1.0");
  }
}
