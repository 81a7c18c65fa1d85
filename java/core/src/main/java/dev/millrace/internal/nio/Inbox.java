// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What threads outside a loop post to it: many producers, one consumer, in the order of posting.
 *
 * <p>Tasks lie on an intrusive stack, which the consumer takes whole and turns round. The stack is
 * never full. What may be refused, a message, is counted: {@link #offer} answers false when as many
 * wait as the inbox has room for. What must not be, closing and application tasks, goes by {@link
 * #post}. Both are one list, so nothing overtakes anything of its own thread.
 */
final class Inbox {
  private static final VarHandle TOP;

  static {
    try {
      TOP = MethodHandles.lookup().findVarHandle(Inbox.class, "top", Task.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Work for a loop. May be posted once. */
  abstract static class Task {
    private @Nullable Task next;
    private boolean isMessage;
    private boolean isDropped;

    /** On the loop's thread. */
    abstract void run();

    /** The loop has ended before this could run. */
    void drop() {
      isDropped = true;
    }

    /** Whether this will never run. Only meaningful once the loop has ended. */
    boolean isDropped() {
      return isDropped;
    }
  }

  private final int capacity;
  private final AtomicInteger messages = new AtomicInteger();

  @SuppressWarnings("unused") // through TOP
  private volatile @Nullable Task top;

  /** An inbox with room for so many messages. */
  Inbox(int capacity) {
    this.capacity = capacity;
  }

  /** Any thread: posts a message, or answers false when the inbox is full. */
  boolean offer(Task message) {
    if (messages.incrementAndGet() > capacity) {
      messages.decrementAndGet();
      return false;
    }
    message.isMessage = true;
    push(message);
    return true;
  }

  /** Any thread: posts a task, whatever waits. */
  void post(Task task) {
    push(task);
  }

  private void push(Task task) {
    Task seen;
    do {
      seen = top;
      task.next = seen;
    } while (!TOP.compareAndSet(this, seen, task));
  }

  /** Consumer: whether there is nothing. */
  boolean isEmpty() {
    return top == null;
  }

  /** Consumer: hands out what was there when it was called. */
  void drain(Consumer<Task> receiver) {
    if (top == null) {
      return;
    }
    Task task = reversed((Task) TOP.getAndSet(this, null));
    while (task != null) {
      Task next = task.next;
      task.next = null;
      if (task.isMessage) {
        messages.decrementAndGet();
      }
      receiver.accept(task);
      task = next;
    }
  }

  private static @Nullable Task reversed(@Nullable Task newest) {
    Task oldest = null;
    for (Task task = newest; task != null; ) {
      Task next = task.next;
      task.next = oldest;
      oldest = task;
      task = next;
    }
    return oldest;
  }
}
