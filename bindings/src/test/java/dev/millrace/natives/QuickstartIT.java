// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.File;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's first server, started from the two jars that one dependency brings. */
class QuickstartIT {
  private static final Path HOME = Path.of(System.getProperty("millrace.home"));
  private static final Path SOURCE =
      HOME.resolve("examples/quickstart-maven/src/main/java/quickstart/Quickstart.java");

  private static final Pattern LISTENING =
      Pattern.compile("listening on \\[ws://127\\.0\\.0\\.1:(\\d+)\\]");

  @Test
  void theReadmesServerAnswers(@TempDir Path folder) throws Exception {
    // Its own words but for the port, which somebody may be using here.
    // In the folder of its package, as newer source launchers want it.
    Path source = Files.createDirectory(folder.resolve("quickstart")).resolve("Quickstart.java");
    Files.writeString(source, Files.readString(SOURCE).replace(":9001", ":0"));
    String classPath =
        System.getProperty("millrace.jar")
            + File.pathSeparator
            + System.getProperty("millrace.native.jar");
    Process quickstart =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                classPath,
                source.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader output = quickstart.inputReader(StandardCharsets.UTF_8)) {
      Matcher listening = LISTENING.matcher(String.valueOf(output.readLine()));
      assertThat(listening.matches()).isTrue();
      URI address = URI.create("http://127.0.0.1:" + listening.group(1) + "/health");
      HttpRequest health = HttpRequest.newBuilder(address).build();
      assertThat(HttpClient.newHttpClient().send(health, BodyHandlers.ofString()).body())
          .isEqualTo("ok");
    } finally {
      quickstart.destroy();
      assertThat(quickstart.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }
  }
}
