// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.Engine;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The siege in short: memory, counts and that everybody is served, but no times. */
@Timeout(120)
final class SiegeTest {
  private static final double SECONDS = 0.25;
  private static final int CONNECTIONS = 100;

  @ParameterizedTest
  @EnumSource(names = {"NATIVE", "JAVA"})
  void memoryStaysBelowItsCeilingAndComesBack(Engine engine) throws Exception {
    ByteArrayOutputStream told = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(told, true, StandardCharsets.UTF_8);
    SiegeOptions options =
        new SiegeOptions(List.of(engine), List.of(Attack.values()), SECONDS, CONNECTIONS, true);
    assertThat(new Siege(options, out).run()).as(told.toString(StandardCharsets.UTF_8)).isEmpty();
  }

  @Test
  void anOptionThatMakesNoSenseIsSaid() {
    assertThatThrownBy(() -> SiegeOptions.parse("--attack", "nobody"))
        .hasMessageContaining("no such attack: nobody")
        .hasMessageContaining("declared");
    assertThatThrownBy(() -> SiegeOptions.parse("--engine", "auto"))
        .hasMessage("--engine is native or java, not auto");
    assertThatThrownBy(() -> SiegeOptions.parse("--connections", "0"))
        .hasMessage("--connections out of range: value=0, limits=1..15000");
  }
}
