// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MachineTest {
  @Test
  void coreListsAsTheKernelWritesThem() {
    assertThat(Machine.parseCores("\t0-2,5,8-9\n")).containsExactly(0, 1, 2, 5, 8, 9);
    assertThat(Machine.parseCores("3")).containsExactly(3);
  }

  @Test
  void stolenTimeIsReadFromTheLineOfTheCore() {
    String stat =
        "cpu  9 0 9 9 9 0 9 900 0 0\ncpu0 1 0 2 3 4 0 5 150 0 0\ncpu1 1 0 2 3 4 0 5 7 0 0\n";
    assertThat(Machine.stolenSeconds(stat, 0)).isEqualTo(1.5);
    assertThat(Machine.stolenSeconds(stat, 1)).isEqualTo(0.07);
  }
}
