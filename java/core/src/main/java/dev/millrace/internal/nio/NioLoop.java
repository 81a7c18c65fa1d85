// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.SendException;
import dev.millrace.SendResult;
import dev.millrace.UpgradeResult;
import dev.millrace.internal.protocol.FrameHeader;
import dev.millrace.internal.protocol.HandshakeLimits;
import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.KeptMemory;
import dev.millrace.internal.spi.LeaseWatch;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.internal.spi.LoopMeter;
import dev.millrace.internal.spi.LoopWatch;
import dev.millrace.internal.spi.RequestDispatcher;
import dev.millrace.internal.spi.Tally;
import dev.millrace.internal.spi.Watchdog;
import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One loop: a platform thread, a selector, and the sockets that it serves.
 *
 * <pre>
 *   inbox ---> sends, tasks ---> flush each stream once ---> tell falls and ends
 *     ^                                                          |
 *     |             handlers <--- one receive each <--- select <-+
 *     +--- other threads
 * </pre>
 *
 * <p><b>The turn.</b> What other threads have posted goes first, behind what the handlers of the
 * last turn have sent; then every stream that has something to send is flushed, by one system call
 * where its socket takes it all. What that shows of falls and ends is told, so no handler is ever
 * called inside another. Then the loop announces that it may sleep, looks into the inbox once more,
 * and selects. Whoever posts while it sleeps wakes it, once.
 *
 * <p><b>Interrupts.</b> Channels in non-blocking mode do not close for them, but a selector does
 * not sleep in an interrupted thread: the flag is cleared every turn, and means nothing here.
 *
 * <p><b>The end.</b> Told to shut down, the loop closes its connections and goes on until none is
 * left or the time is over. However it ends, also by an error of our own, every connection gets its
 * {@code onClose}, every socket is closed, and what was or will be posted is given up ({@link
 * Posts}).
 */
final class NioLoop implements Runnable {
  /** As many as {@link dev.millrace.Message} promises; a power of two. */
  private static final int MESSAGES = 256;

  private static final long TRIM_DELAY_NANOS = 1_000_000_000;
  private static final long NANOS_PER_MILLI = 1_000_000;

  /** Numbers the loops of the process; connection ids of the other engine have no sign. */
  private static final AtomicInteger LOOPS = new AtomicInteger();

  private static final int LOOP_SHIFT = 40;
  private static final int VISITS_IN_TURN = 4096;

  private final LoopGroup group;
  private final LoopSpec spec;
  private final Timeouts timeouts;
  private final HandshakeLimits handshakeLimits;
  private final Selector selector;
  private final Thread thread;
  private final LoopWatch watch;
  private final WaitedTime waiting = new WaitedTime();
  private final long idBase = Long.MIN_VALUE | (long) LOOPS.getAndIncrement() << LOOP_SHIFT;
  private final Counters counters = new Counters();
  private final LoopMeter meter = new LoopMeter();
  private final BlockPool pool;
  private final KeptMemory keptMemory;
  private final ReceiveBuffer receiveBuffer = new ReceiveBuffer();
  private final Pieces pieces;
  private final FrameHeader header;
  private final FrameWriter frames;
  private final Codec codec;
  private final NioMessage[] messages = new NioMessage[MESSAGES];
  private final TimerHeap timers = new TimerHeap();
  private final Schedule schedule = new Schedule(this);
  private final Drain drain = new Drain(timers);
  private final AtomicInteger unfinishedHandlers = new AtomicInteger();
  private final Posts posts;
  private final Sockets sockets;
  private final Consumer<SelectionKey> keyServer = this::serve;

  // Loop thread only.
  private final List<Listener> listeners = new ArrayList<>();
  private final DirtyStreams dirty = new DirtyStreams(this);
  private final Untold untold = new Untold(this);
  private final Unwritable unwritable = new Unwritable(timers);
  private final ArrayDeque<Stream> holding = new ArrayDeque<>();

  // Who compresses takes turns: each goes on behind the others.
  private final ArrayDeque<Stream> inflating = new ArrayDeque<>();
  private final TimerHeap.Entry trim =
      new TimerHeap.Entry() {
        @Override
        void expire() {
          pool.trim(BlockPool.KEPT_BYTES);
        }
      };
  private int nextMessage;
  private long lookedNanos = System.nanoTime();
  private long connectionIds;
  private int events;
  private boolean served;
  private boolean acceptingLast;
  private int connectionCount;
  private boolean isEnding;

