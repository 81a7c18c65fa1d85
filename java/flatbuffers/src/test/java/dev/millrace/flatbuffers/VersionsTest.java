// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.flatbuffers.Table;
import dev.millrace.Server;
import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The versions of flatbuffers-java that an application may have. */
class VersionsTest {
  private static final String JAR = "flatbuffers-java-";

  @ParameterizedTest
  @ValueSource(strings = {"2.0.8", "23.5.26", "25.2.10"})
  void buildsVerifiesAndReadsWith(String version) throws Exception {
    List<URL> path = new ArrayList<>();
    path.add(jar(version).toUri().toURL());
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      if (!entry.contains(JAR)) {
        path.add(Path.of(entry).toUri().toURL());
      }
    }
    try (URLClassLoader loader =
        new URLClassLoader(path.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
      Class<?> builder = loader.loadClass("com.google.flatbuffers.FlatBufferBuilder");
      assertThat(builder.getProtectionDomain().getCodeSource().getLocation().getPath())
          .endsWith(JAR + version + ".jar");
      @SuppressWarnings("unchecked")
      Function<byte[], String> probe =
          (Function<byte[], String>)
              loader.loadClass(VersionProbe.class.getName()).getDeclaredConstructor().newInstance();
      assertThat(probe.apply(Orders.bfbs())).isEqualTo("reused SYMLEG1");
    }
  }

  /** What verifies alone needs no flatbuffers-java at all. */
  @Test
  void verifyingNeedsNoRuntime() throws Exception {
    List<URL> path = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      if (!entry.contains(JAR)) {
        path.add(Path.of(entry).toUri().toURL());
      }
    }
    try (URLClassLoader loader =
        new URLClassLoader(path.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
      @SuppressWarnings("unchecked")
      Function<byte[][], String> verifier =
          (Function<byte[][], String>)
              loader.loadClass(VerifyProbe.class.getName()).getDeclaredConstructor().newInstance();
      assertThat(verifier.apply(new byte[][] {Orders.bfbs(), Orders.full(2)})).isEqualTo("good");
      assertThat(verifier.apply(new byte[][] {Orders.bfbs(), new byte[5]}))
          .isEqualTo("Order: buffer too short");
    }
  }

  @Test
  void worksAsANamedModule() throws Exception {
    Path tests = location(VersionsTest.class);
    String modules =
        String.join(
            File.pathSeparator,
            location(Server.class).toString(),
            location(Schema.class).toString(),
            location(Table.class).toString());
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--module-path",
                modules,
                "--patch-module",
                "dev.millrace.flatbuffers=" + tests,
                "--module",
                "dev.millrace.flatbuffers/" + ModuleProbe.class.getName())
            .redirectErrorStream(true)
            .start();
    try {
      String output = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
      assertThat(output).isEqualTo("dev.millrace.flatbuffers reused SYMLEG1");
      assertThat(process.waitFor()).isZero();
    } finally {
      process.destroyForcibly();
    }
  }

  private static Path location(Class<?> type) throws Exception {
    return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
  }

  private static Path jar(String version) {
    Path jar = Path.of("target", "flatbuffers-java", JAR + version + ".jar");
    assertThat(Files.exists(jar)).as("%s, which the build copies there", jar).isTrue();
    return jar;
  }
}
