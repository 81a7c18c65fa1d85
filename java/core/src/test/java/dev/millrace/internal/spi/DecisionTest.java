// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import org.junit.jupiter.api.Test;

class DecisionTest {

  private static Decision.Accept accept(String lines) {
    return new Decision.Accept((connection, message) -> {}, new FakeHandshake("/"), lines);
  }

  @Test
  void takesCompleteLines() {
    assertThat(accept("").headerLines()).isEmpty();
    assertThat(accept("A: b\r\nC: \u00e9\r\n").headerLines()).hasSize(12);
  }

  /** What could end the response's head early, or begin another response. */
  @Test
  void refusesAnythingElse() {
    List<String> refused =
        List.of(
            "A: b",
            "A: b\n",
            "A: b\r",
            "\r\n",
            "A: b\r\n\r\n",
            "A: b\r\n\r\nC: d\r\n",
            "\r\nA: b\r\n",
            "A: b\nC: d\r\n",
            "A: b\rC: d\r\n",
            "A: \0\r\n",
            "A: \u0100\r\n");
    for (String lines : refused) {
      assertThatIllegalArgumentException().as(lines).isThrownBy(() -> accept(lines));
    }
  }

  @Test
  void refusesTooMuch() {
    String line = "A: " + "x".repeat(Decision.Accept.MAX_HEADER_LINES - 5) + "\r\n";

    assertThat(accept(line).headerLines()).hasSize(Decision.Accept.MAX_HEADER_LINES);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> accept("B" + line))
        .withMessage("header lines too long: length=16385, limit=16384");
  }
}