  /** A loop whose thread does not run yet. */
  NioLoop(LoopGroup group, int index, LoopSpec spec) throws IOException {
    this.group = group;
    this.spec = spec;
    Limits limits = spec.limits();
    timeouts = Timeouts.of(limits);
    header = new FrameHeader(spec.relaxed(), spec.isClient());
    frames = new FrameWriter(spec.isClient() ? new MaskingKeys() : null);
    codec = new Codec(this, spec.compression());
    handshakeLimits = spec.handshakeLimits();
    pool = new BlockPool(limits.regionBytes(), CheckedMode.isOn());
    keptMemory = new KeptMemory(limits.regionBytes());
    pieces = new Pieces(pool, receiveBuffer.block());
    for (int i = 0; i < MESSAGES; i++) {
      messages[i] = new NioMessage(this);
    }
    thread = new Thread(null, this, spec.threadName(index));
    watch =
        new LoopWatch(
            thread,
            limits.blockedLoopThreshold().toNanos(),
            () -> counters.get(LoopCounter.REGION_FULL) + pool.spills());
    selector = Selector.open();
    posts = new Posts(selector, thread, limits.inboxCapacity(), task -> runLogging(task::run));
    sockets = new Sockets(this, selector, spec.maxSockets());
  }

  /** Listens there from its start. Before {@link #start}. */
  void add(Listener listener) {
    listeners.add(listener);
  }

  /** Starts the thread. */
  void start() {
    Watchdog.watch(watch);
    thread.start();
  }

  /** Ends a loop whose thread could not be started. */
  void abandon() {
    end(atShutdown());
  }

  // ---- The turn.

  @Override
  public void run() {
    CloseReason reason = atShutdown();
    try {
      for (Listener listener : listeners) {
        listener.register(this, selector);
      }
      while (turn()) {}
    } catch (Throwable t) {
      ErrorLog.log("a loop failed and ends: loop=" + thread.getName(), t);
      reason =
          new CloseReason(
              CloseCode.ABNORMAL_CLOSURE, "the loop failed", CloseReason.Initiator.LOCAL, t);
    } finally {
      end(reason);
    }
  }

  private boolean turn() throws IOException {
    codec.decompressor().beginTurn();
    posts.drain();
    takeHeld();
    dirty.flush();
    unwritable.check();
    untold.tell();
    if (isDraining() && isDrained()) {
      return false;
    }
    if (pool.keepsTooMuch() && !trim.isSet()) {
      timers.set(trim, System.nanoTime() + TRIM_DELAY_NANOS);
    }
    if (CheckedMode.isOn()) {
      lookForLateWrites();
    }
    select();
    expireTimers();
    if (events > 0) {
      counters.increment(LoopCounter.TICKS);
      counters.add(LoopCounter.EVENTS, events);
    }
    acceptingLast &= events > 0;
    events = 0;
    return true;
  }

  private void lookForLateWrites() {
    long now = System.nanoTime();
    if (now - lookedNanos < NANOS_PER_MILLI) {
      return;
    }
    lookedNanos = now;
    Block written = pool.lookAtResting();
    if (written != null) {
      LeaseWatch.reportLateWrite(written.number());
    }
  }

  private void select() throws IOException {
    Thread.interrupted();
    posts.announceSleep();
    long timeout = timeoutNanos();
    watch.waits();
    if (timeout == 0) {
      selector.selectNow(keyServer);
    } else {
      waiting.begin();
      // Rounded up: an early wake would look and wait again. 0 would wait for ever.
      selector.select(
          keyServer, timeout < 0 ? 0 : (timeout + NANOS_PER_MILLI - 1) / NANOS_PER_MILLI);
    }
    waiting.end();
    watch.works();
    if (posts.awake() && !served) {
      counters.increment(LoopCounter.WAKEUPS);
    }
    served = false;
  }

  private long timeoutNanos() {
    boolean busy =
        unwritable.isUnchecked()
            || acceptingLast
            || !posts.isEmpty()
            || !dirty.isEmpty()
            || !untold.isEmpty()
            || !holding.isEmpty()
            || isInflating();
    if (busy) {
      return 0;
    }
    long now = System.nanoTime();
    long timeout = timers.untilNext(now);
    if (!isDraining()) {
      return timeout;
    }
    long left = drain.left(now);
    return timeout < 0 ? left : Math.min(timeout, left);
  }

