// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The calls to the handler of one connection that runs on an executor: one at a time and in order.
 * The loop thread adds them; whichever thread the executor gives runs them.
 *
 * <pre>
 *   loop thread        last -> call                       count: calls that have not returned
 *   executor   stub -> call -> call -> call               0 -> 1 gives the executor a turn
 * </pre>
 *
 * <p><b>Turns.</b> Whoever raises {@code count} from 0 gives the executor a turn; the turn lowers
 * it after each call and ends when it reaches 0, so there is never more than one. After {@value
 * #CALLS_PER_TURN} calls a turn hands over to a new one, so that the connections of a small pool
 * take turns. A turn is claimed before it runs anything: an executor that runs it twice, or both
 * runs and rejects it, does no harm.
 *
 * <p><b>Waiting.</b> A message is not handed out while {@link #mayHandle} is false. The turn ends
 * then, {@code count} stays up, and {@code waiting} says that {@link #proceed} must give the next
 * turn. The turn sets {@code waiting} before it asks once more, and the engine makes {@code
 * mayHandle} true before it calls {@code proceed}: one of them sees the other. Every wait has a
 * number of its own: a turn that asks slowly must not take back the wait of the turn that has come
 * after it.
 *
 * <p><b>Bounds.</b> Every message counts with the memory it pins. From the high-water mark on the
 * peer is not read from, until the low one is reached; what had been received before is still
 * queued. All other calls are at most one each, which is for the engine to see to.
 *
 * <p><b>Rejection.</b> An executor that takes no turn ends the connection: what is queued is
 * dropped. {@code onClose} is owed even then; it is offered to the executor once more and otherwise
 * runs on a thread of ours, because the loop's must not be blocked by it.
 */
public abstract class HandlerQueue {
  private static final VarHandle NEXT;
  private static final VarHandle COUNT;
  private static final VarHandle BYTES;
  private static final VarHandle WAITING;
  private static final VarHandle READING;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      NEXT = lookup.findVarHandle(Call.class, "next", Call.class);
      COUNT = lookup.findVarHandle(HandlerQueue.class, "count", int.class);
      BYTES = lookup.findVarHandle(HandlerQueue.class, "bytes", long.class);
      WAITING = lookup.findVarHandle(HandlerQueue.class, "waiting", int.class);
      READING = lookup.findVarHandle(HandlerQueue.class, "reading", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** How many calls one connection makes before another may have the thread. */
  public static final int CALLS_PER_TURN = 64;

  private static final int NOT_WAITING = 0;

  private static final int ON = 0;
  private static final int OFF = 1;
  private static final int RESUMING = 2;

  /** Something to do in the connection's order. A call is added once. */
  public abstract static class Call {
    private final long pinnedBytes;

    @SuppressWarnings("unused") // through NEXT
    private @Nullable Call next;

    /** A call that is no message: never waits, and is never unwanted. */
    protected Call() {
      this(0);
    }

    private Call(long pinnedBytes) {
      this.pinnedBytes = pinnedBytes;
    }

    /** On the executor, or where {@link HandlerQueue} says. Must not throw. */
    protected abstract void run();

    /** Instead of {@link #run}, when the executor rejects it. Loop thread. */
    protected void drop() {}

    /** Whether this is the last call, which must run whatever the executor says. */
    protected boolean isLast() {
      return false;
    }
  }

  /** A received message that waits for its handler. */
  public abstract static class MessageCall extends Call {
    private int queuedAt = LoopMeter.NOT_MEASURED;

    /**
     * A message.
     *
     * @param pinnedBytes the memory it holds, at least 1
     */
    protected MessageCall(long pinnedBytes) {
      super(pinnedBytes);
    }

    /**
     * Has its times measured. Before it is added.
     *
     * @param meter the loop's
     */
    public final void measure(LoopMeter meter) {
      queuedAt = meter.queues();
    }

    /**
     * When it was queued.
     *
     * @return a time for {@link LoopMeter}, {@link LoopMeter#NOT_MEASURED} for most
     */
    public final int queuedAt() {
      return queuedAt;
    }

    /** Gives its memory back, because nobody wants the message any more. Any thread. */
    @Override
    protected abstract void drop();
  }

  private static final class Stub extends Call {
    @Override
    protected void run() {}
  }

  /** Runs the last calls of connections whose executor rejects even those. */
  private static final class LastResort {
    private static final long IDLE_SECONDS = 10;

    // Not bounded by itself, but by the connections there are: each has one last call.
    private static final ThreadPoolExecutor THREAD =
        new ThreadPoolExecutor(
            1,
            1,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            task -> {
              Thread thread = new Thread(task, "millrace-last-calls");
              thread.setDaemon(true);
              return thread;
            });

    static {
      THREAD.allowCoreThreadTimeOut(true);
    }
  }

  private final Executor executor;
  private final long highWaterMark;
  private final long lowWaterMark;
  private final LoopMeter meter;

  // Loop thread only.
  private Call last = new Stub();

  // Whoever has the turn.
  private Call first = last;

  // Written by whoever has the turn. Others only compare it with themselves, and a thread always
  // sees what it wrote here last: no ordering is needed.
  private @Nullable Thread runner;

  @SuppressWarnings("unused") // through COUNT
  private volatile int count;

  private volatile long bytes;

  // The wait that is on, or NOT_WAITING.
  private volatile int waiting = NOT_WAITING;

  // Odd, so never NOT_WAITING. Of whoever has the turn.
  private int lastWait = -1;
  private volatile boolean unwanted;
  private volatile int reading = ON;

  /**
   * An empty queue.
   *
   * @param executor runs the calls
   * @param highWaterMark from how many pinned bytes on the peer is not read from
   * @param lowWaterMark at how many it is read from again
   * @param meter the loop's, which counts the pinned bytes of all queues
   */
  protected HandlerQueue(
      Executor executor, long highWaterMark, long lowWaterMark, LoopMeter meter) {
    this.executor = executor;
    this.highWaterMark = highWaterMark;
    this.lowWaterMark = lowWaterMark;
    this.meter = meter;
  }

  // ---- What the engine answers for.

  /** Whether the next message may be handed out. Any thread. */
  protected abstract boolean mayHandle();

  /** Sees to it that {@link #proceed} is called when {@link #mayHandle} is true. Any thread. */
  protected abstract void awaitMayHandle();

  /** Stops reading from the peer. Loop thread. */
  protected abstract void pauseReading();

  /** Has {@link #mayResumeReading} asked on the loop thread, and obeyed. Any thread. */
  protected abstract void requestResume();

  /**
   * Ends the connection, because the executor takes no call. Loop thread, while no call runs.
   *
   * @param cause what the executor threw
   */
  protected abstract void rejected(Throwable cause);

  // ---- What the engine calls.

  /**
   * Adds a call. Loop thread.
   *
   * @param call runs when those before it have returned
   */
  public final void add(Call call) {
    long pinned = call.pinnedBytes;
    if (pinned > 0) {
      pin(pinned);
    }
    NEXT.setRelease(last, call);
    last = call;
    if ((int) COUNT.getAndAdd(this, 1) == 0) {
      giveTurn();
    }
    if (pinned > 0 && mustPause()) {
      pauseReading();
    }
  }

  /** Messages that were not handed out yet will not be: nobody can answer them. Any thread. */
  public final void refuseMessages() {
    unwanted = true;
  }

  /** Goes on, if the next message waits for {@link #mayHandle}. Loop thread. */
  public final void proceed() {
    int wait = waiting;
    if (wait != NOT_WAITING && WAITING.compareAndSet(this, wait, NOT_WAITING)) {
      giveTurn();
    }
  }

  /**
   * Whether the next message waits for {@link #mayHandle}. Any thread.
   *
   * @return true until {@link #proceed}
   */
  public final boolean isWaiting() {
    return waiting != NOT_WAITING;
  }

  /**
   * Whether the caller is inside a call of this queue.
   *
   * @return true on the thread that runs the handler
   */
  public final boolean isCurrent() {
    return runner == Thread.currentThread();
  }

  /**
   * Memory that queued messages pin, the one that is being handled included. Any thread.
   *
   * @return the bytes, a snapshot
   */
  public final long pinnedBytes() {
    return bytes;
  }

  /**
   * Whether the peer may be read from again, as {@link #requestResume} asked. Loop thread.
   *
   * @return false if so much has been added meanwhile that reading stays off
   */
  public final boolean mayResumeReading() {
    reading = ON;
    return !mustPause();
  }

  // ---- Reading.

  /** Loop thread: whether reading must stop now. */
  private boolean mustPause() {
    if (bytes < highWaterMark || !READING.compareAndSet(this, ON, OFF)) {
      return false;
    }
    // A turn that emptied the queue before it could see OFF will not ask for resumption.
    return bytes > lowWaterMark || !READING.compareAndSet(this, OFF, ON);
  }

  /** So much more, or less: what is left. */
  private long pin(long more) {
    meter.pin(more);
    return (long) BYTES.getAndAdd(this, more) + more;
  }

  private void unpin(long pinned) {
    long left = pin(-pinned);
    if (left <= lowWaterMark && reading == OFF && READING.compareAndSet(this, OFF, RESUMING)) {
      requestResume();
    }
  }

  // ---- Turns.

  /** What the executor is given. */
  private final class Turn implements Runnable {
    private final AtomicBoolean claimed = new AtomicBoolean();
    private final @Nullable Thread giver;
    private boolean given;
    private boolean ranWithin;

    /** A turn; with a giver, one that takes over from the turn which that thread has. */
    Turn(@Nullable Thread giver) {
      this.giver = giver;
    }

    @Override
    public void run() {
      // An executor that runs tasks on the caller's thread: its own turn can go on instead, which
      // keeps the stack flat.
      if (Thread.currentThread() == giver && !given) {
        ranWithin = claim();
        return;
      }
      if (claim()) {
        runCalls();
      }
    }

    boolean claim() {
      return claimed.compareAndSet(false, true);
    }
  }

  /** Loop thread, which holds the only turn. */
  private void giveTurn() {
    Turn turn = new Turn(null);
    try {
      executor.execute(turn);
    } catch (Throwable t) {
      if (turn.claim()) {
        reject(t);
      }
    }
  }

  /** Whether another turn goes on; false leaves it with the caller. */
  private boolean handOver() {
    Turn turn = new Turn(Thread.currentThread());
    try {
      executor.execute(turn);
    } catch (Throwable t) {
      // There is a thread, this one; nothing is lost but fairness.
      return !turn.claim();
    }
    turn.given = true;
    return !turn.ranWithin;
  }

  private void runCalls() {
    for (int left = CALLS_PER_TURN; ; ) {
      Call call = next();
      if (call instanceof MessageCall && !unwanted && !mayHandle() && ceaseToWait()) {
        return;
      }
      first = call;
      if (call instanceof MessageCall && unwanted) {
        call.drop();
      } else {
        runCall(call);
      }
      if (call.pinnedBytes > 0) {
        unpin(call.pinnedBytes);
      }
      if ((int) COUNT.getAndAdd(this, -1) == 1) {
        return;
      }
      if (--left == 0) {
        if (handOver()) {
          return;
        }
        left = CALLS_PER_TURN;
      }
    }
  }

  private void runCall(Call call) {
    runner = Thread.currentThread();
    try {
      call.run();
    } catch (Throwable t) {
      ErrorLog.log("a handler call failed outside the handler: " + this, t);
    } finally {
      runner = null;
    }
  }

  /** The call after {@code first}; there is one while {@code count} is above 0. */
  private Call next() {
    Call call = (Call) NEXT.getAcquire(first);
    if (call == null) {
      throw new IllegalStateException("the queue of handler calls is broken: count=" + count);
    }
    return call;
  }

  /** Whether the turn is over, and {@link #proceed} will give the next one. */
  private boolean ceaseToWait() {
    int wait = lastWait += 2;
    waiting = wait;
    if ((unwanted || mayHandle()) && WAITING.compareAndSet(this, wait, NOT_WAITING)) {
      return false;
    }
    awaitMayHandle();
    return true;
  }

  /** Loop thread, which holds the only turn: no call runs. */
  private void reject(Throwable cause) {
    Call owed = null;
    int dropped = 0;
    for (int queued = count; queued > 0; queued--) {
      Call call = next();
      first = call;
      if (call.isLast()) {
        owed = call;
        break; // nothing follows it
      }
      call.drop();
      pin(-call.pinnedBytes);
      dropped++;
    }
    COUNT.getAndAdd(this, -dropped);
    rejected(cause);
    if (owed != null) {
      LastResort.THREAD.execute(owed::run);
    }
  }
}
