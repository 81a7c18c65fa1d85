// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.Compression;
import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.MillraceException;
import dev.millrace.ProtocolRule;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.Errno;
import dev.millrace.internal.spi.LeaseWatch;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.LoopMeter;
import dev.millrace.internal.spi.MemoryShares;
import dev.millrace.internal.spi.Tally;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The loops of a server or a client, from their start to the end of the last one. All of them run,
 * or none is left. Any thread, once started.
 */
abstract class LoopGroup {
  private static final String ALLOCATOR_PROPERTY = "millrace.allocator";
  private static final int COLLECTIONS = 6;
  private static final long COLLECTION_PAUSE_NANOS = 10_000_000;

  private final long group;
  private final Limits limits;
  private final int maxConnections;
  private final Tally tally = new Tally();
  private final List<NativeLoop> loops = new ArrayList<>();
  private final @Nullable LeaseWatch leases = LeaseWatch.of(owner());
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicInteger places = new AtomicInteger();
  private final AtomicBoolean shutdownBegun = new AtomicBoolean();
  private final CompletableFuture<Void> terminated = new CompletableFuture<>();
  private final AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();

  /** A group without loops. */
  LoopGroup(Limits limits, int maxConnections) throws MillraceException {
    this.limits = limits;
    this.maxConnections = maxConnections;
    group = NativeCalls.createGroup();
    if (group < 0) {
      throw cannotStart("group", (int) -group);
    }
    int allowed = NativeCalls.allowShared(MemoryShares.sharedBytes(limits));
    if (allowed < 0) {
      NativeCalls.destroyGroup(group);
      throw cannotStart("shared memory", -allowed);
    }
  }

  /** Whose loops they are, in a message. */
  abstract String owner();

  /** The name of a loop's thread. */
  abstract String threadName(int index);

  /** A loop of the core gets its Java half. */
  abstract NativeLoop newLoop(int index, int handle);

  // ---- Starting.

  /** Makes loops, whose threads do not run yet. */
  void createLoops(int count, ByteBuffer options) throws MillraceException {
    List<Integer> handles = new ArrayList<>();
    try {
      options.putInt(Records.OPTION_ALLOCATOR_OFFSET, allocator());
      for (int i = 0; i < count; i++) {
        int handle = createLoop(group, options);
        if (handle < 0) {
          throw cannotStart("loop " + i + " of " + count, -handle);
        }
        handles.add(handle);
        loops.add(newLoop(i, handle));
      }
      running.set(count);
    } catch (Throwable t) {
      handles.forEach(NativeCalls::destroy);
      endGroup();
      throw t;
    }
  }

  /** All threads run, or none is left: a machine may have no thread to give. */
  void startLoops() {
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
   * A loop of the core. Those of groups that have ended are kept until nobody can see their memory,
   * which only the garbage collector knows; where their number is the reason, it is asked, as for
   * direct buffers.
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

  private void endGroup() {
    NativeCalls.destroyGroup(group);
    NativeCalls.allowShared(-MemoryShares.sharedBytes(limits));
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

  /**
   * The options of a loop, its role and what belongs to that left out.
   *
   * @param sockets how many it holds at once
   */
  static ByteBuffer options(
      Limits limits, int sockets, Set<ProtocolRule> relaxed, Compression compression) {
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
    options.putInt(Records.OPTION_MAX_CONNECTIONS_OFFSET, sockets);
    options.putInt(Records.OPTION_MAX_FRAGMENTS_OFFSET, limits.maxFragments());
    options.putInt(Records.OPTION_MAX_HEADER_BYTES_OFFSET, limits.maxHeaderBytes());
    options.putInt(Records.OPTION_MAX_REQUEST_LINE_OFFSET, limits.maxRequestLineBytes());
    options.putInt(Records.OPTION_RELAXED_OFFSET, bits(relaxed));
    options.putInt(Records.OPTION_CHECKED_OFFSET, CheckedMode.isOn() ? 1 : 0);
    if (compression.isEnabled()) {
      options.putInt(Records.OPTION_DEFLATE_LEVEL_OFFSET, compression.level());
      options.putInt(Records.OPTION_DEFLATE_MEMORY_LEVEL_OFFSET, compression.memoryLevel());
      options.putLong(Records.OPTION_DEFLATE_THRESHOLD_OFFSET, compression.thresholdBytes());
    }
    if (limits.maxMessagesPerSecond() != Limits.UNLIMITED) {
      options.putLong(Records.OPTION_MESSAGES_PER_SECOND_OFFSET, limits.maxMessagesPerSecond());
    }
    if (limits.maxBytesPerSecond() != Long.MAX_VALUE) {
      options.putLong(Records.OPTION_BYTES_PER_SECOND_OFFSET, limits.maxBytesPerSecond());
    }
    options.putLong(Records.OPTION_MAX_CREDIT_BYTES_OFFSET, limits.maxCreditBytes());
    return options;
  }

  private static int bits(Set<ProtocolRule> rules) {
    return rules.stream().mapToInt(rule -> 1 << rule.ordinal()).sum();
  }

  // ---- Places.

  /** Whether there are as many connections as there may be. */
  boolean isFull() {
    return places.get() >= maxConnections;
  }

  /** False when there are as many connections as there may be. */
  boolean takePlace() {
    return places.getAndUpdate(taken -> taken < maxConnections ? taken + 1 : taken)
        < maxConnections;
  }

  void givePlaceBack() {
    places.decrementAndGet();
  }

  // ---- Running.

  List<NativeLoop> loops() {
    return loops;
  }

  /** Its open leases, in checked mode. */
  @Nullable LeaseWatch leases() {
    return leases;
  }

  /** How the first loop listens. */
  int sharing(ListenAddress address) {
    return Records.ALONE;
  }

  /** On a loop's thread, once for each of its listeners. */
  void onListening(NativeLoop loop, int listener, int result, boolean isErrno) {
    throw new IllegalStateException("nobody listens here: listener=" + listener);
  }

  public int connectionCount() {
    int count = 0;
    for (NativeLoop loop : loops) {
      count += loop.connectionCount();
    }
    return count;
  }

  public void readStatistics(int loop, long[] values) {
    loops.get(loop).readStatistics(values);
  }

  public LoopMeter meter(int loop) {
    return loops.get(loop).meter();
  }

  public void visit(int loop, Consumer<? super Connection> visitor, Runnable done) {
    loops.get(loop).visit(visitor, done);
  }

  public Tally tally() {
    return tally;
  }

  // ---- Ending.

  public void shutdown(Duration drain, Duration spread) {
    beginShutdown(drain, spread);
    if (loops.stream().noneMatch(NativeLoop::isCurrent)) {
      // Ended is ended: how is told by terminated().
      terminated.handle((nothing, failure) -> null).join();
    }
  }

  private void beginShutdown(Duration drain, Duration spread) {
    if (shutdownBegun.compareAndSet(false, true)) {
      loops.forEach(loop -> loop.shutdown(drain, spread));
    }
  }

  public CompletionStage<Void> terminated() {
    return terminated.minimalCompletionStage();
  }

  /** A loop has ended that the others cannot go on without. */
  void endOthers() {
    beginShutdown(limits.closeTimeout(), Duration.ZERO);
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
    if (running.decrementAndGet() == 0) {
      endGroup();
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
