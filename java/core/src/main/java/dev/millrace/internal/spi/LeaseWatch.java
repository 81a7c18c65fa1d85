// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.Cleaner;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The open leases of a server or client, in checked mode. One that nobody sent or closed is
 * reported once, with the stack of who took it: when the garbage collector has found it, or when
 * its server or client has ended. Any thread.
 */
public final class LeaseWatch {
  private static final Logger LOGGER = System.getLogger("dev.millrace");
  private static final AtomicLong LEAKED = new AtomicLong();

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

    /** The lease was sent or closed. */
    public void end() {
      watch.open.remove(this);
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
