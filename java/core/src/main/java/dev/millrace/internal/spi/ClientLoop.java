// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.ScheduledTask;
import dev.millrace.SocketOptions;
import java.net.SocketAddress;
import java.time.Duration;

/** One loop of a client. */
public interface ClientLoop {

  /**
   * Begins to connect. Loop thread only.
   *
   * @param address an {@link java.net.InetSocketAddress} that is resolved, a {@link
   *     java.net.UnixDomainSocketAddress}, or an {@link AbstractSocketAddress}
   * @param timeout how long the socket may take to connect; at most an hour
   * @param options buffer sizes and congestion control; what concerns listening has no effect
   * @param listener is told what becomes of it, on this loop's thread, never from within this call
   * @return the attempt
   */
  Attempt connect(
      SocketAddress address, Duration timeout, SocketOptions options, AttemptListener listener);

  /**
   * Runs a task on the loop's thread. Any thread.
   *
   * @param task what to run
   * @return false when the loop has ended and the task will never run
   */
  boolean execute(Runnable task);

  /**
   * Runs a task on the loop's thread after a time, unless the loop ends before. Any thread.
   *
   * @param task what to run
   * @param delay from now
   * @return to cancel it
   */
  ScheduledTask schedule(Runnable task, Duration delay);

  /**
   * Whether the caller is this loop's thread.
   *
   * @return true on the loop's thread
   */
  boolean isCurrent();
}
