// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Connection;
import dev.millrace.ListenException;
import dev.millrace.MillraceException;
import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.LoopMeter;
import dev.millrace.internal.spi.ServerSpec;
import dev.millrace.internal.spi.Tally;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** Loops that share the connections which the first of them accepts. */
final class NioServer implements EngineServer {
  private final ServerSpec spec;
  private final LoopGroup loops;
  private final int[] ports;

  private NioServer(ServerSpec spec) {
    this.spec = spec;
    ports = new int[spec.listen().size()];
    loops = new LoopGroup(LoopSpec.of(spec));
  }

  /** A running server, every listener bound; or an exception, and nothing left behind. */
  static NioServer start(ServerSpec spec) throws MillraceException {
    Rehearsal.run();
    NioServer server = new NioServer(spec);
    List<List<Listener>> listeners = server.bind();
    try {
      server.loops.create(spec.loops());
    } catch (Throwable t) {
      close(listeners);
      throw t;
    }
    for (int i = 0; i < spec.loops(); i++) {
      listeners.get(i).forEach(server.loops.loop(i)::add);
    }
    server.loops.start();
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
      close(listeners);
      throw t;
    }
  }

  private static void close(List<List<Listener>> listeners) {
    listeners.forEach(bound -> bound.forEach(Listener::close));
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
    return loops.connections().get();
  }

  @Override
  public void readStatistics(int loop, long[] values) {
    loops.readStatistics(loop, values);
  }

  @Override
  public LoopMeter meter(int loop) {
    return loops.loop(loop).meter();
  }

  @Override
  public void visit(int loop, Consumer<? super Connection> visitor, Runnable done) {
    loops.loop(loop).visit(visitor, done);
  }

  @Override
  public Tally tally() {
    return loops.tally();
  }

  @Override
  public void shutdown(Duration drain, Duration spread) {
    loops.shutdown(drain, spread);
  }

  @Override
  public CompletionStage<Void> terminated() {
    return loops.terminated();
  }
}
