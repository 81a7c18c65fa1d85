// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Where the suites run over a library with sanitizers: it is one, and what it reports is not lost
 * in a virtual machine. Elsewhere there is nothing to test.
 */
@EnabledIfSystemProperty(named = "millrace.sanitized", matches = "true")
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class SanitizedLibraryTest {
  private static final Path LIBRARY = Path.of(System.getProperty("millrace.library.path", ""));

  @Test
  void isTheLibraryOfTheseSuitesAndHasBothSanitizers() throws IOException {
    assertThat(NativeLibrary.unavailabilityCause()).isNull();
    assertThat(Files.readString(Path.of("/proc/self/maps")))
        .contains(LIBRARY.toString(), "libasan");
    String symbols = Files.readString(LIBRARY, StandardCharsets.ISO_8859_1);
    assertThat(symbols).contains("__asan_report_", "__ubsan_handle_");
  }

  @Test
  void endsTheVirtualMachineAndLeavesAReport(@TempDir Path folder) throws Exception {
    Path output = folder.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "-Dmillrace.library.path=" + LIBRARY,
                "-cp",
                System.getProperty("java.class.path"),
                FreedMemoryProgram.class.getName())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    builder
        .environment()
        .merge("ASAN_OPTIONS", "log_path=" + folder.resolve("report"), (a, b) -> a + ":" + b);
    Process process = builder.start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(process.exitValue()).as(Files.readString(output)).isNotZero();
    assertThat(Files.readString(output)).doesNotContain(FreedMemoryProgram.SURVIVED);
    try (Stream<Path> files = Files.list(folder)) {
      Path report =
          files
              .filter(file -> file.getFileName().toString().startsWith("report."))
              .findAny()
              .orElseThrow();
      assertThat(Files.readString(report)).contains("use-after-poison", "NativeCalls_create");
    }
  }
}
