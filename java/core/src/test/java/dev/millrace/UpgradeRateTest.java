// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UpgradeRateTest {

  private static final long SECOND = 1_000_000_000L;

  /** The clock may begin anywhere, also where it is about to wrap. */
  @ParameterizedTest
  @ValueSource(longs = {0, -5, Long.MAX_VALUE - SECOND / 2, Long.MIN_VALUE})
  void aBucketHoldsASecondAndFillsAtItsRate(long start) {
    for (int perSecond : new int[] {1, 3, 10, 1000}) {
      UpgradeRate rate = new UpgradeRate(perSecond);
      assertThat(takes(rate, 1, start)).isEqualTo(perSecond);
      assertThat(takes(rate, 1, start + SECOND / perSecond - 2)).isZero();
      assertThat(takes(rate, 1, start + SECOND / perSecond + 1)).isEqualTo(1);
      assertThat(takes(rate, 2, start)).isEqualTo(perSecond);
      assertThat(takes(rate, 1, start + 10 * SECOND)).isEqualTo(perSecond);
    }
  }

  @Test
  void neverMoreThanTheRateOverALongTime() {
    UpgradeRate rate = new UpgradeRate(7);
    int taken = 0;
    for (long now = 0; now <= 100 * SECOND; now += SECOND / 1000) {
      taken += rate.take(1, now) ? 1 : 0;
    }
    assertThat(taken).isBetween(7 * 100 - 1, 7 * 101);
  }

  @Test
  void theHighestRateRefusesNobody() {
    UpgradeRate rate = new UpgradeRate(Limits.UNLIMITED - 1);
    for (int i = 0; i < 100_000; i++) {
      assertThat(rate.take(1, 0)).isTrue();
    }
  }

  @Test
  void anAddressThatDoesNotAskAnyMoreIsForgotten() {
    UpgradeRate rate = new UpgradeRate(10);
    for (long address = 0; address < 1000; address++) {
      rate.take(address, 0);
    }
    assertThat(rate.size()).isEqualTo(1000);
    for (long address = 1000; address < 2000; address++) {
      rate.take(address, 2 * SECOND);
    }
    assertThat(rate.size()).isLessThan(1100);
  }

  @Test
  void aMillionAddressesAreNotKept() {
    UpgradeRate rate = new UpgradeRate(1);
    for (long address = 0; address < 1_000_000; address++) {
      assertThat(rate.take(address << 20, 0)).isTrue();
    }
    assertThat(rate.size()).isLessThanOrEqualTo(UpgradeRate.MAX_BUCKETS);
  }

  /** Whoever floods asks often, and so is not among those that are forgotten. */
  @Test
  void whoAsksAllTheTimeIsNotForgottenForTheOthers() {
    UpgradeRate rate = new UpgradeRate(1);
    assertThat(rate.take(-1, 0)).isTrue();
    for (long address = 0; address < 200_000; address++) {
      rate.take(address << 20, 0);
      if (address % 100 == 0) {
        assertThat(rate.take(-1, 0)).isFalse();
      }
    }
  }

  private static int takes(UpgradeRate rate, long address, long now) {
    int taken = 0;
    while (rate.take(address, now)) {
      taken++;
    }
    return taken;
  }
}
