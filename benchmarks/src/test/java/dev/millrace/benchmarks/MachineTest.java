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
}
