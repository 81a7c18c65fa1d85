// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Lease;
import dev.millrace.Limits;
import dev.millrace.ScheduledTask;
import dev.millrace.SocketOptions;
import dev.millrace.internal.ring.Inbox;
import dev.millrace.internal.ring.PostedSend;
import dev.millrace.internal.ring.Records;
import dev.millrace.internal.ring.SleepProtocol;
import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.DeflateParameters;
import dev.millrace.internal.spi.Errno;
import dev.millrace.internal.spi.KeptMemory;
import dev.millrace.internal.spi.LeaseWatch;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.internal.spi.LoopMeter;
import dev.millrace.internal.spi.LoopWatch;
import dev.millrace.internal.spi.RequestDispatcher;
import dev.millrace.internal.spi.Tally;
import dev.millrace.internal.spi.Watchdog;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One loop: a platform thread and a loop of the core, which it drives with one call a turn.
 *
 * <pre>
 *   inbox ---> commands ---> tick: execute, wait, receive ---> events ---> handlers
 *     ^           ^                                                          |
 *     |           +------------------- their sends --------------------------+
 *     +--- other threads
 * </pre>
 *
 * <p><b>The turn.</b> What other threads have posted becomes commands behind those that the
 * handlers of the last turn have written. Posted messages are executed by a {@code flush} of their
 * own, because {@code tick} may wait long and its senders are refused while their bytes are counted
 * as posted. Then the loop announces that it may sleep, looks into the inbox once more ({@link
 * SleepProtocol}), and ticks.
 *
 * <p><b>The end.</b> Told to shut down, the loop closes its connections and goes on until none is
 * left or the time is over. However it ends, also by an error of our own, every connection gets its
 * {@code onClose}, the core's loop is destroyed, and what was or will be posted is given up: after
 * {@code ended} is set, whoever has posted empties the inbox under a lock. Its mappings live on for
 * as long as anybody can see them ({@link LoopMemory}).
 */
final class NativeLoop implements Runnable, Inbox.Receiver {
  private static final Logger LOGGER = System.getLogger("dev.millrace");

  /** Timers that the core takes, less those for {@link #checkWritable} and {@link #sendAway}. */
  private static final int MAX_TIMERS = (1 << 20) - 2;

  private static final int SLOTS_IN_TURN = 4096;
  private static final long RECHECK_NANOS = 5_000_000;
  private static final Duration MAX_DELAY = Duration.ofDays(3650);

  private final LoopGroup group;
  private final int handle;
  private final Limits limits;
  private final KeptMemory keptMemory;
  private final long highWaterMark;
  private final long lowWaterMark;
  private final LoopMemory memory;
  private final Outgoing outgoing;
  private final Incoming incoming;
  private final Sender sender = new Sender(this);
  private final Inbox inbox;
  private final LoopMeter meter;
  private final SleepProtocol sleep = new SleepProtocol();
  private final Timers timers = new Timers();
  private final AtomicInteger timerCount = new AtomicInteger();
  private final AtomicLong lastToken = new AtomicLong();
  private final AtomicInteger unfinishedHandlers = new AtomicInteger();
  private final Thread thread;
  private final LoopWatch watch;
  private final List<ListenAddress> listen;
  private final SocketOptions socketOptions;
  private final Duration handshakeTimeout;

  private volatile boolean ended;
  private volatile boolean draining;

  // Loop thread only.
  private final LeasedBlocks leasedBlocks = new LeasedBlocks();
  private boolean postedInTurn;
  private long blocksWrittenLate;
  private final ArrayDeque<BufferedConnection> awaitingWritable = new ArrayDeque<>();
  private boolean uncheckedWritable;
  private boolean recheckSet;
  private final BitSet listeners = new BitSet();
  private boolean acceptingLast;
  private long drainDeadlineNanos;

