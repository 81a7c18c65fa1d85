// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.misuse;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.ScheduledTask;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * What the calls of a sequence leave for those behind them: leases open, sent and closed, messages
 * whose handlers have returned. Any thread.
 */
final class Objects {
  private static final int PLACES = 8;

  /** A lease, and a bit for each pair whose bytes it may hold. */
  record Held(Lease lease, long origins) {}

  private final AtomicReferenceArray<Held> leases = new AtomicReferenceArray<>(PLACES);
  private final AtomicReferenceArray<Message> messages = new AtomicReferenceArray<>(PLACES);
  private final AtomicReferenceArray<ScheduledTask> tasks = new AtomicReferenceArray<>(PLACES);

  /** Whoever was there before is closed. */
  void keep(int index, Lease lease, long origins) {
    Held before = leases.getAndSet(Math.floorMod(index, PLACES), new Held(lease, origins));
    if (before != null) {
      before.lease.close();
    }
  }

  void keep(int index, Message message) {
    messages.set(Math.floorMod(index, PLACES), message);
  }

  void keep(int index, ScheduledTask task) {
    tasks.set(Math.floorMod(index, PLACES), task);
  }

  /** Null where none was kept. */
  Held lease(int index) {
    return leases.get(Math.floorMod(index, PLACES));
  }

  Message message(int index) {
    return messages.get(Math.floorMod(index, PLACES));
  }

  ScheduledTask task(int index) {
    return tasks.get(Math.floorMod(index, PLACES));
  }

  /** Closes every lease. */
  void clear() {
    for (int i = 0; i < PLACES; i++) {
      Held held = leases.getAndSet(i, null);
      if (held != null) {
        held.lease.close();
      }
      messages.set(i, null);
      tasks.set(i, null);
    }
  }
}
