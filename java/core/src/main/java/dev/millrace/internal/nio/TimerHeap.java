// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Deadlines in the order of their time: a binary heap whose entries know their place, so that one
 * can be moved or taken out without a search. An entry is whoever has the deadline; there is no
 * object besides. Loop thread only.
 */
final class TimerHeap {
  private static final int INITIAL_CAPACITY = 16;

  /** Something with a deadline. */
  abstract static class Entry {
    private static final int NONE = -1;

    private long deadlineNanos;
    private int place = NONE;

    /** The deadline has passed; the entry is not in the heap any more. */
    abstract void expire();

    /** Whether it waits. */
    final boolean isSet() {
      return place != NONE;
    }
  }

  private @Nullable Entry[] entries = new @Nullable Entry[INITIAL_CAPACITY];
  private int count;

  /** Sets or moves a deadline. */
  void set(Entry entry, long deadlineNanos) {
    entry.deadlineNanos = deadlineNanos;
    if (!entry.isSet()) {
      if (count == entries.length) {
        entries = Arrays.copyOf(entries, 2 * count);
      }
      put(entry, count++);
    }
    rise(entry);
    sink(entry);
  }

  /** Sets a deadline, or moves it nearer. */
  void setNoLater(Entry entry, long deadlineNanos) {
    if (!entry.isSet() || deadlineNanos - entry.deadlineNanos < 0) {
      set(entry, deadlineNanos);
    }
  }

  /** Takes a deadline away; does nothing if there is none. */
  void cancel(Entry entry) {
    if (!entry.isSet()) {
      return;
    }
    int place = entry.place;
    Entry last = at(--count);
    entries[count] = null;
    entry.place = Entry.NONE;
    if (last != entry) {
      put(last, place);
      rise(last);
      sink(last);
    }
  }

  /** How many wait. */
  int size() {
    return count;
  }

  /** Nanoseconds to the next deadline, 0 if it has passed, -1 if there is none. */
  long untilNext(long nowNanos) {
    return count == 0 ? -1 : Math.max(0, at(0).deadlineNanos - nowNanos);
  }

  /** Takes out the next entry whose deadline has passed; null if there is none. */
  @Nullable Entry takeDue(long nowNanos) {
    if (count == 0 || at(0).deadlineNanos - nowNanos > 0) {
      return null;
    }
    Entry due = at(0);
    cancel(due);
    return due;
  }

  private Entry at(int place) {
    Entry entry = entries[place];
    if (entry == null) {
      throw new IllegalStateException("the heap of deadlines is broken: place=" + place);
    }
    return entry;
  }

  private void put(Entry entry, int place) {
    entries[place] = entry;
    entry.place = place;
  }

  private static boolean isBefore(Entry one, Entry other) {
    return one.deadlineNanos - other.deadlineNanos < 0;
  }

  private void rise(Entry entry) {
    while (entry.place > 0) {
      Entry parent = at((entry.place - 1) / 2);
      if (!isBefore(entry, parent)) {
        return;
      }
      swap(entry, parent);
    }
  }

  private void sink(Entry entry) {
    while (true) {
      int child = 2 * entry.place + 1;
      if (child >= count) {
        return;
      }
      if (child + 1 < count && isBefore(at(child + 1), at(child))) {
        child++;
      }
      if (!isBefore(at(child), entry)) {
        return;
      }
      swap(entry, at(child));
    }
  }

  private void swap(Entry one, Entry other) {
    int place = one.place;
    put(one, other.place);
    put(other, place);
  }
}
