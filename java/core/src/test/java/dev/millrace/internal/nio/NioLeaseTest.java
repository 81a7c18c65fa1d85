// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.millrace.internal.spi.LoopCounter;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** A lease between a thread that sends it and one that closes it. */
class NioLeaseTest {
  private final BlockPool pool = new BlockPool(1 << 20, false);
  private final NioLease lease =
      NioLease.writable(Objects.requireNonNull(pool.acquire(1000)), null);

  private long blocksInUse() {
    long[] values = new long[LoopCounter.valueCount()];
    pool.readStatistics(values);
    return values[LoopCounter.BLOCKS_IN_USE.ordinal()];
  }

  @Test
  void whoClosesItBeforeASendIsTakenBackHasClosedIt() {
    lease.take();
    lease.close();
    lease.close();
    assertThat(blocksInUse()).isEqualTo(1);
    lease.giveBack();
    assertThat(blocksInUse()).isZero();
    lease.close();
    assertThatIllegalStateException().isThrownBy(lease::take).withMessageContaining("closed");
  }

  @Test
  void aSendThatIsTakenBackLeavesItOpen() {
    lease.take();
    lease.giveBack();
    lease.buffer().put((byte) 1);
    lease.close();
    assertThat(blocksInUse()).isZero();
  }

  @Test
  void whatWasSentIsNotGivenBackByClosing() {
    lease.take();
    lease.close();
    assertThatIllegalStateException().isThrownBy(lease::take).withMessageContaining("sent");
    assertThat(blocksInUse()).isEqualTo(1);
    lease.block().release();
  }
}
