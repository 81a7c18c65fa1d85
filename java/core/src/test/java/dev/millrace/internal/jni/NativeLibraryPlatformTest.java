// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NativeLibraryPlatformTest {
  private static final List<String> MOUNTS =
      List.of(
          "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw",
          "30 22 0:25 / /tmp rw,nosuid,noexec shared:2 - tmpfs tmpfs rw",
          "31 30 0:26 / /tmp/with\\040space rw,nosuid shared:3 - tmpfs tmpfs rw",
          "32 22 0:27 / /srv rw,noexec - tmpfs tmpfs rw",
          "33 22 0:28 / /srv rw - tmpfs tmpfs rw");

  @ParameterizedTest
  @CsvSource({
    "Linux, amd64, linux-x86_64",
    "Linux, aarch64, linux-aarch_64",
    "Mac OS X, x86_64, osx-x86_64",
    "Mac OS X, aarch64, osx-aarch_64",
    "FreeBSD, amd64, freebsd-x86_64",
    "Linux, riscv64, linux-riscv64"
  })
  void namesPlatformsAsTheClassifiersDo(String os, String arch, String expected) {
    assertThat(NativeLibraryPlatform.classifier(os, arch)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "/tmp, true",
    "/tmp/deep/er, true",
    "/tmp/with space/x, false",
    "/tmpfs, false",
    "/srv, false",
    "/home, false"
  })
  void nearestAndLatestMountDecidesWhetherCodeMayRun(String directory, boolean noexec) {
    assertThat(NativeLibraryPlatform.isNoexec(Path.of(directory), MOUNTS)).isEqualTo(noexec);
  }

  @Test
  void readsTheVersionFromTheLibraryThatIsMapped(@TempDir Path folder) throws Exception {
    Path musl = folder.resolve("ld-musl-x86_64.so.1");
    Files.writeString(musl, "\0ab\0" + "1.2.3" + "\0cd");
    Path old = folder.resolve("libc-2.31.so");
    Files.writeString(old, "GNU C Library (Debian GLIBC 2.31-13) stable release version 2.31.\n");
    String row = "7f00-7f01 r--p 00000000 08:01 42                 ";
    String java = row + "/usr/lib/jvm/bin/java";
    assertThat(NativeLibraryPlatform.libc(List.of(java, row, row + musl))).isEqualTo("musl 1.2.3");
    assertThat(NativeLibraryPlatform.libc(List.of(java, row + old))).isEqualTo("glibc 2.31");
    assertThat(NativeLibraryPlatform.libc(List.of(java, row))).isEqualTo("unknown");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void knowsTheLibraryOfThisProcess() {
    assertThat(NativeLibraryPlatform.libc()).matches("(glibc 2|musl 1)\\.[0-9.]+");
  }
}