  /**
   * A loop over one of the core, not yet running.
   *
   * @param dispatcher who answers requests; null for the loop of a client
   * @param listen what this loop listens on from its start; empty for all loops but the first
   */
  NativeLoop(
      LoopGroup group,
      int index,
      int handle,
      Limits limits,
      SocketOptions socketOptions,
      @Nullable RequestDispatcher dispatcher,
      List<ListenAddress> listen) {
    this.group = group;
    this.handle = handle;
    this.limits = limits;
    keptMemory = new KeptMemory(limits.regionBytes());
    this.listen = listen;
    this.socketOptions = socketOptions;
    handshakeTimeout = limits.handshakeTimeout();
    highWaterMark = limits.highWaterMarkBytes();
    lowWaterMark = limits.lowWaterMarkBytes();
    memory = new LoopMemory(handle);
    meter = new LoopMeter(memory::addRoundTrips);
    outgoing = new Outgoing(handle, memory);
    incoming = new Incoming(this, memory, outgoing, dispatcher);
    inbox = new Inbox(limits.inboxCapacity());
    thread = new Thread(null, this, group.threadName(index));
    watch = new LoopWatch(thread, limits.blockedLoopThreshold().toNanos(), memory::refusals);
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
      for (int i = 0; i < listen.size(); i++) {
        listen(i, listen.get(i), group.sharing(listen.get(i)));
      }
      while (turn()) {}
    } catch (Throwable t) {
      log(Level.ERROR, "a loop failed and ends: loop=" + thread.getName(), t);
      reason =
          new CloseReason(
              CloseCode.ABNORMAL_CLOSURE, "the loop failed", CloseReason.Initiator.LOCAL, t);
    } finally {
      end(reason);
    }
  }

  private boolean turn() {
    inbox.drain(this);
    if (postedInTurn || !awaitingWritable.isEmpty()) {
      outgoing.flush();
      postedInTurn = false;
      checkWritable();
    }
    if (draining && isDrained()) {
      return false;
    }
    sleep.announce();
    long timeout = timeoutNanos();
    int commands = outgoing.handOver();
    outgoing.endBatch();
    watch.waits();
    int events = NativeCalls.tick(handle, commands, timeout);
    watch.works();
    sleep.awake();
    outgoing.reset();
    if (events < 0) {
      throw failed("tick", events);
    }
    if (CheckedMode.isOn()) {
      lookForLateWrites();
    }
    meter.turnBegins(events);
    incoming.drain(events);
    acceptingLast &= events > 0;
    return true;
  }

  private void lookForLateWrites() {
    long late = memory.counter(Records.COUNTER_BLOCKS_WRITTEN_LATE);
    if (late != blocksWrittenLate) {
      blocksWrittenLate = late;
      LeaseWatch.reportLateWrite(memory.counter(Records.COUNTER_WRITTEN_LATE));
    }
  }

  private long timeoutNanos() {
    if (uncheckedWritable || acceptingLast || !inbox.isEmpty()) {
      return 0;
    }
    return draining ? Math.max(0, drainDeadlineNanos - System.nanoTime()) : -1;
  }

  private boolean isDrained() {
    boolean finished =
        incoming.count() == 0
            && !incoming.isDeciding()
            && !acceptingLast
            && unfinishedHandlers.get() == 0;
    return finished || drainDeadlineNanos - System.nanoTime() <= 0;
  }

  // ---- What other threads have posted.

  /**
   * Any thread: posts a message whose block passes to the loop, or answers false when the inbox is
   * full.
   */
  boolean offer(long head, long block, long lengthAndGeneration, long token) {
    if (!inbox.offer(head, block, lengthAndGeneration, token)) {
      return false;
    }
    posted();
    return true;
  }

  /**
   * Any thread: posts a task, which runs on this loop's thread or is dropped when the loop has
   * ended.
   */
  void post(LoopTask task) {
    inbox.post(task);
    posted();
  }

  private void posted() {
    // The fence of the protocol stands before the look at `ended` too: either the loop's last look
    // into the inbox sees what
    // was posted, or this thread sees that there will be none.
    if (sleep.claimWake()) {
      wake();
    }
    if (ended) {
      giveUpInbox();
    }
  }

  private void wake() {
    try {
      NativeCalls.wake(handle);
    } finally {
      Reference.reachabilityFence(memory);
    }
  }

  @Override
  public void onRecord(long head, long block, long lengthAndGeneration, long token) {
    NativeConnection connection =
        incoming.connection(PostedSend.slot(head), PostedSend.generation(lengthAndGeneration));
    if (connection == null) {
      NativeCalls.release(block);
      return;
    }
    outgoing.sendPosted(connection, head, block, lengthAndGeneration, token);
    postedInTurn = true;
  }

  @Override
  public void onTask(Inbox.Task task) {
    runLogging(task);
  }

  /** A task has written commands that other threads count as posted. */
  void executePosted() {
    postedInTurn = true;
  }

  private void runLogging(Runnable task) {
    try {
      task.run();
    } catch (Throwable t) {
      log(Level.ERROR, "a task threw: loop=" + thread.getName(), t);
    }
  }

  // ---- What connections ask for.

  Thread thread() {
    return thread;
  }

  /** Whether the caller is this loop's thread. */
  boolean isCurrent() {
    return Thread.currentThread() == thread;
  }

  Outgoing outgoing() {
    return outgoing;
  }

  Sender sender() {
    return sender;
  }

  Timers timers() {
    return timers;
  }

  ByteBuffer region() {
    return memory.region();
  }

  ByteBuffer readOnlyRegion() {
    return memory.readOnlyRegion();
  }

  ByteBuffer messages() {
    return memory.messages();
  }

  long highWaterMark() {
    return highWaterMark;
  }

  long lowWaterMark() {
    return lowWaterMark;
  }

  long buffered(int slot, int generation) {
    return memory.buffered(slot, generation);
  }

  long pinnedBytes(int slot) {
    return memory.pinnedBytes(slot);
  }

  long roundTripNanos(int slot) {
    return memory.roundTripNanos(slot);
  }

  long batch() {
    return outgoing.batch();
  }

  Limits limits() {
    return limits;
  }

  /** What its connections' backlogs pin. */
  KeptMemory keptMemory() {
    return keptMemory;
  }

  /** Of all the group's loops. */
  Tally tally() {
    return group.tally();
  }

  /** Any thread, also when the loop has ended. */
  void readStatistics(long[] values) {
    NativeStatistics.read(memory, values);
    meter.addTo(values);
    values[LoopCounter.BLOCKED.ordinal()] = watch.reports();
    values[LoopCounter.OUTBOUND_BYTES_QUEUED.ordinal()] = memory.bufferedBelow(incoming.slots());
    values[LoopCounter.BACKLOG_BYTES.ordinal()] = keptMemory.takenBytes();
    values[LoopCounter.BACKLOG_MESSAGES.ordinal()] = keptMemory.messages();
  }

  LoopMeter meter() {
    return meter;
  }

  /** Any thread: shows all connections, a part in each turn. */
  void visit(Consumer<? super Connection> visitor, Runnable done) {
    visit(0, visitor, done);
  }

  private void visit(int slot, Consumer<? super Connection> visitor, Runnable done) {
    post(
        new ApplicationTask(
            () -> {
              int end = slot + SLOTS_IN_TURN;
              incoming.forEach(slot, end, visitor);
              if (end < incoming.slots()) {
                visit(end, visitor, done);
              } else {
                done.run();
              }
            }));
  }

  int connectionCount() {
    return incoming.count();
  }

  boolean isDraining() {
    return draining;
  }

  /** Whether there are as many connections as there may be. */
  boolean isFull() {
    return group.isFull();
  }

  /** Takes a place among the connections of all loops; false when none is left. */
  boolean takePlace() {
    return group.takePlace();
  }

  void givePlaceBack() {
    group.givePlaceBack();
  }

  Duration handshakeTimeout() {
    return handshakeTimeout;
  }

  /** Whether its peers are servers. */
  boolean isClient() {
    return incoming.isClient();
  }

  /** The other side of a client's loop. */
  NativeClientLoop clientLoop() {
    return incoming.clientLoop();
  }

  /** Makes a client's socket a connection. */
  void open(NativeConnection connection, @Nullable DeflateParameters deflate) {
    incoming.open(connection, deflate);
  }

  long nextToken(int slot) {
    return Completions.token(lastToken.incrementAndGet(), slot);
  }

  /** Two connections of the process never share loop and slot at the same time. */
  long connectionId(int slot, int generation) {
    return (handle & 0xFFFFL) << 48 | (slot & 0xFF_FFFFL) << 24 | generation & 0xFF_FFFFL;
  }

  /** Loop thread: a block of the region, or a negative number when no memory is left. */
  long acquire(int length) {
    return ended ? -1 : NativeCalls.acquire(handle, Math.max(1, length));
  }

  /** The open leases of its group, in checked mode. */
  @Nullable LeaseWatch leases() {
    return group.leases();
  }

  /** Any thread. */
  Lease lease(int capacity) {
    if (ended) {
      throw new IllegalStateException("no lease: the " + group.owner() + " has ended");
    }
    if (isCurrent()) {
      int length = LeasedBlocks.length(capacity);
      long block = acquire(length);
      if (block >= 0) {
        return new NativeLease(leasedBlocks.at(memory.region(), block, length), leases());
      }
    }
    long block = SharedMemory.acquire(capacity);
    if (block < 0) {
      throw new IllegalStateException("no memory left for a lease: capacity=" + capacity);
    }
    return NativeLease.writable(SharedMemory.region(), block, capacity, leases());
  }

  /** Any thread: runs at once on the loop's thread, else as a task. */
  void run(Runnable action) {
    if (isCurrent()) {
      action.run();
    } else {
      post(new ApplicationTask(action));
    }
  }

  /** Any thread: runs as a task, behind what was posted before, unless the loop has ended. */
  void postTask(Runnable action) {
    post(new ApplicationTask(action));
  }

  /** Any thread: false when the loop has ended and the task will never run. */
  boolean execute(Runnable task) {
    if (ended) {
      return false;
    }
    ApplicationTask posted = new ApplicationTask(task);
    post(posted);
    return !ended || !isDropped(posted);
  }

  private static final class ApplicationTask extends LoopTask {
    private final Runnable task;

    ApplicationTask(Runnable task) {
      this.task = task;
    }

    @Override
    public void run() {
      task.run();
    }
  }

  // ---- Timers.

  /** A duration that is neither negative nor too long for a sum of nanoseconds. */
  private static long nanos(Duration duration) {
    if (duration.isNegative()) {
      return 0;
    }
    return duration.compareTo(MAX_DELAY) >= 0 ? MAX_DELAY.toNanos() : duration.toNanos();
  }

  /** Any thread. */
  ScheduledTask schedule(Runnable task, Duration delay) {
    if (timerCount.incrementAndGet() > MAX_TIMERS) {
      timerCount.decrementAndGet();
      throw new IllegalStateException("too many scheduled tasks on a loop: limit=" + MAX_TIMERS);
    }
    long nanos = nanos(delay);
    NativeTimer timer = new NativeTimer(this, task, System.nanoTime() + nanos);
    post(timer);
    return timer;
  }

  void setTimer(int token, int generation, long delayNanos) {
    outgoing.setTimer(token, generation, delayNanos);
  }

  void cancelTimer(int token, int generation) {
    outgoing.cancelTimer(token, generation);
  }

  /** A scheduled task waits no more. */
  void timerEnded() {
    timerCount.decrementAndGet();
  }

  void onTimer(int token, int generation) {
    Runnable task = timers.remove(token, generation);
    if (task != null) {
      runLogging(task);
    }
  }

  // ---- Handlers on executors, which the loop waits for when it drains.

  /** Loop thread: a connection has its first call queued. */
  void handlersBegan() {
    unfinishedHandlers.incrementAndGet();
  }

  /** Any thread: its last call has returned. */
  void handlersEnded() {
    if (unfinishedHandlers.decrementAndGet() == 0 && draining) {
      post(new ApplicationTask(() -> {}));
    }
  }

  // ---- Connections that have reached the mark, or were refused, and wait for onWritable.

  /**
   * Any thread: a connection is owed onWritable. Without memory there is no use in looking at once.
   */
  void awaitWritable(BufferedConnection connection, boolean outOfMemory) {
    if (!isCurrent()) {
      post(new ApplicationTask(() -> awaitWritable(connection, outOfMemory)));
      return;
    }
    awaitingWritable.add(connection);
    if (outOfMemory) {
      setRecheck();
    } else {
      uncheckedWritable = true;
    }
  }

  /**
   * Once everything written is executed: tells those that may go on, keeps those of whose fall
   * nobody will tell.
   */
  private void checkWritable() {
    uncheckedWritable = false;
    // What is added meanwhile is looked at in the next turn.
    for (int left = awaitingWritable.size(); left > 0; left--) {
      BufferedConnection connection = awaitingWritable.remove();
      if (connection.isStillUnwritable()) {
        awaitingWritable.add(connection);
      }
    }
    if (!awaitingWritable.isEmpty()) {
      setRecheck();
    }
  }

  private void setRecheck() {
    if (!recheckSet) {
      recheckSet = true;
      int token = timers.add(() -> recheckSet = false);
      setTimer(token, timers.generation(token), RECHECK_NANOS);
    }
  }

  // ---- Listening and ending.

  private void listen(int listener, ListenAddress address, int sharing) {
    listeners.set(listener);
    outgoing.listen(listener, address, socketOptions, sharing);
  }

  /** Any thread: listens on a port that the first loop has bound, and shares. */
  void listenToo(int listener, ListenAddress address) {
    post(
        new ApplicationTask(
            () -> {
              if (!draining) {
                listen(listener, address, Records.FURTHER);
              }
            }));
  }

  void onListening(int listener, int result, boolean isErrno) {
    if (isErrno) {
      listeners.clear(listener);
    }
    group.onListening(this, listener, result, isErrno);
  }

  /**
   * Any thread: stops listening, closes all connections in order, and ends when they are gone or
   * the time is over.
   *
   * @param spread how long to spread the Close frames over
   */
  void shutdown(Duration drain, Duration spread) {
    long start = System.nanoTime();
    post(new ApplicationTask(() -> drain(start, nanos(drain), nanos(spread))));
  }

  private void drain(long startNanos, long drainNanos, long spreadNanos) {
    drainDeadlineNanos = startNanos + drainNanos;
    draining = true;
    // Who was accepted last is told in the next turns: a request that is there is answered.
    acceptingLast = !listeners.isEmpty();
    listeners.stream().forEach(outgoing::unlisten);
    List<NativeConnection> leaving = new ArrayList<>();
    incoming.forEach(leaving::add);
    incoming.failAttempts();
    sendAway(leaving, 0, startNanos, spreadNanos);
  }

  /** The i-th of n goes when i/n of the time is over. */
  private void sendAway(
      List<NativeConnection> leaving, int first, long startNanos, long spreadNanos) {
    for (int i = first; i < leaving.size(); i++) {
      long due = startNanos + (long) ((double) spreadNanos * i / leaving.size());
      long wait = due - System.nanoTime();
      if (wait > 0) {
        int next = i;
        int token = timers.add(() -> sendAway(leaving, next, startNanos, spreadNanos));
        setTimer(token, timers.generation(token), wait);
        return;
      }
      leaving.get(i).goAway();
    }
  }

  private CloseReason atShutdown() {
    return new CloseReason(
        CloseCode.ABNORMAL_CLOSURE,
        "the " + group.owner() + " shut down before the peer had answered",
        CloseReason.Initiator.LOCAL,
        null);
  }

  private void end(CloseReason reason) {
    Watchdog.forget(watch);
    attempt("cut its connections", () -> incoming.forEach(outgoing::abort));
    attempt("cut its connections", outgoing::flush);
    attempt("tell its connections", () -> incoming.endAll(reason));
    attempt("run its last tasks", this::runLastTasks);
    // What the last handlers have sent holds references to blocks of others.
    attempt("give up what was sent", outgoing::flush);
    NativeCalls.destroy(handle);
    group.onLoopEnd(this, reason.cause());
  }

  private void attempt(String what, Runnable action) {
    try {
      action.run();
    } catch (Throwable t) {
      log(Level.ERROR, "a loop that ends could not " + what + ": loop=" + thread.getName(), t);
    }
  }

  /**
   * Their posters were told that they would run; under the lock, so that no late poster gives them
   * up before.
   */
  private void runLastTasks() {
    synchronized (inbox) {
      ended = true;
      VarHandle.fullFence();
      inbox.drain(this);
    }
  }

  private void giveUpInbox() {
    synchronized (inbox) {
      inbox.drain(
          new Inbox.Receiver() {
            @Override
            public void onRecord(long head, long block, long lengthAndGeneration, long token) {
              NativeCalls.release(block);
            }

            @Override
            public void onTask(Inbox.Task task) {
              ((LoopTask) task).drop();
            }
          });
    }
  }

  private boolean isDropped(LoopTask task) {
    synchronized (inbox) {
      return task.isDropped();
    }
  }

  // ---- Faults.

  /** What a failed call of the core becomes: it ends the loop. */
  static IllegalStateException failed(String call, int result) {
    return new IllegalStateException(
        call + " failed: " + Errno.text(-result) + ", errno=" + -result);
  }

  /** Logs; a logging backend that throws must not end a loop. */
  static void log(Level level, String message, @Nullable Throwable thrown) {
    try {
      LOGGER.log(level, message, thrown);
    } catch (Throwable t) {
      // Its logging needs a file or a class, and there may be no descriptor left to open one.
      System.err.println(message);
      if (thrown != null) {
        thrown.printStackTrace();
      }
    }
  }
}
