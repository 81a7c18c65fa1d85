// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The leases of a server or client, in checked mode. One that nobody sent or closed is reported
 * once, with the stack of who took it: when the garbage collector has found it, or when its server
 * or client has ended. So is memory that was written to after it had been freed, with the stack of
 * who had leased it last. Any thread.
 */
public final class LeaseWatch {
  private static final Logger LOGGER = System.getLogger("dev.millrace");
  private static final AtomicLong LEAKED = new AtomicLong();

  /** As many as blocks rest in a few regions. */
  private static final int MOST_ENDED = 8192;

  // Who had leased memory that may rest by now, by its number: the last so many.
  private static final Map<Long, Throwable> ENDED =
      Collections.synchronizedMap(
          new LinkedHashMap<>() {
            @Override
            protected boolean removeEldestEntry(Map.Entry<Long, Throwable> eldest) {
              return size() > MOST_ENDED;
            }
          });

  /** Made when the first lease is watched, so that unchecked processes have no thread for it. */
  private static final class Collected {
    static final Cleaner CLEANER = Cleaner.create();
  }

  private final String owner;
  private final Set<Entry> open = ConcurrentHashMap.newKeySet();

  private LeaseWatch(String owner) {
    this.owner = owner;
  }

  /**
   * Watches the leases of a server or client.
   *
   * @param owner what it is, for reports
   * @return null unless this process {@linkplain CheckedMode checks}
   */
  public static @Nullable LeaseWatch of(String owner) {
    return CheckedMode.isOn() ? new LeaseWatch(owner) : null;
  }

  /**
   * How many leases of this process have been reported.
   *
   * @return the count, which only grows
   */
  public static long leaked() {
    return LEAKED.get();
  }

  /**
   * Somebody has written to memory that had been freed.
   *
   * @param memory its number, as of {@link Entry#end(long)}
   */
  public static void reportLateWrite(long memory) {
    LOGGER.log(
        Level.WARNING,
        "memory was written to after it had been sent or closed, and freed",
        ENDED.get(memory));
  }

  /**
   * A lease was taken, by the caller of the caller.
   *
   * @param lease the lease
   * @param capacity its length, for a report
   * @return to be told when the lease has ended
   */
  public Entry add(Object lease, int capacity) {
    Entry entry = new Entry(this, capacity);
    open.add(entry);
    Collected.CLEANER.register(lease, entry);
    return entry;
  }

  /** The server or client has ended: its leases should have before. */
  public void ownerEnded() {
    for (Entry entry : open) {
      entry.report("was still open when its " + owner + " ended");
    }
  }

  /** One lease. Must not refer to it. */
  public static final class Entry implements Runnable {
    private final LeaseWatch watch;
    private final int capacity;
    private final Throwable taken = new Throwable("the lease was taken here");

    private Entry(LeaseWatch watch, int capacity) {
      this.watch = watch;
      this.capacity = capacity;
    }

    /**
     * The lease was sent or closed.
     *
     * @param memory a number that its memory has while it rests
     */
    public void end(long memory) {
      watch.open.remove(this);
      left(memory);
    }

    /** The lease has moved away from that memory. */
    void left(long memory) {
      ENDED.remove(memory);
      ENDED.put(memory, taken);
    }

    /** It was not sent after all. */
    public void reopen() {
      watch.open.add(this);
    }

    /** Nobody can reach the lease any more. */
    @Override
    public void run() {
      report("was collected, neither sent nor closed");
    }

    private void report(String what) {
      if (watch.open.remove(this)) {
        LEAKED.incrementAndGet();
        LOGGER.log(Level.WARNING, "a lease " + what + ": capacity=" + capacity, taken);
      }
    }
  }
}
