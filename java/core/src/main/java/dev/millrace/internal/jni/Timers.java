// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The tasks that wait for a {@code TIMER} event, by token. A token is an index that is used again;
 * its generation tells a late event of an earlier timer from the present one. Loop thread only.
 */
final class Timers {
  private static final int INITIAL_CAPACITY = 16;

  private @Nullable Runnable[] tasks = new @Nullable Runnable[INITIAL_CAPACITY];
  private int[] generations = new int[INITIAL_CAPACITY];
  private int[] free = new int[INITIAL_CAPACITY];
  private int freeCount;
  private int count;

  /** Keeps a task and returns its token. */
  int add(Runnable task) {
    int token = freeCount > 0 ? free[--freeCount] : grow();
    tasks[token] = task;
    return token;
  }

  /** The generation that the timer of a token was set with. */
  int generation(int token) {
    return generations[token];
  }

  /** Takes a task out; null when its timer is not waiting any more. */
  @Nullable Runnable remove(int token, int generation) {
    if (token < 0 || token >= count || generations[token] != generation) {
      return null;
    }
    Runnable task = tasks[token];
    if (task != null) {
      tasks[token] = null;
      generations[token]++;
      free[freeCount++] = token;
    }
    return task;
  }

  /** Timers that are waiting. */
  int size() {
    return count - freeCount;
  }

  private int grow() {
    if (count == tasks.length) {
      tasks = Arrays.copyOf(tasks, 2 * count);
      generations = Arrays.copyOf(generations, 2 * count);
      free = Arrays.copyOf(free, 2 * count);
    }
    return count++;
  }
}
