// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

import dev.millrace.internal.ring.Inbox;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Group;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.infra.Control;

/**
 * Records posted to a loop and taken by it, 64 at a time. The time is that of one record. Each
 * answers how many it posted or took.
 *
 * <ul>
 *   <li>{@code alone}: one thread posts and drains.
 *   <li>{@code handOver}: one thread posts, another drains; the slower one sets the pace of both.
 *   <li>{@code contended}: two threads post, and one of them, the loop, drains besides.
 * </ul>
 */
@State(Scope.Group)
public class InboxBenchmark extends Microbenchmark {
  static final int RECORDS = 64;

  @Param Mailbox.Kind kind = Mailbox.Kind.INBOX;

  private Mailbox mailbox = kind.open();
  private final Sum sum = new Sum();

  @Setup
  public void open() {
    mailbox = kind.open();
  }

  @Benchmark
  @Group("alone")
  @OperationsPerInvocation(RECORDS)
  public int alone(Control control) {
    post(control);
    return drain();
  }

  @Benchmark
  @Group("handOver")
  @OperationsPerInvocation(RECORDS)
  public int handOverPost(Control control) {
    return post(control);
  }

  @Benchmark
  @Group("handOver")
  @OperationsPerInvocation(RECORDS)
  public int handOverDrain(Control control) {
    int count = 0;
    while (count < RECORDS && !control.stopMeasurement) {
      int taken = drain();
      count += taken;
      if (taken == 0) {
        Thread.onSpinWait();
      }
    }
    return count;
  }

  @Benchmark
  @Group("contended")
  @OperationsPerInvocation(RECORDS)
  public int contendedPost(Control control) {
    return post(control);
  }

  @Benchmark
  @Group("contended")
  @OperationsPerInvocation(RECORDS)
  public int contendedLoop() {
    int count = 0;
    for (int i = 0; i < RECORDS; ) {
      if (offer(i)) {
        i++;
      } else {
        count += drain();
      }
    }
    return count + drain();
  }

  private int post(Control control) {
    int count = 0;
    while (count < RECORDS && !control.stopMeasurement) {
      if (offer(count)) {
        count++;
      } else {
        Thread.onSpinWait();
      }
    }
    return count;
  }

  private boolean offer(long value) {
    return mailbox.post(value, value + 1, value + 2, -3 * (value + 1));
  }

  private int drain() {
    int count = mailbox.drain(sum);
    if (sum.of != 0) {
      throw new IllegalStateException("torn record: sum=" + sum.of);
    }
    return count;
  }

  /** The words of every record add up to 0. */
  private static final class Sum implements Inbox.Receiver {
    private long of;

    @Override
    public void onRecord(long first, long second, long third, long fourth) {
      of += first + second + third + fourth;
    }

    @Override
    public void onTask(Inbox.Task task) {
      throw new IllegalStateException("nobody posted " + task);
    }
  }
}
