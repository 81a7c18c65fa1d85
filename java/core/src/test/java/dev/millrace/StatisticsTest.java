// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What is wrong about a question is named. */
class StatisticsTest {

  private static void assertNamed(String name, Executable asked) {
    assertEquals(name, assertThrows(NullPointerException.class, asked).getMessage());
  }

  @Test
  void nothingIsNamed() throws Exception {
    ServerStatistics statistics = new ServerStatistics();
    assertNamed("policy", () -> statistics.dropped(null));
    assertNamed("result", () -> statistics.upgraded(null));
    try (Client client = Client.builder().engine(Engine.JAVA).build()) {
      assertNamed("into", () -> client.statistics(null));
    }
  }
}
