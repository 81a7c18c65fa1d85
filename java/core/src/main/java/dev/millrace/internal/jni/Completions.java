// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.SendException;
import dev.millrace.SendResult;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The futures of a connection's asynchronous sends, by token. Any thread.
 *
 * <p>A token names the slot in its lower bits and is otherwise counted by the loop, so that it
 * finds its connection and none that has the slot later.
 */
final class Completions {
  private static final int SLOT_BITS = 24;

  private final Map<Long, CompletableFuture<Void>> waiting = new HashMap<>();
  private boolean ended;

  /** A token that no other send of the loop has had; {@code count} is at least 1. */
  static long token(long count, int slot) {
    return count << SLOT_BITS | slot;
  }

  /** The slot that a token names. */
  static int slot(long token) {
    return (int) token & (1 << SLOT_BITS) - 1;
  }

  /** Keeps a future, unless the connection has ended: its sends are answered at once. */
  synchronized void add(long token, CompletableFuture<Void> future) {
    if (!ended) {
      waiting.put(token, future);
    }
  }

  /** Takes a future out, or null when it has been completed otherwise. */
  synchronized @Nullable CompletableFuture<Void> remove(long token) {
    return waiting.remove(token);
  }

  /** Fails what is left, and keeps nothing from now on. */
  void end() {
    List<CompletableFuture<Void>> left;
    synchronized (this) {
      ended = true;
      left = List.copyOf(waiting.values());
      waiting.clear();
    }
    // Outside the lock: dependents run here, and they are the application's.
    for (CompletableFuture<Void> future : left) {
      future.completeExceptionally(new SendException(SendResult.CLOSED));
    }
  }
}
