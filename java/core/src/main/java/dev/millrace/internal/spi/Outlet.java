// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Limits;
import dev.millrace.SendResult;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** What a {@link Backlog} asks of the connection whose engine it waits for. */
interface Outlet {

  /** What is allowed. */
  Limits limits();

  /** What the backlogs of the loop may pin. */
  KeptMemory keptMemory();

  /** Whether peers are not read from while they do not read: the rule of a server. */
  boolean stopsReads();

  /** Whether the caller is the loop's thread. Any thread. */
  boolean isOnLoop();

  /** Runs a task on the loop's thread, behind everything posted there before. Any thread. */
  void postToLoop(Runnable task);

  /** Bytes that the engine has taken and the kernel has not. Any thread. */
  long engineBytes();

  /** Whether sends of other threads have not reached the engine yet. Loop thread. */
  boolean hasPosted();

  /**
   * Passes a message to the engine, behind all that it has. Loop thread.
   *
   * @param kept passes to the engine unless this answers REFUSED or CLOSED
   * @param sent completed when the kernel has it; null if nobody asks
   * @param always whether also above the mark and while the connection closes
   */
  SendResult handOver(Kept kept, @Nullable CompletableFuture<Void> sent, boolean always);

  /** What the engine has waits for nothing that might join it. Loop thread. */
  void releaseBatch();

  /** Stops reading from the peer, or reads again. Loop thread. */
  void stopReads(boolean stop);

  /** The engine sees to onWritable from now on. Any thread. */
  void oweWritable(boolean outOfMemory);

  /** Calls onWritable. Loop thread, outside of handlers. */
  void tellWritable();

  /** Whether its handler has an onDropped of its own. Any thread. */
  boolean hearsOfDropped();

  /** Calls onDropped, if anything was dropped that it has not been told of. As above. */
  void tellDropped();

  /** Closes over the policy {@code CLOSE}. Any thread. */
  void closeFull();
}
