// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.MillraceException;
import dev.millrace.internal.spi.LeaseWatch;
import dev.millrace.internal.spi.Tally;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The loops of a server or a client, from their start to the end of the last one. All of them run,
 * or none is left. Any thread, once started.
 */
final class LoopGroup {
  private final LoopSpec spec;
  private final List<NioLoop> loops = new ArrayList<>();
  private final ConnectionCount connections;
  private final @Nullable LeaseWatch leases;
  private final Tally tally = new Tally();
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicBoolean shutdownBegun = new AtomicBoolean();
  private final CompletableFuture<Void> terminated = new CompletableFuture<>();
  private final AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();

  /** A group without loops. */
  LoopGroup(LoopSpec spec) {
    this.spec = spec;
    connections = new ConnectionCount(spec.maxConnections());
    leases = LeaseWatch.of(spec.owner());
  }

  // ---- Starting.

  /** Makes loops, whose threads do not run yet. */
  void create(int count) throws MillraceException {
    try {
      for (int i = 0; i < count; i++) {
        loops.add(new NioLoop(this, i, spec));
      }
      running.set(count);
    } catch (Throwable t) {
      running.set(count + 1); // so that their ends are not the group's
      loops.forEach(NioLoop::abandon);
      throw cannotStart(t);
    }
  }

  private static MillraceException cannotStart(Throwable cause) throws MillraceException {
    if (cause instanceof Error error) {
      throw error;
    }
    String said = String.valueOf(cause.getMessage());
    String remedy =
        said.contains("Too many open files") ? "; raise the limit of open files (ulimit -n)" : "";
    return new MillraceException("cannot start the Java engine: " + said + remedy, cause);
  }

  /** All threads run, or none is left: a machine may have no thread to give. */
  void start() {
    int started = 0;
    try {
      while (started < loops.size()) {
        loops.get(started).start();
        started++;
      }
    } catch (Throwable t) {
      for (NioLoop never : loops.subList(started, loops.size())) {
        never.abandon();
      }
      shutdown(Duration.ZERO, Duration.ZERO);
      throw t;
    }
  }

  // ---- Running.

  NioLoop loop(int index) {
    return loops.get(index);
  }

  /** What a loop counts, also when it has ended. */
  void readStatistics(int index, long[] values) {
    NioLoop loop = loops.get(index);
    loop.readStatistics(values);
    loop.meter().addTo(values);
  }

  /** The loop with the fewest streams, those on their way included; of equal ones the first. */
  NioLoop leastLoaded() {
    return leastLoaded(0);
  }

  /** As {@link #leastLoaded()}, counted from there. */
  NioLoop leastLoaded(int first) {
    NioLoop least = loops.get(Math.floorMod(first, loops.size()));
    for (int i = 1; i < loops.size(); i++) {
      NioLoop loop = loops.get(Math.floorMod(first + i, loops.size()));
      if (loop.load() < least.load()) {
        least = loop;
      }
    }
    return least;
  }

  /** How many connections there are and may be, on all loops. */
  ConnectionCount connections() {
    return connections;
  }

  /** Its open leases, in checked mode. */
  @Nullable LeaseWatch leases() {
    return leases;
  }

  /** What has happened to the sends of all connections. */
  Tally tally() {
    return tally;
  }

  // ---- Ending.

  /** As of the server's, or the client's. */
  void shutdown(Duration drain, Duration spread) {
    beginShutdown(drain, spread);
    if (loops.stream().noneMatch(NioLoop::isCurrent)) {
      // Ended is ended: how is told by terminated().
      terminated.handle((nothing, failure) -> null).join();
    }
  }

  private void beginShutdown(Duration drain, Duration spread) {
    if (shutdownBegun.compareAndSet(false, true)) {
      loops.forEach(loop -> loop.shutdown(drain, spread));
    }
  }

  CompletionStage<Void> terminated() {
    return terminated.minimalCompletionStage();
  }

  /**
   * On the thread of a loop that has ended.
   *
   * @param failure null at the orderly end
   */
  void onLoopEnd(NioLoop loop, @Nullable Throwable failure) {
    if (failure != null) {
      failed.compareAndSet(null, failure);
    }
    // Nobody accepts any more when the first has gone; and what a client's loop was about to do is
    // nobody's any more.
    if (spec.isClient() ? failure != null : loop == loops.get(0)) {
      beginShutdown(spec.limits().closeTimeout(), Duration.ZERO);
    }
    if (running.decrementAndGet() == 0) {
      if (leases != null) {
        leases.ownerEnded();
      }
      Throwable first = failed.get();
      if (first == null) {
        terminated.complete(null);
      } else {
        terminated.completeExceptionally(first);
      }
    }
  }
}
