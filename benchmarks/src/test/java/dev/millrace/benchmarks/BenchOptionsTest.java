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
    BenchOptions options = BenchOptions.parse();
    assertThat(options).isEqualTo(BenchOptions.parse("--only", "floor"));
    assertThat(options.comparison()).isEqualTo(Comparison.FLOOR);
    assertThat(options.pairs()).isEqualTo(5);
    assertThat(options.seconds()).isEqualTo(2);
    assertThat(options.cells()).hasSize(9).isEqualTo(Cell.PLAIN);
    assertThat(options.peers()).isEmpty();
    assertThat(options.jvm()).isEqualTo(Jvm.own());
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

  @Test
  void nettyIsComparedWhereThereIsATargetUnlessCellsAreChosen() throws UsageException {
    assertThat(BenchOptions.parse("--only", "netty").cells())
        .extracting(Cell::name)
        .containsExactly("64b", "64b-x16", "1k", "16k", "1m");
    assertThat(BenchOptions.parse("--cells", "4k-x16", "--only", "netty").cells())
        .extracting(Cell::name)
        .containsExactly("4k-x16");
  }

  @Test
  void nettyOnNioIsComparedWithTheJavaEngineUnlessOursIsNamed() throws UsageException {
    BenchOptions options = BenchOptions.parse("--only", "netty-nio");
    assertThat(options.comparison().hasFloor()).isFalse();
    assertThat(options.cells()).extracting(Cell::name).containsExactly("64b-x16");
    assertThat(options.ours()).contains("java").doesNotContain("native");
    assertThat(BenchOptions.parse("--ours", "mine {port}", "--only", "netty-nio").ours())
        .containsExactly("mine", "{port}");
  }

  @Test
  void withCompressionThereAreCellsOfItsOwn() throws UsageException {
    BenchOptions options = BenchOptions.parse("--only", "deflate");
    assertThat(options.cells())
        .extracting(Cell::name)
        .containsExactly("deflate-1k", "deflate-1k-x16", "deflate-128b-x16");
    assertThat(options.cells()).allMatch(cell -> cell.arguments().contains("--deflate"));
    assertThat(String.join(" ", options.ours())).endsWith("--loops 1 --compression on");
    assertThatExceptionOfType(UsageException.class)
        .isThrownBy(() -> BenchOptions.parse("--cells", "64b", "--only", "deflate"))
        .withMessageContaining("\"64b\" is not compressed");
  }

  @Test
  void anotherJavaIsKnownByItsReleaseFile() throws UsageException {
    Jvm own = Jvm.own();
    Jvm named = BenchOptions.parse("--java", own.home().toString()).jvm();
    assertThat(named.home()).isEqualTo(own.home());
    assertThat(own.version()).startsWith(named.version());
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
          --only  | wrk                        | floor, netty, netty-nio, deflate or jmh, not "wrk"
          --cells | 64b,nothing                | no cell "nothing"
          --cells | ''                         | no cell ""
          --peer  | uws                        | NAME=ws://
          --peer  | uws=http://x/,pid=1        | NAME=ws://
          --peer  | uws=ws://127.0.0.1:1       | NAME=ws://
          --peer  | floor=ws://127.0.0.1/,pid=1| is taken
          --peer  | netty-tuned=ws://h/,pid=1  | is taken
          --peer  | netty-nio=ws://h/,pid=1    | is taken
          --peer  | bun=ws://h/,pid=1          | is taken
          --cells | 64b,deflate-1k             | "deflate-1k" wants --only deflate
          --java  | /nowhere                   | no bin/java in "/nowhere"
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
    assertThat(BenchOptions.USAGE).contains(Cell.ALL.stream().map(Cell::name).toList());
  }
}
