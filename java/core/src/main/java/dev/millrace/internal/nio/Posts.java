// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.nio.channels.ClosedSelectorException;
import java.nio.channels.Selector;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * How work gets to a loop: its inbox, who wakes it, and what becomes of work when it has ended.
 *
 * <pre>
 *   loop                            producer
 *   sleeping = true                 publish the work
 *   look for work once more         if sleeping, and this thread swaps it to false
 *   none: select                        wake the selector
 *   sleeping = false
 * </pre>
 *
 * <p>Each side writes, then reads what the other wrote, all of it volatile: either the loop sees
 * the work, or the producer sees that the loop may be asleep. In the same way whoever posts while
 * the loop ends either is drained by it, or sees {@code ended} and gives the inbox up, under a
 * lock.
 */
final class Posts {
  private final Selector selector;
  private final Thread thread;
  private final Inbox inbox;
  private final Consumer<Inbox.Task> runner;
  private final AtomicBoolean sleeping = new AtomicBoolean();
  private volatile boolean ended;

  /** {@code runner} runs tasks on the loop's thread, and does not throw. */
  Posts(Selector selector, Thread thread, int capacity, Consumer<Inbox.Task> runner) {
    this.selector = selector;
    this.thread = thread;
    this.runner = runner;
    inbox = new Inbox(capacity);
  }

  /** An application's or the engine's own work. */
  private static final class Action extends Inbox.Task {
    private final Runnable action;

    Action(Runnable action) {
      this.action = action;
    }

    @Override
    void run() {
      action.run();
    }
  }

  // ---- Any thread.

  /** Whether the caller is the loop's thread. */
  boolean isCurrent() {
    return Thread.currentThread() == thread;
  }

  boolean haveEnded() {
    return ended;
  }

  /** Posts a message, or answers false when the inbox is full. */
  boolean offer(Inbox.Task message) {
    if (!inbox.offer(message)) {
      return false;
    }
    posted();
    return true;
  }

  /** Posts a task, which runs on the loop's thread, or is dropped when that has ended. */
  void post(Inbox.Task task) {
    inbox.post(task);
    posted();
  }

  /** As {@link #post(Inbox.Task)}. */
  void post(Runnable action) {
    post(new Action(action));
  }

  /** Runs at once on the loop's thread, else as a task. */
  void run(Runnable action) {
    if (isCurrent()) {
      action.run();
    } else {
      post(action);
    }
  }

  /** Posts; false when the loop has ended and the action will never run. */
  boolean execute(Runnable action) {
    if (ended) {
      return false;
    }
    Action task = new Action(action);
    post(task);
    return !ended || !isDropped(task);
  }

  private boolean isDropped(Inbox.Task task) {
    synchronized (inbox) {
      return task.isDropped();
    }
  }

  private void posted() {
    if (sleeping.get() && sleeping.compareAndSet(true, false) && !isCurrent()) {
      wake();
    }
    if (ended) {
      synchronized (inbox) {
        inbox.drain(Inbox.Task::drop);
      }
    }
  }

  private void wake() {
    try {
      selector.wakeup();
    } catch (ClosedSelectorException e) {
      // The loop has ended; what was posted is given up next.
    }
  }

  // ---- Loop thread.

  /** It is about to select. It must ask {@link #isEmpty} once more after this. */
  void announceSleep() {
    sleeping.set(true);
  }

  /** It does not sleep any more; answers whether somebody has woken it, or wanted to. */
  boolean awake() {
    return !sleeping.getAndSet(false);
  }

  boolean isEmpty() {
    return inbox.isEmpty();
  }

  /** Runs what was there when it was called. */
  void drain() {
    inbox.drain(runner);
  }

  /**
   * Runs the last tasks, whose posters were told that they would run; under the lock, so that no
   * late poster gives them up before.
   */
  void end() {
    synchronized (inbox) {
      ended = true;
      inbox.drain(runner);
    }
  }
}