  private void serve(SelectionKey key) {
    if (!served) {
      // Awake: who posts from now on need not wake anybody.
      served = true;
      long before = waiting.endedNanos();
      waiting.end();
      watch.works();
      // A turn that only looked has read no clock yet.
      long ended = waiting.endedNanos();
      meter.turnBegan(ended == before ? System.nanoTime() : ended);
      posts.awake();
    }
    if (!key.isValid()) {
      return;
    }
    if (key.attachment() instanceof Listener listener) {
      runLogging(listener::accept);
    } else if (key.attachment() instanceof Stream stream) {
      serve(stream, key.readyOps());
    }
  }

  /** A stream is ready for this, or may be. */
  void serve(Stream stream, int ready) {
    try {
      stream.ready(ready);
      if (stream.queue().borrows()) {
        stream.queue().flush();
      } else if (dirty.areMany()) {
        dirty.flush();
      }
    } catch (Throwable t) {
      fail(stream, t);
    }
  }

  /**
   * What handlers throw is dealt with where they are called, so this is a fault of our own, or a
   * JVM that cannot go on as it should. It costs the connection, not the loop.
   */
  void fail(Stream stream, Throwable failure) {
    ErrorLog.log("a socket could not be served: loop=" + thread.getName(), failure);
    runLogging(() -> stream.end(0, true));
  }

  private void expireTimers() {
    long now = System.nanoTime();
    for (TimerHeap.Entry due = timers.takeDue(now); due != null; due = timers.takeDue(now)) {
      runLogging(due::expire);
    }
  }

  /** What it throws is logged, and harms nothing else. */
  void runLogging(Runnable task) {
    try {
      task.run();
    } catch (Throwable t) {
      ErrorLog.log("a task threw: loop=" + thread.getName(), t);
    }
  }

  /** Something was told to the application: the turn counts. */
  void countEvent() {
    events++;
  }

  // ---- Sending.

  /** A stream has something to send, or a pong. */
  void markDirty(Stream stream) {
    dirty.add(stream);
  }

  /** What the application has sent goes out now. */
  void flush() {
    counters.increment(LoopCounter.FLUSHES);
    dirty.flush();
  }

  /** An asynchronous send is over: told between two handler calls. */
  void completeLater(CompletableFuture<Void> sent, boolean failed) {
    untold.add(sent, failed);
  }

  /** A send will never leave. Any thread, once the loop has ended; before that, its own. */
  void failSend(@Nullable CompletableFuture<Void> sent) {
    if (sent == null) {
      return;
    }
    if (!posts.haveEnded() && isCurrent()) {
      completeLater(sent, true);
    } else {
      sent.completeExceptionally(new SendException(SendResult.CLOSED));
    }
  }

  // ---- Telling.

  /** A stream's queue has fallen, or it has ended: its connection hears of it in this turn. */
  void tell(Stream stream) {
    untold.add(stream);
  }

  /** A stream may parse what was held back, or its socket is read behind those of others. */
  void takeHeldLater(Stream stream) {
    if (!stream.isListedToTake) {
      stream.isListedToTake = true;
      (stream.deflation() == null ? holding : inflating).add(stream);
    }
  }

  private void takeHeld() {
    for (int left = holding.size(); left > 0; left--) {
      takeHeld(holding.remove());
    }
    if (isInflating()) {
      // What others are sent does not wait for it.
      dirty.flush();
      inflate();
    }
  }

  /** First what was begun, then as many of those that wait as a turn has room for. */
  private void inflate() {
    Stream begun = codec.decompressor().stream();
    if (begun != null) {
      try {
        begun.inflateOn();
      } catch (Throwable t) {
        fail(begun, t);
      }
    }
    for (int left = inflating.size(); left > 0 && !codec.decompressor().rests(); left--) {
      takeHeld(inflating.remove());
    }
  }

  private boolean isInflating() {
    return codec.decompressor().stream() != null || !inflating.isEmpty();
  }

  private void takeHeld(Stream stream) {
    stream.isListedToTake = false;
    try {
      stream.takeHeld();
    } catch (Throwable t) {
      fail(stream, t);
    }
  }

  // ---- Posting.

  /** Any thread: posts a message, or answers false when the inbox is full. */
  boolean offer(PostedSend message) {
    return posts.offer(message);
  }

  /** Any thread: posts a task, which runs on this loop's thread or is dropped when it has ended. */
  void post(Inbox.Task task) {
    posts.post(task);
  }

  /** As {@link #post(Inbox.Task)}. */
  void post(Runnable action) {
    posts.post(action);
  }

