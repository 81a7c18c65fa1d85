// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * Places are written down from docs/rings.md: the area is 256 KiB at 768 KiB, with 14 bytes below
 * each payload.
 */
class SendAreaTest {
  private static final int START = 768 << 10;
  private static final int END = 1 << 20;

  private final SendArea area = new SendArea();

  @Test
  void payloadsLieAsCloseAsTheirHeadersAllow() {
    assertThat(area.next()).isEqualTo(START + 14);
    area.take(100);
    assertThat(area.next()).isEqualTo(START + 14 + 100 + 14);
    area.take(0);
    assertThat(area.next()).isEqualTo(START + 14 + 100 + 14 + 14);
    assertThat(area.position()).isEqualTo(14 + 100 + 14);
    area.reset();
    assertThat(area.next()).isEqualTo(START + 14);
  }

  @Test
  void longestPayloadEndsWithTheArea() {
    int longest = (256 << 10) - 14;
    assertThat(area.fits(longest)).isTrue();
    assertThat(area.fits(longest + 1)).isFalse();
    assertThat(area.next() + longest).isEqualTo(END);
    area.take(longest);
    assertThat(area.position()).isEqualTo(256 << 10);
    assertThat(area.fits(0)).isFalse();
  }

  @Test
  void neverReachesBeyondItsEnd() {
    for (int length = 0; length < 3000; length += 7) {
      area.reset();
      while (area.fits(length)) {
        assertThat(area.next() + length).isLessThanOrEqualTo(END);
        area.take(length);
      }
      assertThat(END - START - area.position()).isLessThan(length + 14);
    }
    assertThat(area.fits(Long.MAX_VALUE)).isFalse();
  }
}
