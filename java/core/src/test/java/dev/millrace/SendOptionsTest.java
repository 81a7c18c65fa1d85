// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class SendOptionsTest {
  private static final SendOptions DEFAULTS = SendOptions.defaults();

  @Test
  void equalWhereEveryValueIs() {
    assertThat(DEFAULTS.withPriority(1))
        .isEqualTo(DEFAULTS.withPriority(1))
        .hasSameHashCodeAs(DEFAULTS.withPriority(1))
        .isNotEqualTo(DEFAULTS);
    assertThat(DEFAULTS.withReplacementKey("ACME"))
        .isEqualTo(DEFAULTS.withReplacementKey("ACME"))
        .isNotEqualTo(DEFAULTS.withReplacementKey("EMCA"));
    assertThat(DEFAULTS.withPolicy(SendOptions.Policy.CLOSE)).isNotEqualTo(DEFAULTS);
    assertThat(DEFAULTS.withCompress(false)).isNotEqualTo(DEFAULTS);
  }

  @Test
  void everyValueIsShown() {
    assertThat(
            DEFAULTS
                .withPolicy(SendOptions.Policy.DROP_OLDEST)
                .withPriority(7)
                .withReplacementKey("ACME")
                .withCompress(false))
        .hasToString(
            "SendOptions[policy=DROP_OLDEST, priority=7, replacementKey=ACME, compress=false]");
  }

  @Test
  void prioritiesHaveLimits() {
    assertThatThrownBy(() -> DEFAULTS.withPriority(256))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("priority out of range: priority=256, limits=0..255");
  }
}