  /** Any thread: runs at once on the loop's thread, else as a task. */
  void run(Runnable action) {
    posts.run(action);
  }

  /** Any thread: false when the loop has ended and the task will never run. */
  boolean execute(Runnable task) {
    return posts.execute(task);
  }

  // ---- What streams and connections ask for.

  Thread thread() {
    return thread;
  }

  /** Whether the caller is this loop's thread. */
  boolean isCurrent() {
    return posts.isCurrent();
  }

  boolean isClient() {
    return spec.isClient();
  }

  Limits limits() {
    return spec.limits();
  }

  Timeouts timeouts() {
    return timeouts;
  }

  /** The rules that are not enforced, as bits of {@link dev.millrace.internal.protocol.Relaxed}. */
  int relaxed() {
    return spec.relaxed();
  }

  /** Whether connections may begin with a header of the PROXY protocol. */
  boolean takesProxyHeaders() {
    return spec.takesProxyHeaders();
  }

  HandshakeLimits handshakeLimits() {
    return handshakeLimits;
  }

  /** Who answers requests; of a server. */
  RequestDispatcher dispatcher() {
    return Objects.requireNonNull(spec.dispatcher());
  }

  Counters counters() {
    return counters;
  }

  /** What its connections' backlogs pin. */
  KeptMemory keptMemory() {
    return keptMemory;
  }

  LoopMeter meter() {
    return meter;
  }

  BlockPool pool() {
    return pool;
  }

  Pieces pieces() {
    return pieces;
  }

  ReceiveBuffer receiveBuffer() {
    return receiveBuffer;
  }

  FrameHeader header() {
    return header;
  }

  FrameWriter frames() {
    return frames;
  }

  Codec codec() {
    return codec;
  }

  TimerHeap timers() {
    return timers;
  }

  Schedule schedule() {
    return schedule;
  }

  Sockets sockets() {
    return sockets;
  }

  Tally tally() {
    return group.tally();
  }

  ConnectionCount connections() {
    return group.connections();
  }

  boolean isDraining() {
    return drain.hasBegun();
  }

  NioMessage nextMessage() {
    return CheckedMode.isOn() ? new NioMessage(this) : messages[nextMessage++ & MESSAGES - 1];
  }

  /** The open leases of its group, in checked mode. */
  @Nullable LeaseWatch leases() {
    return group.leases();
  }

  /** Never the same twice. */
  long nextConnectionId() {
    return idBase + connectionIds++;
  }

  /**
   * A block for what the application sends or leases; null when none is left. Threads outside the
   * loop leave it a quarter, or their sends would keep it from receiving. Any thread.
   */
  @Nullable Block acquireOutside(int length) {
    return !isCurrent() && pool.isScarce() ? null : pool.acquire(length);
  }

  /** Whether threads outside the loop get no block. Any thread. */
  boolean isScarce() {
    return pool.isScarce();
  }

  /** Any thread. */
  Lease lease(int capacity) {
    boolean ended = posts.haveEnded();
    Block block = ended ? null : acquireOutside(capacity);
    if (block == null) {
      throw new IllegalStateException(
          ended
              ? "no lease: the " + spec.owner() + " has ended"
              : "no memory left for a lease: capacity=" + capacity);
    }
    return NioLease.writable(block, leases());
  }

  /**
   * A block for what a stream cannot do without. When no memory is left the connection that holds
   * most is closed first; null when that was this one.
   */
  @Nullable Block acquireFor(Stream stream, int length) {
    Stream.Phase before = stream.phase();
    while (true) {
      Block block = pool.acquire(length);
      if (block != null) {
        return block;
      }
      sockets.closeHeaviest(stream);
      if (stream.phase() != before) {
        return null;
      }
    }
  }

  // ---- Handlers on executors, which the loop waits for when it drains.

  /** Loop thread: a connection has its first call queued. */
  void handlersBegan() {
    unfinishedHandlers.incrementAndGet();
  }

  /** Any thread: its last call has returned. */
  void handlersEnded() {
    if (unfinishedHandlers.decrementAndGet() == 0 && isDraining()) {
      posts.post(() -> {});
    }
  }

  /** Any thread: a connection is owed onWritable. */
  void awaitWritable(NioConnection connection, boolean outOfMemory) {
    run(() -> unwritable.add(connection, outOfMemory));
  }

  // ---- Sockets.

  /** Loop thread: the loop that a new socket should go to. */
  NioLoop leastLoaded() {
    return group.leastLoaded();
  }

