// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static dev.millrace.natives.LibraryProgram.lastLine;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.millrace.natives.LibraryProgram.User;
import java.lang.Runtime.Version;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What libmillrace.so asks of the system that it is loaded on. */
class ShippedLibraryTest {
  /** The C library of Debian 10, RHEL 8 and Ubuntu 18.10; older ones are out of support. */
  private static final Version FLOOR = Version.parse("2.28");

  /** What ./millrace unpacks to build against. */
  private static final Version OLDER = Version.parse("2.31");

  private static final Pattern NEEDED = Pattern.compile("\\(NEEDED\\).*\\[(.*)]");
  private static final Pattern GLIBC = Pattern.compile("Name: GLIBC_(\\S+)");

  @Test
  void asksForNoNewerCLibrary() throws Exception {
    sysroot();
    assertThat(newestGlibc(library())).isLessThanOrEqualTo(FLOOR);
  }

  /** With the dynamic linker and the C library of Debian 11, under any JDK that is old enough. */
  @Test
  void runsOnAnOlderCLibrary() throws Exception {
    Path sysroot = sysroot();
    Path java = Path.of(System.getProperty("java.home"));
    Version asked = newestGlibc(java.resolve("lib/server/libjvm.so"));
    if (asked.compareTo(OLDER) > 0) {
      skip("this JDK asks for glibc " + asked + " itself, the older one is " + OLDER);
    }
    assertThat(lastLine(runOn(sysroot))).as("the engine echoes").isEqualTo(LibraryProbe.LOADED);
    assertThat(lastLine(runOn(sysroot, "-Dmillrace.library.path=/nowhere")))
        .as("it was the older one")
        .contains("libc=glibc " + OLDER);
  }

  private static String runOn(Path sysroot, String... options) throws Exception {
    String java = System.getProperty("java.home");
    List<String> folders =
        List.of(sysroot + "/lib/x86_64-linux-gnu", java + "/lib", java + "/lib/server");
    try (LibraryProgram program = new LibraryProgram()) {
      List<String> command =
          new ArrayList<>(
              List.of(
                  sysroot + "/lib64/ld-linux-x86-64.so.2",
                  "--library-path",
                  String.join(":", folders)));
      command.addAll(
          program.command(User.self(), List.of(options), List.of("dev.millrace", "once")));
      return LibraryProgram.output(LibraryProgram.start(command));
    }
  }

  /** A C++ library of the system's would have to be as new as the compiler. */
  @Test
  void needsTheCLibraryAlone() throws Exception {
    List<String> needed =
        NEEDED
            .matcher(readelf(library(), "--dynamic"))
            .results()
            .map(result -> result.group(1))
            .toList();
    assertThat(needed).contains("libc.so.6").isSubsetOf("libc.so.6", "ld-linux-x86-64.so.2");
  }

  @Test
  void exportsOneFunction() throws Exception {
    List<String> exported =
        readelf(library(), "--dyn-syms")
            .lines()
            .map(line -> line.strip().split("\\s+"))
            .filter(fields -> fields.length == 8 && fields[4].equals("GLOBAL"))
            .filter(fields -> !fields[6].equals("UND"))
            .map(fields -> fields[7])
            .toList();
    assertThat(exported).containsExactly("JNI_OnLoad");
  }

  /** The older system, or the end of the test: without it the library was built for this one. */
  private static Path sysroot() {
    Path sysroot = Path.of(System.getProperty("millrace.home"), ".build/sysroot/linux-x86_64");
    if (!Files.exists(sysroot.resolve("complete"))) {
      skip("built for the C library of this machine; ./millrace test unpacks an older one first");
    }
    return sysroot.toAbsolutePath();
  }

  private static void skip(String reason) {
    System.out.println("skipped: " + reason);
    abort(reason);
  }

  private static Version newestGlibc(Path file) throws Exception {
    return GLIBC
        .matcher(readelf(file, "--version-info"))
        .results()
        .map(result -> Version.parse(result.group(1)))
        .max(Comparator.naturalOrder())
        .orElseThrow();
  }

  private static Path library() throws Exception {
    String name = "/META-INF/native/linux-x86_64/libmillrace.so";
    return Path.of(ShippedLibraryTest.class.getResource(name).toURI());
  }

  private static String readelf(Path file, String option) throws Exception {
    Process process =
        new ProcessBuilder("readelf", "--wide", option, file.toString())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
