// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.SendException;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class CompletionsTest {
  private final Completions completions = new Completions();

  @Test
  void tokenNamesItsSlot() {
    for (int slot : new int[] {0, 1, 65_535, (1 << 22) - 1}) {
      for (long count : new long[] {1, 2, 1L << 38}) {
        long token = Completions.token(count, slot);
        assertThat(token).isPositive();
        assertThat(Completions.slot(token)).isEqualTo(slot);
      }
    }
    assertThat(Completions.token(1, 5)).isNotEqualTo(Completions.token(2, 5));
  }

  @Test
  void givesAFutureOutOnce() {
    CompletableFuture<Void> future = new CompletableFuture<>();
    completions.add(7, future);
    assertThat(completions.remove(8)).isNull();
    assertThat(completions.remove(7)).isSameAs(future);
    assertThat(completions.remove(7)).isNull();
  }

  @Test
  void endFailsWhatIsLeftAndKeepsNothingMore() {
    CompletableFuture<Void> left = new CompletableFuture<>();
    completions.add(7, left);
    completions.end();
    assertThatThrownBy(left::join)
        .hasCauseInstanceOf(SendException.class)
        .hasMessageContaining("CLOSED");
    completions.add(8, new CompletableFuture<>());
    assertThat(completions.remove(8)).isNull();
  }
}
