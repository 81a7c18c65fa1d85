// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;
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
    assertThat(DEFAULTS.maxConnectionsPerRoute()).isEqualTo(Limits.UNLIMITED);
    assertThat(DEFAULTS.maxConnectionsPerAddress()).isEqualTo(Limits.UNLIMITED);
    assertThat(DEFAULTS.maxUpgradesPerSecond()).isEqualTo(Limits.UNLIMITED);
    assertThat(DEFAULTS.handshakeTimeout()).isEqualTo(Duration.ofSeconds(5));
    assertThat(DEFAULTS.closeTimeout()).isEqualTo(Duration.ofSeconds(5));
    assertThat(DEFAULTS.idleTimeout()).isZero();
    assertThat(DEFAULTS.pingInterval()).isEqualTo(Duration.ofSeconds(30));
    assertThat(DEFAULTS.maxPingInterval()).isZero();
    assertThat(DEFAULTS.pongTimeout()).isEqualTo(Duration.ofSeconds(20));
    assertThat(DEFAULTS.writeTimeout()).isEqualTo(Duration.ofSeconds(30));
    assertThat(DEFAULTS.blockedLoopThreshold()).isEqualTo(Duration.ofSeconds(1));
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
            .withMaxConnectionsPerRoute(17)
            .withMaxConnectionsPerAddress(18)
            .withMaxUpgradesPerSecond(19)
            .withHandshakeTimeout(Duration.ofSeconds(8))
            .withCloseTimeout(Duration.ofSeconds(9))
            .withIdleTimeout(Duration.ofSeconds(10))
            .withPingInterval(Duration.ofSeconds(11))
            .withMaxPingInterval(Duration.ofSeconds(12))
            .withPongTimeout(Duration.ofSeconds(13))
            .withWriteTimeout(Duration.ofSeconds(14))
            .withBlockedLoopThreshold(Duration.ofSeconds(15))
            .withInboxCapacity(16)
            .withMaxQueuedMessages(20)
            .withMaxMessagesPerSecond(21)
            .withMaxBytesPerSecond(22)
            .withMaxCreditBytes(23)
            .withMaxMemoryBytes(64L << 20)
            .withRegionBytes(32L << 20);

    assertThat(changed)
        .hasToString(
            "Limits[maxMessageBytes=2, maxFragments=3, maxHeaderBytes=400,"
                + " maxRequestLineBytes=500, highWaterMarkBytes=6000, maxConnections=7,"
                + " maxConnectionsPerRoute=17, maxConnectionsPerAddress=18,"
                + " maxUpgradesPerSecond=19, handshakeTimeout=PT8S, closeTimeout=PT9S,"
                + " idleTimeout=PT10S, pingInterval=PT11S, maxPingInterval=PT12S,"
                + " pongTimeout=PT13S, writeTimeout=PT14S, blockedLoopThreshold=PT15S,"
                + " inboxCapacity=16,"
                + " maxQueuedMessages=20, maxMessagesPerSecond=21, maxBytesPerSecond=22,"
                + " maxCreditBytes=23, maxMemoryBytes=67108864, regionBytes=33554432]");
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
  void countsThatNeedNotBindAreAtLeastOne() {
    atLeastOne("maxConnectionsPerRoute", DEFAULTS::withMaxConnectionsPerRoute);
    atLeastOne("maxConnectionsPerAddress", DEFAULTS::withMaxConnectionsPerAddress);
    atLeastOne("maxUpgradesPerSecond", DEFAULTS::withMaxUpgradesPerSecond);
  }

  private static void atLeastOne(String name, IntFunction<Limits> with) {
    assertThat(with.apply(1).toString()).contains(name + "=1,");
    assertThat(with.apply(Limits.UNLIMITED)).isEqualTo(DEFAULTS);
    for (int outside : new int[] {0, -1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> with.apply(outside))
          .withMessage(name + " out of range: value=" + outside + ", limits=1..2147483647");
    }
  }

  @Test
  void timeoutsAreCheckedOnBothSides() {
    times("handshakeTimeout", Duration.ofHours(1), "", DEFAULTS::withHandshakeTimeout);
    times("closeTimeout", Duration.ofHours(1), "", DEFAULTS::withCloseTimeout);
    optional("idleTimeout", DEFAULTS::withIdleTimeout);
    optional("pingInterval", DEFAULTS::withPingInterval);
    optional("maxPingInterval", DEFAULTS::withMaxPingInterval);
    optional("pongTimeout", DEFAULTS::withPongTimeout);
    optional("writeTimeout", DEFAULTS::withWriteTimeout);
    for (Function<Duration, Limits> with :
        List.<Function<Duration, Limits>>of(
            DEFAULTS::withHandshakeTimeout, DEFAULTS::withCloseTimeout)) {
      assertThatIllegalArgumentException().isThrownBy(() -> with.apply(Duration.ZERO));
    }
  }

  private static void optional(String name, Function<Duration, Limits> with) {
    times(name, Duration.ofDays(1), ", or zero for none", with);
    assertThat(with.apply(Duration.ZERO).toString()).contains(name + "=PT0S");
  }

  private static void times(
      String name, Duration longest, String otherwise, Function<Duration, Limits> with) {
    Duration shortest = Duration.ofMillis(1);
    assertThat(with.apply(shortest).toString()).contains(name + "=" + shortest);
    assertThat(with.apply(longest).toString()).contains(name + "=" + longest);
    for (Duration outside :
        List.of(shortest.minusNanos(1), longest.plusNanos(1), shortest.negated())) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> with.apply(outside))
          .withMessage(
              name
                  + " out of range: value="
                  + outside
                  + ", limits="
                  + shortest
                  + ".."
                  + longest
                  + otherwise);
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
