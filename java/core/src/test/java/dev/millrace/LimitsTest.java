// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;

class LimitsTest {

  private static final Limits DEFAULTS = Limits.defaults();

  @Test
  void hasTheDefaultsItStates() {
    assertThat(DEFAULTS.maxMessageBytes()).isEqualTo(1_048_576);
    assertThat(DEFAULTS.maxFragments()).isEqualTo(65_536);
    assertThat(DEFAULTS.maxHeaderBytes()).isEqualTo(16_384);
    assertThat(DEFAULTS.maxRequestLineBytes()).isEqualTo(8_192);
    assertThat(DEFAULTS.highWaterMarkBytes()).isEqualTo(1_048_576);
    assertThat(DEFAULTS.lowWaterMarkBytes()).isEqualTo(524_288);
    assertThat(DEFAULTS.maxConnections()).isEqualTo(65_536);
    assertThat(DEFAULTS.handshakeTimeout()).isEqualTo(Duration.ofSeconds(5));
    assertThat(DEFAULTS.closeTimeout()).isEqualTo(Duration.ofSeconds(5));
    assertThat(DEFAULTS.inboxCapacity()).isEqualTo(4_096);
    assertThat(DEFAULTS.regionBytes()).isEqualTo(1L << 30);
  }

  @Test
  void everyWithChangesItsOwnValueOnly() {
    Limits changed =
        DEFAULTS
            .withMaxMessageBytes(2)
            .withMaxFragments(3)
            .withMaxHeaderBytes(400)
            .withMaxRequestLineBytes(500)
            .withHighWaterMarkBytes(6000)
            .withMaxConnections(7)
            .withHandshakeTimeout(Duration.ofSeconds(8))
            .withCloseTimeout(Duration.ofSeconds(9))
            .withInboxCapacity(16)
            .withRegionBytes(32L << 20);

    assertThat(changed)
        .hasToString(
            "Limits[maxMessageBytes=2, maxFragments=3, maxHeaderBytes=400,"
                + " maxRequestLineBytes=500, highWaterMarkBytes=6000, maxConnections=7,"
                + " handshakeTimeout=PT8S, closeTimeout=PT9S, inboxCapacity=16,"
                + " regionBytes=33554432]");
    assertThat(DEFAULTS.maxMessageBytes()).isEqualTo(1 << 20);
    assertThat(changed).isNotEqualTo(DEFAULTS);
    assertThat(DEFAULTS.withMaxFragments(3)).isEqualTo(DEFAULTS.withMaxFragments(3));
    assertThat(DEFAULTS.withMaxFragments(3)).hasSameHashCodeAs(DEFAULTS.withMaxFragments(3));
  }

  @Test
  void everyBoundIsCheckedOnBothSides() {
    bounds("maxMessageBytes", 1, 256 << 20, v -> DEFAULTS.withMaxMessageBytes((int) v));
    bounds("maxFragments", 1, 1 << 24, v -> DEFAULTS.withMaxFragments((int) v));
    bounds("maxHeaderBytes", 256, 65_536, v -> DEFAULTS.withMaxHeaderBytes((int) v));
    bounds("maxRequestLineBytes", 64, 65_536, v -> DEFAULTS.withMaxRequestLineBytes((int) v));
    bounds("highWaterMarkBytes", 2 << 10, 1 << 30, DEFAULTS::withHighWaterMarkBytes);
    bounds("maxConnections", 1, 1 << 22, v -> DEFAULTS.withMaxConnections((int) v));
    bounds("inboxCapacity", 2, 1 << 20, v -> DEFAULTS.withInboxCapacity((int) v));
    bounds("regionBytes", 16 << 20, 1 << 30, DEFAULTS::withRegionBytes);
  }

  private static void bounds(String name, long lowest, long highest, LongFunction<Limits> with) {
    assertThat(with.apply(lowest).toString()).contains(name + "=" + lowest);
    assertThat(with.apply(highest).toString()).contains(name + "=" + highest);
    for (long outside : new long[] {lowest - 1, highest + 1, -1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> with.apply(outside))
          .withMessage(
              name + " out of range: value=" + outside + ", limits=" + lowest + ".." + highest);
    }
  }

  @Test
  void timeoutsAreCheckedOnBothSides() {
    for (Duration outside : new Duration[] {Duration.ZERO, Duration.ofSeconds(3601)}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DEFAULTS.withHandshakeTimeout(outside))
          .withMessageContaining("handshakeTimeout out of range: value=" + outside);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DEFAULTS.withCloseTimeout(outside))
          .withMessageContaining("closeTimeout out of range: value=" + outside);
    }
  }

  @Test
  void aMessageIsAtMostAQuarterOfTheRegionInEitherOrder() {
    Limits small = DEFAULTS.withRegionBytes(16 << 20);

    assertThat(small.withMaxMessageBytes(4 << 20).maxMessageBytes()).isEqualTo(4 << 20);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> small.withMaxMessageBytes((4 << 20) + 1))
        .withMessageContaining("maxMessageBytes=4194305, regionBytes=16777216, limit=4194304");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DEFAULTS.withMaxMessageBytes(8 << 20).withRegionBytes(16 << 20))
        .withMessageContaining("maxMessageBytes=8388608, regionBytes=16777216");
  }

  @Test
  void roundsUpWhatHasAGrain() {
    assertThat(DEFAULTS.withInboxCapacity(5).inboxCapacity()).isEqualTo(8);
    assertThat(DEFAULTS.withInboxCapacity(8).inboxCapacity()).isEqualTo(8);
    assertThat(DEFAULTS.withRegionBytes((16 << 20) + 1).regionBytes()).isEqualTo(17 << 20);
  }
}
