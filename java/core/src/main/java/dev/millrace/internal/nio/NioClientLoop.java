// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.ScheduledTask;
import dev.millrace.SocketOptions;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptListener;
import dev.millrace.internal.spi.ClientLoop;
import java.net.SocketAddress;
import java.time.Duration;

/** A loop, as a client's API sees it. */
record NioClientLoop(NioLoop loop) implements ClientLoop {
  @Override
  public Attempt connect(
      SocketAddress address, Duration timeout, SocketOptions options, AttemptListener listener) {
    NioAttempt attempt = new NioAttempt(loop, address, timeout, listener);
    attempt.begin(options);
    return attempt;
  }

  @Override
  public boolean execute(Runnable task) {
    return loop.execute(task);
  }

  @Override
  public ScheduledTask schedule(Runnable task, Duration delay) {
    return loop.schedule().add(task, delay);
  }

  @Override
  public boolean isCurrent() {
    return loop.isCurrent();
  }
}
