// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Connection;
import java.util.function.Consumer;

/** The running loops of a server or a client. All methods are safe from any thread. */
public interface EngineLoops {

  /**
   * How many connections are open on all loops.
   *
   * @return a snapshot
   */
  int connectionCount();

  /**
   * What a loop counts, also when it has ended. Allocates nothing.
   *
   * @param loop its index
   * @param values at least {@link LoopCounter#valueCount()} long; filled in the order of {@link
   *     LoopCounter}
   */
  void readStatistics(int loop, long[] values);

  /**
   * What the Java half of a loop counts.
   *
   * @param loop its index
   * @return always the same object
   */
  LoopMeter meter(int loop);

  /**
   * What has happened to the sends of all connections.
   *
   * @return always the same object, also when all has ended
   */
  Tally tally();

  /**
   * Shows every connection of a loop, on the loop's thread, a few thousand in a turn, so that the
   * others wait for no more. Connections that come or go meanwhile are shown or not.
   *
   * @param loop its index
   * @param visitor is called for each connection; must not block
   * @param done is called behind the last, on the loop's thread; never if the loop ends before
   */
  void visit(int loop, Consumer<? super Connection> visitor, Runnable done);
}
