// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.EngineUnavailableException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The property {@code millrace.simd}, in a process of its own where it is read only once. */
@Timeout(60)
final class SimdLevelTest {

  /** Prints the level that the engine runs at, or why there is no engine. */
  static final class Probe {
    public static void main(String[] arguments) {
      Throwable cause = new NativeEngineProvider().unavailabilityCause().orElse(null);
      System.out.print(cause == null ? SimdLevel.current() : cause.getMessage());
    }
  }

  @BeforeEach
  void load() {
    assertThat(NativeLibrary.unavailabilityCause()).isNull();
  }

  static Stream<SimdLevel> supported() {
    return Stream.of(SimdLevel.values()).filter(level -> SimdLevel.supported().contains(level));
  }

  @ParameterizedTest
  @MethodSource("supported")
  void theNamedLevelIsUsed(SimdLevel level) throws Exception {
    assertThat(probe("-Dmillrace.simd=" + level)).isEqualTo(level.toString());
  }

  @Test
  void withoutThePropertyTheBestIsUsed() throws Exception {
    SimdLevel best = supported().reduce((worse, better) -> better).orElseThrow();
    assertThat(probe()).isEqualTo(best.toString());
  }

  @Test
  void aLevelThatThisProcessorLacksIsRefusedWithWhatItHas() throws Exception {
    String other = SimdLevel.supported().contains(SimdLevel.NEON) ? "avx2" : "neon";
    assertThat(probe("-Dmillrace.simd=" + other))
        .contains("millrace.simd=" + other)
        .contains("it has scalar, ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "AVX2", "mmx", "avx2 "})
  void whatIsNoLevelIsRefused(String name) {
    SimdLevel before = SimdLevel.current();
    EngineUnavailableException cause = SimdLevel.force(name);
    assertThat(cause).isNotNull().hasMessageContaining("millrace.simd=" + name + " is not a level");
    assertThat(SimdLevel.current()).isEqualTo(before);
  }

  @Test
  void theNumbersAreThoseOfTheCore() {
    for (SimdLevel level : SimdLevel.values()) {
      boolean supported = SimdLevel.supported().contains(level);
      assertThat(NativeCalls.forceSimd(level.ordinal()) == 0).isEqualTo(supported);
    }
    assertThat(NativeCalls.forceSimd(SimdLevel.values().length)).isNegative();
    assertThat(NativeCalls.forceSimd(-1)).isNegative();
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    assertThat(SimdLevel.supported().contains(SimdLevel.NEON)).isEqualTo(arch.equals("aarch64"));
    assertThat(SimdLevel.force(supported().reduce((a, b) -> b).orElseThrow().toString())).isNull();
  }

  private static String probe(String... options) throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    List<String> command =
        Stream.of(
                Stream.of(java, "-Xmx64m"),
                Stream.of(options),
                Stream.of("-cp", System.getProperty("java.class.path"), Probe.class.getName()))
            .flatMap(part -> part)
            .toList();
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
