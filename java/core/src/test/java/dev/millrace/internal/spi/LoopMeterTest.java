// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoopMeterTest {
  /** At times around which 32 bits overflow, change their sign, and are 0. */
  @ParameterizedTest
  @ValueSource(longs = {0, 1, 1L << 41, (1L << 41) - 1, 1L << 42, (1L << 42) - 1, -1, -5000})
  void timesInAQueueAreToldUpTo73Minutes(long begin) {
    int stamp = LoopMeter.stamp(begin);
    assertThat(stamp).isNotEqualTo(LoopMeter.NOT_MEASURED);
    assertThat(LoopMeter.since(stamp, begin)).isZero();
    for (String waited : new String[] {"PT0.000010S", "PT1S", "PT9M10S", "PT20M", "PT73M"}) {
      long nanos = Duration.parse(waited).toNanos();
      assertThat(LoopMeter.since(stamp, begin + nanos)).isBetween(nanos - 2048, nanos + 1024);
    }
  }
}
