// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.MillraceException;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.ListenRefusal;
import dev.millrace.internal.spi.ServerSpec;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A group of loops that share the connections which the first of them accepts. */
final class NativeServer extends LoopGroup implements EngineServer {
  private static final int MAX_SLOTS = 1 << 22;

  private final ServerSpec spec;
  private final int[] ports;
  private final AtomicInteger unbound;
  private final CompletableFuture<@Nullable ListenRefusal> listening = new CompletableFuture<>();

  private NativeServer(ServerSpec spec) throws MillraceException {
    super(spec.limits(), spec.limits().maxConnections());
    this.spec = spec;
    ports = new int[spec.listen().size()];
    unbound = new AtomicInteger(countListeners());
  }

  /** A running server, every listener bound; or an exception, and nothing left behind. */
  static NativeServer start(ServerSpec spec) throws MillraceException {
    NativeServer server = new NativeServer(spec);
    int sockets = slots(spec.limits().maxConnections());
    ByteBuffer options = options(spec.limits(), sockets, spec.relaxed(), spec.compression());
    options.putInt(Records.OPTION_PROXY_PROTOCOL_OFFSET, spec.proxyProtocol() ? 1 : 0);
    server.createLoops(spec.loops(), options);
    server.startLoops();
    server.awaitListening();
    return server;
  }

  @Override
  String owner() {
    return "server";
  }

  @Override
  String threadName(int index) {
    return "millrace-loop-" + index;
  }

  @Override
  NativeLoop newLoop(int index, int handle) {
    List<ListenAddress> listen = index == 0 ? spec.listen() : List.of();
    return new NativeLoop(
        this, index, handle, spec.limits(), spec.socketOptions(), spec.dispatcher(), listen);
  }

  /**
   * How many sockets a loop holds: all the server's connections, and some that are still asking.
   */
  private static int slots(int maxConnections) {
    return Math.min(maxConnections + Math.max(64, maxConnections / 4), MAX_SLOTS);
  }

  // ---- Listening.

  /** Whether every loop listens on this address. */
  private boolean isShared(ListenAddress address) {
    return spec.socketOptions().reusePort() && spec.loops() > 1 && address.tcp() != null;
  }

  private int countListeners() {
    return spec.listen().stream().mapToInt(address -> isShared(address) ? spec.loops() : 1).sum();
  }

  @Override
  int sharing(ListenAddress address) {
    return isShared(address) ? Records.FIRST : Records.ALONE;
  }

  @Override
  void onListening(NativeLoop loop, int listener, int result, boolean isErrno) {
    ListenAddress address = spec.listen().get(listener);
    if (isErrno) {
      listening.complete(new ListenRefusal(address, spec.socketOptions(), result));
      return;
    }
    if (loop == loops().get(0)) {
      ports[listener] = result & 0xFFFF;
      if (isShared(address)) {
        ListenAddress bound = address.withPort(ports[listener]);
        loops().stream().skip(1).forEach(further -> further.listenToo(listener, bound));
      }
    }
    if (unbound.decrementAndGet() == 0) {
      listening.complete(null);
    }
  }

  private void awaitListening() throws MillraceException {
    ListenRefusal refusal;
    try {
      refusal = listening.join();
    } catch (CompletionException e) {
      shutdown(Duration.ZERO, Duration.ZERO);
      throw new MillraceException("cannot start the native engine: a loop ended", e.getCause());
    }
    if (refusal != null) {
      shutdown(Duration.ZERO, Duration.ZERO);
      throw refusal.exception();
    }
  }

  @Override
  public List<URI> addresses() {
    List<URI> addresses = new ArrayList<>();
    for (int i = 0; i < ports.length; i++) {
      addresses.add(spec.listen().get(i).boundUri(ports[i]));
    }
    return List.copyOf(addresses);
  }

  @Override
  void onLoopEnd(NativeLoop loop, @Nullable Throwable failure) {
    // Without effect when this is the orderly end.
    listening.completeExceptionally(new IllegalStateException("a loop ended"));
    if (loop == loops().get(0)) {
      // Nobody accepts any more.
      endOthers();
    }
    super.onLoopEnd(loop, failure);
  }
}
