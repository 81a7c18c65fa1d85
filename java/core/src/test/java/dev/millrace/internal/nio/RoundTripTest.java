// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RoundTripTest {
  private final RoundTrip roundTrip = new RoundTrip();

  @Test
  void unknownBeforeTheFirstPong() {
    assertThat(roundTrip.nanos()).isEqualTo(RoundTrip.UNKNOWN);
    roundTrip.sent(1000);
    assertThat(roundTrip.nanos()).isEqualTo(RoundTrip.UNKNOWN);
  }

  @Test
  void pongOfTheLastPingTells() {
    roundTrip.sent(1000);
    roundTrip.received(1000, 1250);
    assertThat(roundTrip.nanos()).isEqualTo(250);
    roundTrip.sent(-5);
    roundTrip.received(-5, 5);
    assertThat(roundTrip.nanos()).isEqualTo(10);
  }

  @Test
  void otherPongsSayNothing() {
    roundTrip.received(0, 10);
    assertThat(roundTrip.nanos()).isEqualTo(RoundTrip.UNKNOWN);
    roundTrip.sent(1000);
    roundTrip.sent(2000);
    roundTrip.received(1000, 2100);
    assertThat(roundTrip.nanos()).isEqualTo(RoundTrip.UNKNOWN);
    roundTrip.received(2000, 2200);
    roundTrip.received(2000, 9999);
    assertThat(roundTrip.nanos()).isEqualTo(200);
  }
}
