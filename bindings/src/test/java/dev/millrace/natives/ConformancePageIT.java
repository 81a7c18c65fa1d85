// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.suite.SuiteResults;
import dev.millrace.suite.conformance.ConformancePage;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * {@code docs/conformance.md} says what the suites of this build came to: all of it, and passed.
 */
final class ConformancePageIT {

  private static final Path HOME = Path.of(System.getProperty("millrace.home"));

  @Test
  void pageSaysWhatTheRunShowed() throws Exception {
    String page =
        ConformancePage.of(SuiteResults.of(HOME.resolve("java/core"), HOME.resolve("bindings")));
    Files.writeString(HOME.resolve("bindings/target/conformance.md"), page);
    assertThat(page.lines()).as("rows").noneMatch(line -> line.matches(".*(FAIL|NOT RUN) \\|.*"));
    assertThat(Files.readString(HOME.resolve("docs/conformance.md")))
        .as("cp bindings/target/conformance.md docs/conformance.md")
        .isEqualTo(page);
  }
}
