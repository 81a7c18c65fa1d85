// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** The small values: send options, reconnection, close codes and reasons. */
class OptionsTest {

  @Test
  void sendOptionsChangeOneThingAtATime() {
    SendOptions options =
        SendOptions.defaults()
            .withPolicy(SendOptions.Policy.DROP_OLDEST)
            .withPriority(255)
            .withReplacementKey("MILL")
            .withCompress(false);

    assertThat(options.policy()).isEqualTo(SendOptions.Policy.DROP_OLDEST);
    assertThat(options.priority()).isEqualTo(255);
    assertThat(options.replacementKey()).contains("MILL");
    assertThat(options.compress()).isFalse();
    assertThat(SendOptions.defaults().replacementKey()).isEmpty();
    for (int priority : new int[] {-1, 256}) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> SendOptions.defaults().withPriority(priority))
          .withMessage("priority out of range: priority=" + priority + ", limits=0..255");
    }
  }

  @Test
  void reconnectDelaysAreInOrder() {
    Reconnect backoff = Reconnect.backoff(Duration.ofMillis(200), Duration.ofSeconds(30));

    assertThat(backoff.shortest()).isEqualTo(Duration.ofMillis(200));
    assertThat(backoff.longest()).isEqualTo(Duration.ofSeconds(30));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Reconnect.backoff(Duration.ZERO, Duration.ofSeconds(1)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Reconnect.backoff(Duration.ofSeconds(2), Duration.ofSeconds(1)))
        .withMessage("delays out of order: shortest=PT2S, longest=PT1S");
  }

  /** RFC 6455 7.4. */
  @Test
  void exactlyTheseCloseCodesMayBeSent() {
    int sendable = 0;
    for (int code = -1; code <= 70_000; code++) {
      sendable += CloseCode.isSendable(code) ? 1 : 0;
    }

    assertThat(sendable).isEqualTo(4 + 8 + 2000);
    assertThat(CloseCode.isSendable(CloseCode.NO_STATUS_RECEIVED)).isFalse();
    assertThat(CloseCode.isSendable(CloseCode.ABNORMAL_CLOSURE)).isFalse();
    assertThat(CloseCode.isSendable(1004)).isFalse();
  }

  @Test
  void tellsNormalReasonsFromOthers() {
    assertThat(reason(CloseCode.NORMAL_CLOSURE).isNormal()).isTrue();
    assertThat(reason(CloseCode.GOING_AWAY).isNormal()).isTrue();
    assertThat(reason(CloseCode.NO_STATUS_RECEIVED).isNormal()).isTrue();
    assertThat(reason(CloseCode.ABNORMAL_CLOSURE).isNormal()).isFalse();
    assertThat(reason(CloseCode.PROTOCOL_ERROR).isNormal()).isFalse();
    assertThat(reason(4000).isNormal()).isFalse();
  }

  private static CloseReason reason(int code) {
    return new CloseReason(code, "", CloseReason.Initiator.PEER, null);
  }

  @Test
  void aSendFailureHoldsItsResultAndNoStack() {
    SendException failure = new SendException(SendResult.REFUSED);

    assertThat(failure.result()).isEqualTo(SendResult.REFUSED);
    assertThat(failure.getStackTrace()).isEmpty();
    assertThatIllegalArgumentException().isThrownBy(() -> new SendException(SendResult.ACCEPTED));
  }
}
