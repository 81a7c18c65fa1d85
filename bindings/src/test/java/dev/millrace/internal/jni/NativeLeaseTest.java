// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A lease between a thread that sends it and one that closes it. */
class NativeLeaseTest {
  private static final int CAPACITY = 1000;

  private long address;
  private NativeLease lease;

  @BeforeEach
  void acquire() {
    assertThat(NativeLibrary.unavailabilityCause()).isNull();
    address = SharedMemory.acquire(CAPACITY);
    assertThat(address).isNotNegative();
    // One reference more, so that nobody else gets the block meanwhile.
    assertThat(NativeCalls.retain(address)).isGreaterThanOrEqualTo(0);
    lease = NativeLease.writable(SharedMemory.region(), address, CAPACITY, null);
  }

  /** Gives up the reference of this test: whether it was the last. */
  private boolean wasGivenUp() {
    NativeCalls.release(address);
    boolean last = NativeCalls.capacity(address) < 0;
    if (!last) {
      NativeCalls.release(address);
    }
    return last;
  }

  @Test
  void whoClosesItBeforeASendIsTakenBackHasClosedIt() {
    lease.take();
    lease.close();
    lease.close();
    lease.giveBack();
    lease.close();
    assertThatIllegalStateException().isThrownBy(lease::take).withMessageContaining("closed");
    assertThat(wasGivenUp()).isTrue();
  }

  @Test
  void aSendThatIsTakenBackLeavesItOpen() {
    lease.take();
    lease.giveBack();
    lease.buffer().put((byte) 1);
    lease.close();
    assertThat(wasGivenUp()).isTrue();
  }

  @Test
  void whatWasSentIsNotGivenBackByClosing() {
    lease.take();
    lease.close();
    assertThatIllegalStateException().isThrownBy(lease::take).withMessageContaining("sent");
    assertThat(wasGivenUp()).isFalse();
  }
}
