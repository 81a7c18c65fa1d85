// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading happens once in a process, so each case that fails runs in one of its own. */
class NativeLibraryTest {
  /** Prints why the library is not available, or {@code available}. */
  static final class Probe {
    public static void main(String[] arguments) {
      Throwable cause = NativeLibrary.unavailabilityCause();
      System.out.println(cause == null ? "available" : cause.getMessage());
    }
  }

  @Test
  void withoutALibraryOneSentenceNamesPlatformPlacesAndRemedy() throws Exception {
    String output = probe(classPath());
    assertThat(output.lines()).hasSize(1);
    assertThat(output)
        .contains(NativeLibraryPlatform.classifier())
        .contains("os=" + System.getProperty("os.name"))
        .contains("arch=" + System.getProperty("os.arch"))
        .contains("libc=" + NativeLibraryPlatform.libc())
        .contains("java.library.path")
        .contains("META-INF/native/" + NativeLibraryPlatform.classifier())
        .contains("not on the class path")
        .contains("millrace-native")
        .contains("-Dmillrace.library.path=FILE");
  }

  @Test
  void namedFileIsTheOnlyPlaceTried(@TempDir Path folder) throws Exception {
    Path missing = folder.resolve("none.so");
    String output = probe(classPath(), "-Dmillrace.library.path=" + missing);
    assertThat(output).contains("no such file: " + missing).doesNotContain("META-INF");
  }

  @Test
  void fileThatIsNoLibraryIsSaidToBeNone(@TempDir Path folder) throws Exception {
    Path text = Files.writeString(folder.resolve("text.so"), "not a library");
    String output = probe(classPath(), "-Dmillrace.library.path=" + text);
    // The virtual machine has its say, too, before it gives up.
    assertThat(output.lines().reduce((first, second) -> second).orElseThrow())
        .startsWith("the native engine has no library")
        .contains(text.toString());
  }

  @Test
  void damagedResourceIsNotLoadedAndLeavesNothing(@TempDir Path folder) throws Exception {
    Path resources = folder.resolve("META-INF/native/" + NativeLibraryPlatform.classifier());
    Files.createDirectories(resources);
    String name = System.mapLibraryName("millrace");
    Files.writeString(resources.resolve(name), "not what was built");
    Files.writeString(resources.resolve(name + ".sha256"), "0".repeat(64) + "  " + name + "\n");
    Path temporary = Files.createDirectory(folder.resolve("temporary"));
    String output =
        probe(classPath() + java.io.File.pathSeparator + folder, "-Djava.io.tmpdir=" + temporary);
    assertThat(output).contains("SHA-256");
    assertThat(temporary).isEmptyDirectory();
  }

  private static String classPath() throws Exception {
    Path main = location(NativeLibrary.class);
    Path tests = location(Probe.class);
    return main + java.io.File.pathSeparator + tests;
  }

  private static Path location(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private static String probe(String classPath, String... options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    if (Runtime.version().feature() >= 24) {
      command.add("--enable-native-access=ALL-UNNAMED"); // its warning has more than one line
    }
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", classPath, Probe.class.getName()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    // Options that whoever runs the tests has set for every virtual machine would be told on the
    // same stream.
    builder.environment().keySet().removeIf(name -> name.endsWith("JAVA_TOOL_OPTIONS"));
    Process process = builder.start();
    try {
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
      return output;
    } finally {
      process.destroyForcibly();
    }
  }
}
