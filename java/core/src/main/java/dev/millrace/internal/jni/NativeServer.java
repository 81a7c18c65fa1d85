// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Limits;
import dev.millrace.MillraceException;
import dev.millrace.ProtocolRule;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.EngineServer;
import dev.millrace.internal.spi.Errno;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.ListenRefusal;
import dev.millrace.internal.spi.ServerSpec;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A group of loops that share the connections which the first of them accepts. */
final class NativeServer implements EngineServer {
  private static final String ALLOCATOR_PROPERTY = "millrace.allocator";
  private static final int MAX_SLOTS = 1 << 22;
  private static final int COLLECTIONS = 6;
  private static final long COLLECTION_PAUSE_NANOS = 10_000_000;

  private final ServerSpec spec;
  private final long group;
  private final List<NativeLoop> loops = new ArrayList<>();
  private final int[] ports;
  private final AtomicInteger unbound;
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicInteger places = new AtomicInteger();
  private final AtomicBoolean shutdownBegun = new AtomicBoolean();
  private final CompletableFuture<@Nullable ListenRefusal> listening = new CompletableFuture<>();
  private final CompletableFuture<Void> terminated = new CompletableFuture<>();
  private final AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();

  private NativeServer(ServerSpec spec, long group) {
    this.spec = spec;
    this.group = group;
    ports = new int[spec.listen().size()];
    unbound = new AtomicInteger(countListeners());
  }

  /** A running server, every listener bound; or an exception, and nothing left behind. */
  static NativeServer start(ServerSpec spec) throws MillraceException {
    long group = NativeCalls.createGroup();
    if (group < 0) {
      throw cannotStart("group", (int) -group);
    }
    NativeServer server = new NativeServer(spec, group);
    server.createLoops();
    server.startLoops();
    server.awaitListening();
    return server;
  }

