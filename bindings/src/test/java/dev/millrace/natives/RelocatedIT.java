// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.natives.LibraryProgram.User;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Programs that carry Millrace inside, under another name, so that two versions do not meet. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class RelocatedIT {
  private static final Path JAR = Path.of(System.getProperty("millrace.relocated.jar"));
  private static final String PREFIX = "program.inside.millrace";

  @Test
  void renamedPackagesFindTheirNatives() throws Exception {
    Path probe =
        Path.of(LibraryProbe.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path library = Path.of(System.getProperty("millrace.native.jar"));
    String output =
        LibraryProgram.output(
            LibraryProgram.start(
                LibraryProgram.command(
                    User.self(),
                    List.of(),
                    List.of(JAR, library, probe),
                    List.of(PREFIX, "once"))));
    assertThat(LibraryProgram.lastLine(output)).as(output).isEqualTo(LibraryProbe.LOADED);
  }

  @Test
  void jarWasReallyRelocated() throws Exception {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      assertThat(jar.stream().map(entry -> entry.getName()).filter(name -> name.endsWith(".class")))
          .isNotEmpty()
          .allMatch(name -> name.startsWith(PREFIX.replace('.', '/')));
    }
  }
}
