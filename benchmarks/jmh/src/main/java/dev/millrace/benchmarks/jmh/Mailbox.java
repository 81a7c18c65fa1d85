// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import dev.millrace.internal.ring.Inbox;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;

/** Where threads post records of four longs for one other thread. */
public interface Mailbox {
  int CAPACITY = 4096;

  /** What there is to compare. */
  enum Kind {
    /** Ours. */
    INBOX {
      @Override
      Mailbox open() {
        return new OfInbox();
      }
    },
    /** The JDK's bounded queue, one object for each record. */
    QUEUE {
      @Override
      Mailbox open() {
        return new OfQueue();
      }
    };

    abstract Mailbox open();
  }

  /** Any thread: false when it is full. */
  boolean post(long first, long second, long third, long fourth);

  /** The consumer: hands out what is there and answers how many records that was. */
  int drain(Inbox.Receiver receiver);

  /** Ours. */
  final class OfInbox implements Mailbox {
    private final Inbox inbox = new Inbox(CAPACITY);

    @Override
    public boolean post(long first, long second, long third, long fourth) {
      return inbox.offer(first, second, third, fourth);
    }

    @Override
    public int drain(Inbox.Receiver receiver) {
      return inbox.drain(receiver);
    }
  }

  /** The JDK's. */
  final class OfQueue implements Mailbox {
    private record Posted(long first, long second, long third, long fourth) {}

    private final Queue<Posted> queue = new ArrayBlockingQueue<>(CAPACITY);

    @Override
    public boolean post(long first, long second, long third, long fourth) {
      return queue.offer(new Posted(first, second, third, fourth));
    }

    @Override
    public int drain(Inbox.Receiver receiver) {
      int count = 0;
      for (Posted posted = queue.poll(); posted != null; posted = queue.poll()) {
        receiver.onRecord(posted.first, posted.second, posted.third, posted.fourth);
        count++;
      }
      return count;
    }
  }
}