  private void createLoops() throws MillraceException {
    ByteBuffer options = options(spec.limits());
    options.putInt(Records.OPTION_ALLOCATOR_OFFSET, allocator());
    options.putInt(Records.OPTION_RELAXED_OFFSET, bits(spec.relaxed()));
    options.putInt(Records.OPTION_PROXY_PROTOCOL_OFFSET, spec.proxyProtocol() ? 1 : 0);
    List<Integer> handles = new ArrayList<>();
    try {
      for (int i = 0; i < spec.loops(); i++) {
        int handle = createLoop(group, options);
        if (handle < 0) {
          throw cannotStart("loop " + i + " of " + spec.loops(), -handle);
        }
        handles.add(handle);
        loops.add(
            new NativeLoop(
                this,
                i,
                handle,
                spec.limits(),
                spec.socketOptions(),
                spec.dispatcher(),
                i == 0 ? spec.listen() : List.of()));
      }
      running.set(loops.size());
    } catch (Throwable t) {
      handles.forEach(NativeCalls::destroy);
      NativeCalls.destroyGroup(group);
      throw t;
    }
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
      for (NativeLoop never : loops.subList(started, loops.size())) {
        never.abandon();
      }
      shutdown(Duration.ZERO, Duration.ZERO);
      throw t;
    }
  }

  /**
   * A loop of the core. Those of servers that have ended are kept until nobody can see their
   * memory, which only the garbage collector knows; where their number is the reason, it is asked,
   * as for direct buffers.
   */
  private static int createLoop(long group, ByteBuffer options) {
    int handle = NativeCalls.create(group, options);
    for (int i = 0; i < COLLECTIONS && (handle == -Errno.EMFILE || handle == -Errno.ENOMEM); i++) {
      System.gc();
      LockSupport.parkNanos(COLLECTION_PAUSE_NANOS << i);
      handle = NativeCalls.create(group, options);
    }
    return handle;
  }

  private static MillraceException cannotStart(String what, int errno) {
    String text =
        "cannot start the native engine: " + what + ": " + Errno.text(errno) + ", errno=" + errno;
    String remedy =
        switch (errno) {
          case Errno.EMFILE, Errno.ENFILE -> "; raise the limit of open files (ulimit -n)";
          case Errno.ENOMEM -> "; lower Limits.regionBytes() or the number of loops";
          default -> "";
        };
    return new MillraceException(text + remedy, null);
  }

  /** Who places blocks: for comparison and for tests, so it is no option of the API. */
  private static int allocator() throws MillraceException {
    String name = System.getProperty(ALLOCATOR_PROPERTY, "blocks");
    return switch (name) {
      case "blocks" -> Records.ALLOCATOR_BLOCKS;
      case "general" -> Records.ALLOCATOR_GENERAL;
      default ->
          throw new MillraceException(
              "unknown allocator: " + ALLOCATOR_PROPERTY + "=" + name + "; blocks or general",
              null);
    };
  }

  private static ByteBuffer options(Limits limits) {
    ByteBuffer options =
        ByteBuffer.allocateDirect(Records.OPTIONS_LENGTH).order(ByteOrder.LITTLE_ENDIAN);
    options.putLong(Records.OPTION_REGION_BYTES_OFFSET, limits.regionBytes());
    options.putLong(Records.OPTION_MAX_MESSAGE_BYTES_OFFSET, limits.maxMessageBytes());
    options.putLong(Records.OPTION_HIGH_WATER_BYTES_OFFSET, limits.highWaterMarkBytes());
    options.putLong(Records.OPTION_HANDSHAKE_TIMEOUT_OFFSET, limits.handshakeTimeout().toNanos());
    options.putLong(Records.OPTION_CLOSE_TIMEOUT_OFFSET, limits.closeTimeout().toNanos());
    options.putLong(Records.OPTION_IDLE_TIMEOUT_OFFSET, limits.idleTimeout().toNanos());
    options.putLong(Records.OPTION_PING_INTERVAL_OFFSET, limits.pingInterval().toNanos());
    options.putLong(Records.OPTION_MAX_PING_INTERVAL_OFFSET, limits.maxPingInterval().toNanos());
    options.putLong(Records.OPTION_PONG_TIMEOUT_OFFSET, limits.pongTimeout().toNanos());
    options.putLong(Records.OPTION_WRITE_TIMEOUT_OFFSET, limits.writeTimeout().toNanos());
    options.putInt(Records.OPTION_MAX_CONNECTIONS_OFFSET, slots(limits.maxConnections()));
    options.putInt(Records.OPTION_MAX_FRAGMENTS_OFFSET, limits.maxFragments());
    options.putInt(Records.OPTION_MAX_HEADER_BYTES_OFFSET, limits.maxHeaderBytes());
    options.putInt(Records.OPTION_MAX_REQUEST_LINE_OFFSET, limits.maxRequestLineBytes());
    return options;
  }

  /**
   * How many sockets a loop holds: all the server's connections, and some that are still asking.
   */
  private static int slots(int maxConnections) {
    return Math.min(maxConnections + Math.max(64, maxConnections / 4), MAX_SLOTS);
  }

  private static int bits(Set<ProtocolRule> rules) {
    return rules.stream().mapToInt(rule -> 1 << rule.ordinal()).sum();
  }

  // ---- Places.

  /** Any thread. */
  boolean isFull() {
    return places.get() >= spec.limits().maxConnections();
  }

  /** Any thread: false when the server holds as many connections as it may. */
  boolean takePlace() {
    int limit = spec.limits().maxConnections();
    return places.getAndUpdate(taken -> taken < limit ? taken + 1 : taken) < limit;
  }

  /** Any thread. */
  void givePlaceBack() {
    places.decrementAndGet();
  }

  // ---- Listening.

  /** Whether every loop listens on this address. */
  private boolean isShared(ListenAddress address) {
    return spec.socketOptions().reusePort() && spec.loops() > 1 && address.tcp() != null;
  }

  private int countListeners() {
    return spec.listen().stream().mapToInt(address -> isShared(address) ? spec.loops() : 1).sum();
  }

  /** How the first loop listens. */
  int sharing(ListenAddress address) {
    return isShared(address) ? Records.FIRST : Records.ALONE;
  }

  /** On a loop's thread, once for each of its listeners. */
  void onListening(NativeLoop loop, int listener, int result, boolean isErrno) {
    ListenAddress address = spec.listen().get(listener);
    if (isErrno) {
      listening.complete(new ListenRefusal(address, spec.socketOptions(), result));
      return;
    }
    if (loop == loops.get(0)) {
      ports[listener] = result & 0xFFFF;
      if (isShared(address)) {
        ListenAddress bound = address.withPort(ports[listener]);
        loops.stream().skip(1).forEach(further -> further.listenToo(listener, bound));
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
    int count = 0;
    for (NativeLoop loop : loops) {
      count += loop.connectionCount();
    }
    return count;
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
    if (loops.stream().noneMatch(NativeLoop::isCurrent)) {
      // Ended is ended: how is told by terminated().
      terminated.handle((nothing, failure) -> null).join();
    }
  }

  @Override
  public CompletionStage<Void> terminated() {
    return terminated.minimalCompletionStage();
  }

  /**
   * On the thread of a loop that has ended, and is destroyed.
   *
   * @param failure null at the orderly end
   */
  void onLoopEnd(NativeLoop loop, @Nullable Throwable failure) {
    if (failure != null) {
      failed.compareAndSet(null, failure);
    }
    // Without effect when this is the orderly end.
    listening.completeExceptionally(new IllegalStateException("a loop ended"));
    if (loop == loops.get(0)) {
      // Nobody accepts any more.
      if (shutdownBegun.compareAndSet(false, true)) {
        loops.forEach(other -> other.shutdown(spec.limits().closeTimeout(), Duration.ZERO));
      }
    }
    if (running.decrementAndGet() == 0) {
      NativeCalls.destroyGroup(group);
      Throwable first = failed.get();
      if (first == null) {
        terminated.complete(null);
      } else {
        terminated.completeExceptionally(first);
      }
    }
  }
}
