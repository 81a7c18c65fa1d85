// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TapeTest {

  @Test
  void remembersTheLastTradesOldestFirst() {
    Tape tape = new Tape();
    for (int i = 1; i <= Tape.CAPACITY + 3; i++) {
      tape.add(i, 1, Side.BUY, 0);
    }

    assertThat(tape.lastNumber()).isEqualTo(53);
    assertThat(tape.after(0)).hasSize(50).first().extracting(Execution::number).isEqualTo(4L);
    assertThat(tape.after(51)).extracting(Execution::price).containsExactly(52, 53);
    assertThat(tape.after(53)).isEmpty();
  }
}
