// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BenchOptionsTest {
  @Test
  void defaults() throws UsageException {
    BenchOptions options = BenchOptions.parse("--only", "floor");
    assertThat(options.pairs()).isEqualTo(5);
    assertThat(options.seconds()).isEqualTo(2);
    assertThat(options.cells()).hasSize(9).isEqualTo(Cell.FLOOR);
    assertThat(options.peers()).isEmpty();
    assertThat(options.json()).isNull();
    assertThat(String.join(" ", options.ours()))
        .isEqualTo("./millrace echo --listen ws://127.0.0.1:{port} --engine native --loops 1");
  }

  @Test
  void everyOption() throws UsageException {
    BenchOptions options =
        BenchOptions.parse(
            "--pairs",
            "15",
            "--seconds",
            "0.5",
            "--warmup",
            "4",
            "--cells",
            "1m,64b",
            "--peer",
            "uws=ws://127.0.0.1:9100/,pid=42",
            "--ours",
            "server  -p {port}",
            "--json",
            "out.json");
    assertThat(options.pairs()).isEqualTo(15);
    assertThat(options.seconds()).isEqualTo(0.5);
    assertThat(options.warmupSeconds()).isEqualTo(4);
    assertThat(options.cells()).extracting(Cell::name).containsExactly("64b", "1m");
    assertThat(options.peers()).containsExactly(new Peer("uws", "ws://127.0.0.1:9100/", 42));
    assertThat(options.ours()).containsExactly("server", "-p", "{port}");
    assertThat(options.json()).isEqualTo(Path.of("out.json"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "1001", "2.5", "five", "", "1e1", "NaN"})
  void pairsMustBeACount(String value) {
    assertThatExceptionOfType(UsageException.class)
        .isThrownBy(() -> BenchOptions.parse("--pairs", value))
        .withMessageContaining("--pairs")
        .withMessageContaining("\"" + value + "\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --only  | jmh                        | not in this version
          --cells | 64b,nothing                | no cell "nothing"
          --cells | ''                         | no cell ""
          --peer  | uws                        | NAME=ws://
          --peer  | uws=http://x/,pid=1        | NAME=ws://
          --peer  | uws=ws://127.0.0.1:1       | NAME=ws://
          --peer  | floor=ws://127.0.0.1/,pid=1| is taken
          --ours  | server 9001                | {port}
          """)
  void wrongValuesAreNamed(String option, String value, String message) {
    assertThatExceptionOfType(UsageException.class)
        .isThrownBy(() -> BenchOptions.parse(option, value))
        .withMessageContaining(option)
        .withMessageContaining(message);
  }

  @Test
  void unknownOptionsAndMissingValues() {
    assertThatExceptionOfType(UsageException.class)
        .isThrownBy(() -> BenchOptions.parse("--fast"))
        .withMessageContaining("--fast");
    assertThatExceptionOfType(UsageException.class)
        .isThrownBy(() -> BenchOptions.parse("--seconds"))
        .withMessageContaining("--seconds wants a value");
  }

  @Test
  void aPeerNameIsUsedOnce() {
    String peer = "uws=ws://127.0.0.1:9100/,pid=42";
    assertThatExceptionOfType(UsageException.class)
        .isThrownBy(() -> BenchOptions.parse("--peer", peer, "--peer", peer))
        .withMessageContaining("twice");
  }

  @Test
  void usageNamesEveryCell() {
    assertThat(BenchOptions.USAGE).contains(Cell.FLOOR.stream().map(Cell::name).toList());
  }
}
