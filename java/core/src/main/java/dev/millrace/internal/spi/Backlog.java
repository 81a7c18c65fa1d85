// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Limits;
import dev.millrace.SendException;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The messages of one connection that wait where a policy may still reach them: above the engine's
 * own queue, which is in order and never gives anything up.
 *
 * <pre>
 *   sends --> [ kept, kept, ... kept ] --pump--> engine, up to {@link #WINDOW} --> kernel
 *                 ^ drop, replace                  ^ the last one tells when it has left
 * </pre>
 *
 * <p><b>Passing by.</b> While nothing is kept, sends go to the engine themselves; those with a
 * policy as long as it has no more than the window. From the first kept message on, until the last
 * has been handed over, all sends of the connection queue here: {@code holding} says so.
 *
 * <p><b>The pump</b> runs on the loop's thread alone. It hands over what fits into the window, and
 * one message beyond it, whose completion starts it again; when the engine refuses, its fall to the
 * low mark does. So something is always on its way that will start it: a completion ({@code
 * tracked}), a fall ({@code refused}) or a task ({@code pumpPosted}).
 *
 * <p><b>Room.</b> A message is let in while what the engine has and what is kept is below the high
 * mark, and the number of kept ones below {@link Limits#maxQueuedMessages}. What may not be dropped
 * was promised: it counts by itself, so that it is never refused for the sake of what may be
 * dropped, which gives way. While promised bytes exceed the low mark the peer is not read from, so
 * that an echo is never refused.
 *
 * <p><b>The lock</b> is this object's, and nothing is called under it but the engine's counters.
 * The races that this leaves:
 *
 * <ul>
 *   <li>A message is in nobody's queue while it is handed over. Its bytes count until the engine
 *       has it, and {@code holding} stays: no later send of any thread passes it by.
 *   <li>A thread has posted to the engine's inbox, then keeps a message, and the pump runs before
 *       the inbox is drained. It looks for posted bytes first, and if there are any runs again as a
 *       task behind them. No more come while {@code holding}, but of threads that found it false
 *       before: their sends have no order with those that are kept.
 *   <li>A send finds the connection open and is kept after it was closed. Closing takes place on
 *       the loop, under the lock it sets {@code closed}; whoever comes later is told CLOSED,
 *       whoever came before is handed over in front of the Close frame, or given up at the end.
 *   <li>A message is refused by the engine after a newer one with its key was kept. The newer one
 *       moves to its place.
 * </ul>
 */
final class Backlog {
  /** How much the engine is given beforehand, so that the kernel never waits for this queue. */
  static final int WINDOW = 64 << 10;

  private static final Comparator<Kept> BY_PLACE = Comparator.comparingLong(kept -> kept.place);
  private static final Comparator<Kept> BY_PRIORITY =
      Comparator.<Kept>comparingInt(kept -> kept.priority).thenComparing(BY_PLACE);

  private final Outlet outlet;
  private final Tally tally;
  private final KeptMemory memory;
  private final long highWaterMark;
  private final long lowWaterMark;
  private final long window;
  private final int maxMessages;

  // In order; and those that may be dropped, the oldest first, and the least important first.
  private @Nullable Kept head;
  private @Nullable Kept tail;
  private final TreeSet<Kept> oldest = new TreeSet<>(BY_PLACE);
  private final TreeSet<Kept> least = new TreeSet<>(BY_PRIORITY);
  private final Map<String, Kept> keys = new HashMap<>();
  private long places;

  // What is kept, what is being handed over included.
  private volatile long bytes;
  private volatile long promisedBytes;
  private volatile int count;
  private long promisedLength;
  private int promisedCount;

  // How many were given up; how many of them onDropped has been told, and whether it will be.
  private volatile long dropped;
  private long droppedTold;
  private boolean tellPosted;

  // Of sends without options.
  private volatile SendOptions options = SendOptions.defaults();

  private volatile boolean holding;
  private boolean pumping;
  private @Nullable CompletableFuture<Void> tracked;
  private boolean refused;
  private boolean pumpPosted;
  private boolean readsStopped;
  private boolean writableOwed;
  private boolean closedByPolicy;
  private boolean closed;

  /** An empty one. */
  Backlog(Outlet outlet, Tally tally) {
    this.outlet = outlet;
    this.tally = tally;
    memory = outlet.keptMemory();
    Limits limits = outlet.limits();
    highWaterMark = limits.highWaterMarkBytes();
    lowWaterMark = limits.lowWaterMarkBytes();
    window = window(limits);
    maxMessages = limits.maxQueuedMessages();
  }

  /** Up to how many bytes the engine is given messages that a policy might reach. */
  static long window(Limits limits) {
    return Math.min(WINDOW, limits.lowWaterMarkBytes());
  }

  /** Whether every send is to be counted, and not only those with a policy. */
  static boolean countsAll(Limits limits) {
    return limits.maxQueuedMessages() != Limits.UNLIMITED;
  }

  // ---- The connection's own options. Any thread.

  /** How messages are sent whose senders say nothing. */
  SendOptions options() {
    return options;
  }

  void options(SendOptions own) {
    // So that no send has to compare more than the object.
    options = own.equals(SendOptions.defaults()) ? SendOptions.defaults() : own;
  }

  // ---- Passing by. Any thread.

  /** Whether a send without options goes to the engine itself. */
  boolean isPassedByDefault() {
    return options == SendOptions.defaults() && isPassedBy();
  }

  /** Whether a send without a policy goes to the engine itself. */
  boolean isPassedBy() {
    return !holding && (maxMessages == Limits.UNLIMITED || outlet.engineBytes() <= window);
  }

  /** Whether a message of this length goes to the engine itself, whatever its policy. */
  boolean isPassedBy(long length) {
    return !holding && outlet.engineBytes() + length <= window;
  }

  // ---- Figures. Any thread.

  long bytes() {
    return bytes;
  }

  long promisedBytes() {
    return promisedBytes;
  }

  int count() {
    return count;
  }

  long dropped() {
    return dropped;
  }

  /** Whether anything is kept, or is being handed over. */
  boolean isHolding() {
    return holding;
  }

  /** Whether as many are kept as may be. */
  boolean isFull() {
    return count >= maxMessages;
  }

  // ---- Keeping. Any thread.

  /** What a message would be answered that finds no room and cannot make any; null if it may. */
  @Nullable SendResult refusal(SendOptions options) {
    synchronized (this) {
      if (closed) {
        return SendResult.CLOSED;
      }
      boolean mayMakeRoom = options.replacementKey().isPresent() || !oldest.isEmpty();
      if (mayMakeRoom || hasRoom(0, 0)) {
        return null;
      }
      if (options.policy() == SendOptions.Policy.REFUSE && !isPromisedFull()) {
        return null;
      }
    }
    return giveUp(options.policy());
  }

  /** Takes a message, or gives its memory back. */
  SendResult add(Kept kept, SendOptions options, @Nullable CompletableFuture<Void> sent) {
    kept.sendAs(options);
    kept.sent = sent;
    List<Kept> victims = new ArrayList<>(0);
    boolean accepted;
    synchronized (this) {
      if (closed) {
        victims = List.of(kept);
        accepted = false;
      } else {
        Kept before = kept.key == null ? null : keys.get(kept.key);
        accepted = makeRoom(kept, options.policy(), before, victims);
        if (accepted) {
          if (before == null) {
            append(kept);
          } else {
            replace(before, kept);
            victims.add(before);
          }
        }
      }
    }
    giveBack(victims);
    if (accepted) {
      added();
      return SendResult.ACCEPTED;
    }
    if (victims.contains(kept)) {
      return SendResult.CLOSED;
    }
    kept.release();
    return giveUp(options.policy());
  }

  /** Takes messages without options, all of them or none. */
  SendResult addAll(List<? extends Kept> all) {
    List<Kept> victims = new ArrayList<>(0);
    boolean isClosed;
    boolean accepted = false;
    synchronized (this) {
      isClosed = closed;
      if (!isClosed) {
        accepted = all.isEmpty() || makeRoom(all.get(0), SendOptions.Policy.REFUSE, null, victims);
      }
      if (accepted) {
        all.forEach(this::append);
      }
    }
    giveBack(victims);
    if (accepted) {
      added();
      return SendResult.ACCEPTED;
    }
    all.forEach(Kept::release);
    return isClosed ? SendResult.CLOSED : giveUp(SendOptions.Policy.REFUSE);
  }

  /**
   * No memory was left to keep a message: what its policy gives up for it.
   *
   * @return whether something was given up, so that it may be tried again
   */
  boolean makeMemory(SendOptions options) {
    Kept victim;
    synchronized (this) {
      victim = victimOf(options.policy(), options.priority());
      if (victim == null) {
        return false;
      }
      drop(victim, countOf(options.policy()));
    }
    giveBack(List.of(victim));
    return true;
  }

  private void giveBack(List<Kept> victims) {
    victims.forEach(Kept::release);
    if (!victims.isEmpty()) {
      tellOfDropped();
    }
  }

  /** What is answered to a message for which there is no room, and counted. */
  SendResult giveUp(SendOptions.Policy policy) {
    switch (policy) {
      case REFUSE:
        synchronized (this) {
          writableOwed = true;
        }
        lookAfterRest();
        return SendResult.REFUSED;
      case CLOSE:
        boolean isFirst;
        synchronized (this) {
          isFirst = !closedByPolicy && !closed;
          closedByPolicy = true;
        }
        if (isFirst) {
          tally.add(Tally.Count.CLOSED_BY_POLICY);
          outlet.closeFull();
        }
        return SendResult.CLOSED;
      default:
        synchronized (this) {
          if (closed) {
            return SendResult.CLOSED;
          }
          dropped = dropped + 1;
        }
        tally.add(countOf(policy));
        tellOfDropped();
        return SendResult.DROPPED;
    }
  }

  /** Sees to it that onDropped is told, unless that is on its way. */
  private void tellOfDropped() {
    if (!outlet.hearsOfDropped()) {
      return;
    }
    synchronized (this) {
      if (tellPosted || dropped == droppedTold) {
        return;
      }
      tellPosted = true;
    }
    outlet.postToLoop(
        () -> {
          synchronized (this) {
            tellPosted = false;
          }
          outlet.tellDropped();
        });
  }

  /** How many were given up that onDropped has not been told of; it is now. */
  synchronized long takeDropped() {
    long untold = dropped - droppedTold;
    droppedTold = dropped;
    return untold;
  }

  private static Tally.Count countOf(SendOptions.Policy policy) {
    return switch (policy) {
      case DROP_NEWEST -> Tally.Count.DROPPED_NEWEST;
      case DROP_LOWER_PRIORITY -> Tally.Count.DROPPED_BY_PRIORITY;
      default -> Tally.Count.DROPPED_OLDEST;
    };
  }

  // ---- Room. Under the lock.

  /** Whether there is room when so much of what is kept has gone. */
  private boolean hasRoom(long bytesLess, int countLess) {
    return outlet.engineBytes() + bytes - bytesLess < highWaterMark
        && count - countLess < maxMessages
        && memory.hasRoom(bytesLess);
  }

  /**
   * Only the loop's handlers, who answer what has been received already, may go beyond the mark by
   * the blocks of small messages; handlers on executors wait between messages.
   */
  private boolean isPromisedFull() {
    long promised = outlet.isOnLoop() ? promisedLength : promisedBytes;
    return outlet.engineBytes() + promised >= highWaterMark
        || promisedCount >= maxMessages
        || !memory.hasRoomForPromise();
  }

  /**
   * Whether there is room now. What is dropped for it goes to {@code victims}; nothing is dropped
   * in vain.
   *
   * @param replaced what gives its place, and does not count
   */
  private boolean makeRoom(
      Kept kept, SendOptions.Policy policy, @Nullable Kept replaced, List<Kept> victims) {
    long freed = replaced == null ? 0 : replaced.bytes();
    int fewer = replaced == null ? 0 : 1;
    if (hasRoom(freed, fewer)) {
      return true;
    }
    boolean isPromise = policy == SendOptions.Policy.REFUSE && !kept.isDroppable;
    if (policy == SendOptions.Policy.REFUSE && (!isPromise || isPromisedFull())) {
      return false;
    }
    List<Kept> chosen = new ArrayList<>();
    for (Kept victim : candidates(policy)) {
      if (policy == SendOptions.Policy.DROP_LOWER_PRIORITY && victim.priority >= kept.priority) {
        break;
      }
      if (victim == replaced) {
        continue;
      }
      chosen.add(victim);
      freed += victim.bytes();
      fewer++;
      if (hasRoom(freed, fewer)) {
        break;
      }
    }
    // Of small messages more is kept than is sent; what counts for a promise may be the latter.
    if (!isPromise && !hasRoom(freed, fewer)) {
      return false;
    }
    Tally.Count count = countOf(policy);
    chosen.forEach(victim -> drop(victim, count));
    victims.addAll(chosen);
    return true;
  }

  /** What gives way to a message of this policy, in order. */
  private Iterable<Kept> candidates(SendOptions.Policy policy) {
    return switch (policy) {
      case REFUSE, DROP_OLDEST -> oldest;
      case DROP_LOWER_PRIORITY -> least;
      case DROP_NEWEST, CLOSE -> List.of();
    };
  }

  private @Nullable Kept victimOf(SendOptions.Policy policy, int priority) {
    for (Kept first : candidates(policy)) {
      boolean isBelow =
          policy != SendOptions.Policy.DROP_LOWER_PRIORITY || first.priority < priority;
      return isBelow ? first : null;
    }
    return null;
  }

  private void drop(Kept victim, Tally.Count why) {
    unlink(victim);
    uncount(victim);
    dropped = dropped + 1;
    tally.add(why);
  }

  // ---- The list. Under the lock.

  private void append(Kept kept) {
    kept.place = places++;
    kept.previous = tail;
    if (tail == null) {
      head = kept;
    } else {
      tail.next = kept;
    }
    tail = kept;
    index(kept);
    count(kept);
    holding = true;
  }

  /** A newer one takes a place. */
  private void replace(Kept before, Kept kept) {
    unindex(before);
    kept.place = before.place;
    link(before.previous, kept);
    link(kept, before.next);
    before.previous = null;
    before.next = null;
    uncount(before);
    index(kept);
    count(kept);
    dropped = dropped + 1;
    tally.add(Tally.Count.REPLACED);
  }

  private void unlink(Kept kept) {
    unindex(kept);
    link(kept.previous, kept.next);
    kept.previous = null;
    kept.next = null;
  }

  /** Makes neighbours of two, either of which may be the end. */
  private void link(@Nullable Kept before, @Nullable Kept behind) {
    if (before == null) {
      head = behind;
    } else {
      before.next = behind;
    }
    if (behind == null) {
      tail = before;
    } else {
      behind.previous = before;
    }
  }

  private void index(Kept kept) {
    if (kept.isDroppable) {
      oldest.add(kept);
      least.add(kept);
    }
    if (kept.key != null) {
      keys.put(kept.key, kept);
    }
  }

  private void unindex(Kept kept) {
    if (kept.isDroppable) {
      oldest.remove(kept);
      least.remove(kept);
    }
    if (kept.key != null) {
      keys.remove(kept.key);
    }
  }

  private void count(Kept kept) {
    memory.add(kept.bytes());
    bytes = bytes + kept.bytes();
    count = count + 1;
    if (!kept.isDroppable) {
      promisedBytes = promisedBytes + kept.bytes();
      promisedLength += kept.frameLength();
      promisedCount++;
    }
  }

  private void uncount(Kept kept) {
    memory.add(-kept.bytes());
    bytes = bytes - kept.bytes();
    count = count - 1;
    if (!kept.isDroppable) {
      promisedBytes = promisedBytes - kept.bytes();
      promisedLength -= kept.frameLength();
      promisedCount--;
    }
  }

  // ---- What follows from more. Any thread.

  private void added() {
    boolean stop;
    boolean start;
    synchronized (this) {
      long engine = outlet.engineBytes();
      if (engine + bytes >= highWaterMark || count >= maxMessages) {
        writableOwed = true;
      }
      stop =
          !readsStopped
              && !closed
              && promisedCount > 0
              && (engine + promisedBytes > lowWaterMark || promisedCount > maxMessages / 2)
              && outlet.stopsReads();
      readsStopped |= stop;
      start = !pumping && tracked == null && !refused && !pumpPosted;
    }
    if (stop) {
      changeReads();
    }
    if (start) {
      startPump();
    }
  }

  private void changeReads() {
    if (outlet.isOnLoop()) {
      outlet.stopReads(readsAreStopped());
    } else {
      outlet.postToLoop(() -> outlet.stopReads(readsAreStopped()));
    }
  }

  private synchronized boolean readsAreStopped() {
    return readsStopped;
  }

  private void startPump() {
    if (outlet.isOnLoop()) {
      pump();
      lookAfterRest();
    } else {
      postPump();
    }
  }

  private void postPump() {
    synchronized (this) {
      if (pumpPosted) {
        return;
      }
      pumpPosted = true;
    }
    outlet.postToLoop(this::runPump);
  }

  private void runPump() {
    synchronized (this) {
      pumpPosted = false;
    }
    pump();
    settle();
  }

  /**
   * Sees to it that onWritable will be told, and the peer read from again, where nothing is on its
   * way that would.
   */
  private void lookAfterRest() {
    boolean alone;
    synchronized (this) {
      alone = (writableOwed || readsStopped) && tracked == null && !refused && !pumpPosted;
    }
    if (alone) {
      postPump();
    }
  }

  // ---- The pump. Loop thread.

  /** The engine's bytes have fallen to its low mark; answers whether this sees to onWritable. */
  boolean onDrained(boolean isWritableOwed) {
    synchronized (this) {
      refused = false;
      if (!holding && tracked == null) {
        return false;
      }
      writableOwed |= isWritableOwed;
    }
    pump();
    settle();
    return true;
  }

  private void onSent(CompletableFuture<Void> sent) {
    synchronized (this) {
      if (tracked != sent) {
        return; // the engine refused it at first
      }
      tracked = null;
    }
    if (outlet.isOnLoop()) {
      pump();
      settle();
    } else {
      postPump(); // the loop has ended, and drops it
    }
  }

  private void pump() {
    for (Kept next = takeNext(); next != null; next = takeNext()) {
      if (!handOver(next)) {
        return;
      }
    }
  }

  /** What the engine is to get now; null if it has enough, or must get what was posted first. */
  private @Nullable Kept takeNext() {
    synchronized (this) {
      Kept next = head;
      if (pumping || closed || refused) {
        return null;
      }
      if (next == null) {
        holding = false;
        return null;
      }
      if (!outlet.hasPosted()) {
        boolean isBeyond = outlet.engineBytes() + next.frameLength() > window;
        if (isBeyond && tracked != null) {
          return null;
        }
        unlink(next);
        pumping = true;
        if (isBeyond) {
          track(next);
        }
        return next;
      }
    }
    postPump();
    return null;
  }

  /** Its completion starts the pump again. */
  private void track(Kept kept) {
    CompletableFuture<Void> sent = kept.sent == null ? new CompletableFuture<>() : kept.sent;
    kept.sent = sent;
    tracked = sent;
    sent.whenComplete((nothing, failure) -> onSent(sent));
  }

  /** Whether the engine has taken it; otherwise it is the first again. */
  private boolean handOver(Kept kept) {
    CompletableFuture<Void> sent = kept.sent;
    SendResult result = outlet.handOver(kept, sent, false);
    Kept stale = null;
    boolean isAwaited = false;
    synchronized (this) {
      pumping = false;
      if (result == SendResult.ACCEPTED) {
        uncount(kept);
        isAwaited = sent != null && tracked == sent;
      } else {
        stale = takeBack(kept);
      }
    }
    if (isAwaited) {
      outlet.releaseBatch(); // all that is kept waits for it
    }
    if (stale != null) {
      giveBack(List.of(stale));
    }
    return result == SendResult.ACCEPTED;
  }

  /** Under the lock: the engine has refused it; answers what of it is given up. */
  private @Nullable Kept takeBack(Kept kept) {
    refused = true;
    if (kept.sent != null && tracked == kept.sent) {
      tracked = null;
    }
    Kept newer = kept.key == null ? null : keys.get(kept.key);
    if (!closed && newer == null) {
      putBack(kept);
      return null;
    }
    uncount(kept);
    if (!closed && newer != null) {
      dropped = dropped + 1;
      tally.add(Tally.Count.REPLACED);
      unlink(newer);
      newer.place = kept.place;
      putBack(newer);
    }
    return kept;
  }

  private void putBack(Kept kept) {
    Kept first = head;
    link(null, kept);
    link(kept, first);
    if (first == null) {
      tail = kept;
    }
    index(kept);
  }

  /** What follows from fewer. */
  private void settle() {
    boolean resume;
    boolean tell;
    boolean owe;
    synchronized (this) {
      long engine = outlet.engineBytes();
      boolean isLow = engine + promisedBytes <= lowWaterMark && promisedCount <= maxMessages / 2;
      resume = readsStopped && (promisedCount == 0 || isLow);
      readsStopped &= !resume;
      boolean allLow = engine + bytes <= lowWaterMark && count <= maxMessages / 2;
      tell = writableOwed && allLow && !closed;
      owe = writableOwed && !tell && head == null && tracked == null && !closed;
      writableOwed &= !tell && !owe;
    }
    if (resume) {
      changeReads();
    }
    if (tell) {
      outlet.tellWritable();
    }
    if (owe) {
      outlet.oweWritable(false);
    }
  }

  // ---- The end. Loop thread.

  /** A Close frame follows: the engine gets all that was accepted. */
  void close() {
    for (Kept kept = takeAll(); kept != null; ) {
      Kept following = kept.next;
      kept.next = null;
      outlet.handOver(kept, kept.sent, true);
      synchronized (this) {
        uncount(kept);
      }
      kept = following;
    }
    boolean resume;
    synchronized (this) {
      holding = false;
      resume = readsStopped;
      readsStopped = false;
    }
    if (resume) {
      outlet.stopReads(false); // the peer's Close must be seen
    }
  }

  /** Nothing is sent any more. */
  void end() {
    for (Kept kept = takeAll(); kept != null; ) {
      Kept following = kept.next;
      synchronized (this) {
        uncount(kept);
      }
      kept.release();
      if (kept.sent != null) {
        kept.sent.completeExceptionally(new SendException(SendResult.CLOSED));
      }
      kept = following;
    }
  }

  /** The first of what was kept, in order; nothing is kept from now on. */
  private synchronized @Nullable Kept takeAll() {
    closed = true;
    Kept first = head;
    head = null;
    tail = null;
    oldest.clear();
    least.clear();
    keys.clear();
    return first;
  }
}
