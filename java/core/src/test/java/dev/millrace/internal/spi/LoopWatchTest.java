// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LoopWatchTest {

  private static final long THRESHOLD = 1000;

  private final LoopWatch loop = new LoopWatch(Thread.currentThread(), THRESHOLD);

  private void look(long nowNanos) {
    loop.look(nowNanos, false);
  }

  @Test
  void reportsTheSameWorkOnceItTakesLong() {
    loop.works();
    look(0);
    look(THRESHOLD - 1);
    assertThat(loop.reports()).isZero();
    look(THRESHOLD);
    assertThat(loop.reports()).isEqualTo(1);
    look(10 * THRESHOLD);
    assertThat(loop.reports()).isEqualTo(1);
  }

  @Test
  void aLoopThatWaitsMayWaitForEver() {
    look(0);
    look(10 * THRESHOLD);
    loop.works();
    loop.waits();
    look(20 * THRESHOLD);
    look(30 * THRESHOLD);
    assertThat(loop.reports()).isZero();
  }

  @Test
  void aLoopThatWorksAllTheTimeButGoesOnIsNotBlocked() {
    for (long now = 0; now < 10 * THRESHOLD; now += THRESHOLD / 2) {
      loop.works();
      look(now);
      loop.waits();
    }
    assertThat(loop.reports()).isZero();
  }

  @Test
  void everyBlockIsReported() {
    for (int i = 0; i < 3; i++) {
      loop.works();
      look(i * 10 * THRESHOLD);
      look((i * 10 + 1) * THRESHOLD);
      loop.waits();
    }
    assertThat(loop.reports()).isEqualTo(3);
  }

  @Test
  void timeInWhichTheWatchdogItselfWasStoppedDoesNotCount() {
    loop.works();
    look(0);
    loop.look(10 * THRESHOLD, true);
    look(11 * THRESHOLD - 1);
    assertThat(loop.reports()).isZero();
    look(11 * THRESHOLD);
    assertThat(loop.reports()).isEqualTo(1);
  }

  @Test
  void askingTwiceIsAskingOnce() {
    loop.works();
    look(0);
    loop.works();
    look(THRESHOLD);
    assertThat(loop.reports()).isEqualTo(1);
  }
}
