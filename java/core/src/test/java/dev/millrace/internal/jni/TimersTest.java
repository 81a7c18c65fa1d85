// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TimersTest {
  private final Timers timers = new Timers();

  @Test
  void givesATaskOutOnce() {
    Runnable task = () -> {};
    int token = timers.add(task);
    int generation = timers.generation(token);
    assertThat(timers.size()).isEqualTo(1);
    assertThat(timers.remove(token, generation)).isSameAs(task);
    assertThat(timers.remove(token, generation)).isNull();
    assertThat(timers.size()).isZero();
  }

  @Test
  void lateEventOfAnEarlierTimerFindsNothing() {
    int token = timers.add(() -> {});
    int late = timers.generation(token);
    timers.remove(token, late);
    Runnable next = () -> {};
    assertThat(timers.add(next)).isEqualTo(token);
    assertThat(timers.remove(token, late)).isNull();
    assertThat(timers.remove(token, timers.generation(token))).isSameAs(next);
  }

  @Test
  void tokensOfWaitingTimersDiffer() {
    Set<Integer> tokens = new HashSet<>();
    for (int i = 0; i < 1000; i++) {
      assertThat(tokens.add(timers.add(() -> {}))).isTrue();
    }
    assertThat(timers.size()).isEqualTo(1000);
    for (int token : tokens) {
      assertThat(token).isBetween(0, 999);
      assertThat(timers.remove(token, timers.generation(token))).isNotNull();
    }
    assertThat(timers.size()).isZero();
  }

  @Test
  void tokensThatNeverWereFindNothing() {
    assertThat(timers.remove(-1, 0)).isNull();
    assertThat(timers.remove(0, 0)).isNull();
    assertThat(timers.remove(1 << 30, 0)).isNull();
  }
}
