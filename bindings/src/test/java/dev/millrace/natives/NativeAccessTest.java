// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.natives.LibraryProgram.User;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;

/** From JDK 24 on, a virtual machine has an opinion on who may load a library. */
@EnabledForJreRange(min = JRE.JAVA_24)
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class NativeAccessTest {
  private static String run(String... options) throws Exception {
    try (LibraryProgram program = new LibraryProgram()) {
      return program.run(User.self(), options);
    }
  }

  @Test
  void worksWithAWarningWhereNothingIsSaid() throws Exception {
    String output = run();
    assertThat(output).contains("WARNING", "--enable-native-access=ALL-UNNAMED");
    assertThat(LibraryProgram.lastLine(output)).isEqualTo(LibraryProbe.LOADED);
  }

  @Test
  void worksSilentlyWhereItIsAllowed() throws Exception {
    String output = run("--enable-native-access=ALL-UNNAMED");
    assertThat(output).doesNotContain("WARNING");
    assertThat(LibraryProgram.lastLine(output)).isEqualTo(LibraryProbe.LOADED);
  }

  @Test
  void saysWhoForbidsItAndHowToAllowIt() throws Exception {
    String output = run("--illegal-native-access=deny");
    assertThat(output).doesNotContain("\tat ");
    assertThat(LibraryProgram.lastLine(output))
        .startsWith("this virtual machine forbids native libraries")
        .contains("os=Linux", "arch=", "libc=")
        .endsWith("Allow them with --enable-native-access=ALL-UNNAMED");
  }

  @Test
  void deniedToOthersOnlyItWorks() throws Exception {
    String output = run("--illegal-native-access=deny", "--enable-native-access=ALL-UNNAMED");
    assertThat(LibraryProgram.lastLine(output)).as(output).isEqualTo(LibraryProbe.LOADED);
  }
}
