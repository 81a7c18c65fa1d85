// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.ListenException;
import dev.millrace.MillraceException;
import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.ServerSpec;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Loops that share the connections which the first of them accepts. */
final class NioServer implements EngineServer {
  private final ServerSpec spec;
  private final List<NioLoop> loops = new ArrayList<>();
  private final int[] ports;
  private final ConnectionCount connections;
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicBoolean shutdownBegun = new AtomicBoolean();
  private final CompletableFuture<Void> terminated = new CompletableFuture<>();
  private final AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();

  private NioServer(ServerSpec spec) {
    this.spec = spec;
    ports = new int[spec.listen().size()];
    connections = new ConnectionCount(spec.limits().maxConnections());
  }

  /** A running server, every listener bound; or an exception, and nothing left behind. */
  static NioServer start(ServerSpec spec) throws MillraceException {
    Rehearsal.run();
    NioServer server = new NioServer(spec);
    List<List<Listener>> listeners = server.bind();
    server.createLoops(listeners);
    server.startLoops();
    return server;
  }

  // ---- Starting.

  /** The listeners of each loop. */
  private List<List<Listener>> bind() throws MillraceException {
    List<List<Listener>> listeners = new ArrayList<>();
    for (int i = 0; i < spec.loops(); i++) {
      listeners.add(new ArrayList<>());
    }
    try {
      for (int i = 0; i < ports.length; i++) {
        bind(i, listeners);
      }
      return listeners;
    } catch (Throwable t) {
      listeners.forEach(bound -> bound.forEach(Listener::close));
      throw t;
    }
  }

  private void bind(int index, List<List<Listener>> listeners) throws MillraceException {
    ListenAddress address = spec.listen().get(index);
    boolean shared = spec.socketOptions().reusePort() && spec.loops() > 1 && address.tcp() != null;
    Listener.Sharing sharing = shared ? Listener.Sharing.FIRST : Listener.Sharing.ALONE;
    Listener first = Listener.open(address, spec.socketOptions(), sharing);
    listeners.get(0).add(first);
    ports[index] = port(address, first);
    for (int loop = 1; shared && loop < spec.loops(); loop++) {
      ListenAddress bound = address.withPort(ports[index]);
      listeners.get(loop).add(Listener.open(bound, spec.socketOptions(), Listener.Sharing.FURTHER));
    }
  }

  private static int port(ListenAddress address, Listener listener) throws ListenException {
    try {
      return listener.port();
    } catch (IOException e) {
      throw new ListenException(address.uri(), "cannot listen on " + address.uri(), e);
    }
  }

  private void createLoops(List<List<Listener>> listeners) throws MillraceException {
    try {
      for (int i = 0; i < spec.loops(); i++) {
        NioLoop loop = new NioLoop(this, i, spec);
        loops.add(loop);
        listeners.get(i).forEach(loop::add);
      }
      running.set(loops.size());
    } catch (Throwable t) {
      listeners.forEach(bound -> bound.forEach(Listener::close));
      running.set(loops.size() + 1); // so that their ends are not the server's
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
  private void startLoops() {
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

  /** The loop with the fewest streams, those on their way included. */
  NioLoop leastLoaded() {
    NioLoop least = loops.get(0);
    for (NioLoop loop : loops) {
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

  // ---- The server.

  @Override
  public List<URI> addresses() {
    List<URI> addresses = new ArrayList<>();
    for (int i = 0; i < ports.length; i++) {
      addresses.add(spec.listen().get(i).boundUri(ports[i]));
    }
    return List.copyOf(addresses);
  }

  @Override
  public int connectionCount() {
    return connections.get();
  }

  @Override
  public void readStatistics(int loop, long[] values) {
    loops.get(loop).readStatistics(values);
  }

  @Override
  public void shutdown(Duration drain, Duration spread) {
    if (shutdownBegun.compareAndSet(false, true)) {
      loops.forEach(loop -> loop.shutdown(drain, spread));
    }
    if (loops.stream().noneMatch(NioLoop::isCurrent)) {
      // Ended is ended: how is told by terminated().
      terminated.handle((nothing, failure) -> null).join();
    }
  }

  @Override
  public CompletionStage<Void> terminated() {
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
    // Nobody accepts any more when the first has gone.
    if (loop == loops.get(0) && shutdownBegun.compareAndSet(false, true)) {
      loops.forEach(other -> other.shutdown(spec.limits().closeTimeout(), Duration.ZERO));
    }
    if (running.decrementAndGet() == 0) {
      Throwable first = failed.get();
      if (first == null) {
        terminated.complete(null);
      } else {
        terminated.completeExceptionally(first);
      }
    }
  }
}
