// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * Where the handlers of a route run. Whatever the choice, the calls for one connection come one at
 * a time and in order, {@code onClose} last; each sees what those before it have written.
 *
 * <p>Away from the loop a handler may block. Then:
 *
 * <ul>
 *   <li>A received message is kept, copied if need be, until its handler has returned; it is valid
 *       on that thread for that call.
 *   <li>What waits for its handler counts with the memory it holds, at least 256 bytes a message.
 *       From {@link Limits#highWaterMarkBytes()} on the peer is not read from, until half of that
 *       is left. While more than half of it waits to be sent to the peer, no further message is
 *       handed out: a handler that sends one answer to each message is never refused for the mark.
 *   <li>What the peer had sent before it closed, or before the connection broke, is handled before
 *       {@code onClose}. A close by this side drops what waits; the server's {@linkplain
 *       Server#shutdown shutdown} closes behind it, as far as its time allows.
 *   <li>If the executor rejects a call, the connection is closed with 1013 ({@link
 *       CloseCode#TRY_AGAIN_LATER}), and what waits is dropped. {@code onClose} is still called, if
 *       {@code onOpen} was: on the executor if that takes it, else on a thread of the server's that
 *       does nothing else.
 * </ul>
 */
public final class HandlerExecutor {

  private static final HandlerExecutor LOOP = new HandlerExecutor("loop", null);

  private final String name;
  private final @Nullable Executor executor;

  private HandlerExecutor(String name, @Nullable Executor executor) {
    this.name = name;
    this.executor = executor;
  }

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
   * @return the executor, always the same
   * @throws UnsupportedOperationException on an older JDK, with its version
   */
  public static HandlerExecutor virtualThreads() {
    if (VirtualThreads.EXECUTOR == null) {
      throw new UnsupportedOperationException(
          "virtual threads need JDK 21 or newer: this is JDK " + Runtime.version());
    }
    return VirtualThreads.EXECUTOR;
  }

  /**
   * On an executor of the application's, which may run several connections at once. One that runs
   * tasks on the calling thread runs the handlers on the loop thread, where they must not block;
   * one that discards tasks without a word leaves its connections waiting, and for its whole time
   * the server's shutdown too.
   *
   * @param executor runs the handlers; not shut down by the server
   * @return the executor
   */
  public static HandlerExecutor of(Executor executor) {
    Objects.requireNonNull(executor, "executor");
    return new HandlerExecutor(executor.toString(), executor);
  }

  /** What runs the handlers; null for the loop. */
  @Nullable Executor executor() {
    return executor;
  }

  @Override
  public String toString() {
    return "HandlerExecutor[" + name + "]";
  }

  /** Looked up by name, because the class must load on JDK 17. */
  private static final class VirtualThreads {
    static final @Nullable HandlerExecutor EXECUTOR = find();

    private static @Nullable HandlerExecutor find() {
      try {
        MethodHandle create =
            MethodHandles.publicLookup()
                .findStatic(
                    Executors.class,
                    "newVirtualThreadPerTaskExecutor",
                    MethodType.methodType(ExecutorService.class));
        return new HandlerExecutor("virtual threads", (ExecutorService) create.invokeExact());
      } catch (NoSuchMethodException | UnsupportedOperationException e) {
        // JDK 19 and 20 have the method, as a preview that throws.
        return null;
      } catch (Throwable t) {
        throw new IllegalStateException("virtual threads cannot be created", t);
      }
    }
  }
}