  /** Any thread: streams here, and on their way here. */
  int load() {
    return posts.haveEnded() ? Integer.MAX_VALUE : sockets.load();
  }

  /** Loop thread: whether a socket may still be served from now on. */
  boolean takesSockets() {
    return !isEnding && !isDraining();
  }

  /** A connection is open. */
  void connectionBegan() {
    connectionCount++;
    meter.upgrade(UpgradeResult.ACCEPTED);
  }

  /** Its end is told. */
  void connectionEnded() {
    connectionCount--;
    connections().remove();
  }

  /** Any thread, also when the loop has ended. */
  void readStatistics(long[] values) {
    counters.read(values);
    values[LoopCounter.WAITED_NANOS.ordinal()] = waiting.nanos();
    values[LoopCounter.BACKLOG_BYTES.ordinal()] = keptMemory.takenBytes();
    values[LoopCounter.BACKLOG_MESSAGES.ordinal()] = keptMemory.messages();
    values[LoopCounter.BLOCKED.ordinal()] = watch.reports();
    pool.readStatistics(values);
  }

  /** Any thread: shows all connections, a part in each turn. */
  void visit(Consumer<? super Connection> visitor, Runnable done) {
    posts.post(() -> visit(sockets.connections(), 0, visitor, done));
  }

  private void visit(
      List<NioConnection> all, int from, Consumer<? super Connection> visitor, Runnable done) {
    int end = Math.min(all.size(), from + VISITS_IN_TURN);
    for (NioConnection connection : all.subList(from, end)) {
      visitor.accept(connection);
    }
    if (end < all.size()) {
      posts.post(() -> visit(all, end, visitor, done));
    } else {
      done.run();
    }
  }

  // ---- Ending.

  /**
   * Any thread: stops listening, closes all connections in order, and ends when they are gone or
   * the time is over.
   */
  void shutdown(Duration time, Duration spread) {
    long now = System.nanoTime();
    posts.post(() -> drain(now, Timeouts.nanos(spread), Timeouts.nanos(time)));
  }

  private void drain(long beginNanos, long spreadNanos, long drainNanos) {
    drain.begin(sockets.connections(), beginNanos, spreadNanos, drainNanos);
    sockets.streams().forEach(Stream::drain);
    // Who was accepted last is told in the next turns: a request that is there is answered.
    acceptingLast = !listeners.isEmpty();
    listeners.forEach(Listener::acceptLast);
    listeners.forEach(Listener::close);
  }

  private boolean isDrained() {
    boolean finished =
        connectionCount == 0
            && !acceptingLast
            && unfinishedHandlers.get() == 0
            && !sockets.areAnyDecidedOn();
    return finished || drain.left(System.nanoTime()) == 0;
  }

  private CloseReason atShutdown() {
    return new CloseReason(
        CloseCode.ABNORMAL_CLOSURE,
        "the " + spec.owner() + " shut down before the peer had answered",
        CloseReason.Initiator.LOCAL,
        null);
  }

  private void end(CloseReason reason) {
    isEnding = true;
    Watchdog.forget(watch);
    attempt("stop listening", () -> listeners.forEach(Listener::close));
    attempt("tell its connections", untold::tell);
    attempt("end its connections", () -> endAll(reason));
    attempt("run its last tasks", posts::end);
    attempt("give up what was sent", untold::tell);
    attempt("close its selector", this::closeSelector);
    attempt("give up its compression", codec::end);
    pool.trim(0);
    group.onLoopEnd(this, reason.cause());
  }

  /** Connections are cut, and told why by the loop; what has no connection just ends. */
  private void endAll(CloseReason reason) {
    for (Stream stream : sockets.streams()) {
      NioConnection connection = stream.connection();
      stream.end(0, connection != null || stream.isOpening());
      if (connection != null) {
        stream.isEndUntold = false;
        connectionEnded();
        runLogging(() -> connection.onLoopEnd(reason));
      }
    }
  }

  private void attempt(String what, Runnable action) {
    try {
      action.run();
    } catch (Throwable t) {
      ErrorLog.log("a loop that ends could not " + what + ": loop=" + thread.getName(), t);
    }
  }

  private void closeSelector() {
    try (selector) {
      // Closed channels give their descriptors up when the selector has let go of them.
      selector.selectNow(key -> {});
    } catch (IOException e) {
      ErrorLog.log("a selector could not be closed: loop=" + thread.getName(), e);
    }
  }
}
