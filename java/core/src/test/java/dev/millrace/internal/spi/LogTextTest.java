// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LogTextTest {

  @ParameterizedTest
  @ValueSource(
      strings = {"", "ada", "CN=Ada Lovelace, O=x", "DOMAIN\\ada", "\u00e9\u20ac\ud83d\ude00"})
  void leavesWhatIsVisible(String text) {
    assertThat(LogText.of(text)).isEqualTo(text);
  }

  @Test
  void escapesWhatEndsOrDisguisesALine() {
    assertThat(LogText.of("a\r\nb\t\0\u001b[2J"))
        .isEqualTo("a\\u000d\\u000ab\\u0009\\u0000\\u001b[2J");
    assertThat(LogText.of("\u0085\u2028\u2029")).isEqualTo("\\u0085\\u2028\\u2029");
    assertThat(LogText.of("\u202eright to left\u200b")).isEqualTo("\\u202eright to left\\u200b");
    assertThat(LogText.of("\ud83d!\ude00")).isEqualTo("\\ud83d!\\ude00");
  }

  @Test
  void cutsWhatIsLong() {
    String longest = "x".repeat(LogText.MAX_LENGTH);
    assertThat(LogText.of(longest)).isEqualTo(longest);
    assertThat(LogText.of(longest + "y")).isEqualTo(longest + "...");
  }
}
