// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.millrace.Lease;
import dev.millrace.Message;
import dev.millrace.suite.Task;
import java.nio.ByteBuffer;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A lease between the threads that send it, make it grow and close it. */
class AbstractLeaseTest {
  private static final int ROUNDS = 2_000;

  /** Counts what is given up. */
  private static final class Counted extends AbstractLease {
    private final AtomicInteger released = new AtomicInteger();
    private Runnable whileItMoves = () -> {};

    Counted() {
      super(1, null);
    }

    @Override
    protected void release() {
      released.incrementAndGet();
    }

    @Override
    protected long memoryNumber() {
      return 1;
    }

    @Override
    protected void moveTo(int capacity) {
      whileItMoves.run();
    }

    @Override
    public ByteBuffer buffer() {
      requireOpen();
      return ByteBuffer.allocate(1);
    }

    @Override
    public int capacity() {
      return 1;
    }

    @Override
    public int offset() {
      return 0;
    }

    @Override
    public int length() {
      return 0;
    }

    @Override
    public Lease range(int offset, int length) {
      return this;
    }

    @Override
    public Message.Kind kind() {
      return Message.Kind.BINARY;
    }
  }

  private final Counted lease = new Counted();

  @Test
  void closingGivesItUpOnce() {
    lease.close();
    lease.close();
    assertThat(lease.released).hasValue(1);
    assertThatIllegalStateException().isThrownBy(lease::take).withMessageContaining("closed");
    assertThatIllegalStateException().isThrownBy(() -> lease.grow(2));
  }

  @Test
  void whatWasSentIsNotGivenUpByClosing() {
    lease.take();
    lease.close();
    lease.close();
    assertThat(lease.released).hasValue(0);
    assertThatIllegalStateException().isThrownBy(lease::take).withMessageContaining("sent");
    assertThatIllegalStateException().isThrownBy(lease::buffer).withMessageContaining("sent");
  }

  @Test
  void whoClosesItBeforeASendIsTakenBackHasClosedIt() {
    lease.take();
    lease.close();
    lease.giveBack();
    assertThat(lease.released).hasValue(1);
    lease.close();
    assertThat(lease.released).hasValue(1);
  }

  @Test
  void closedWhileItGrowsItIsGivenUpByWhoMakesItGrow() {
    lease.whileItMoves =
        () -> {
          lease.close();
          assertThat(lease.released).hasValue(0);
        };
    assertThatIllegalStateException().isThrownBy(() -> lease.grow(2));
    assertThat(lease.released).hasValue(1);
  }

  @Test
  void nobodySendsItWhileItGrows() {
    lease.whileItMoves =
        () ->
            assertThatIllegalStateException().isThrownBy(lease::take).withMessageContaining("grow");
    lease.grow(2);
    lease.take();
    assertThat(lease.released).hasValue(0);
  }

  /** One of them is last; which, the threads decide. */
  @Test
  void whateverThreadsDoItIsGivenUpOnce() throws Exception {
    Counted[] leases = new Counted[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      leases[i] = new Counted();
    }
    CyclicBarrier start = new CyclicBarrier(3);
    Task closes = inStep("closes", start, leases, Counted::close);
    Task sends =
        inStep(
            "sends",
            start,
            leases,
            each -> {
              each.take();
              each.giveBack();
            });
    Task grows = inStep("grows", start, leases, each -> each.grow(2));
    closes.join();
    sends.join();
    grows.join();
    for (Counted each : leases) {
      assertThat(each.released).hasValue(1);
    }
  }

  private interface Use {
    void of(Counted lease);
  }

  private static Task inStep(String name, CyclicBarrier start, Counted[] leases, Use use)
      throws Exception {
    return Task.start(
        name,
        () -> {
          for (Counted each : leases) {
            start.await();
            try {
              use.of(each);
            } catch (IllegalStateException usedBefore) {
              // As documented.
            }
          }
        });
  }
}
