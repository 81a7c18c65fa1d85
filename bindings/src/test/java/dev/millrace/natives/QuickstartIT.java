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
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The README's first server, started from the two jars that one dependency brings. */
class QuickstartIT {
  private static final Path HOME = Path.of(System.getProperty("millrace.home"));
  private static final Path SOURCE =
      HOME.resolve("examples/quickstart-maven/src/main/java/quickstart/Quickstart.java");

  @Test
  void theReadmesServerAnswers() throws Exception {
    String classPath =
        System.getProperty("millrace.core.jar")
            + File.pathSeparator
            + System.getProperty("millrace.native.jar");
    Process quickstart =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                classPath,
                SOURCE.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader output = quickstart.inputReader(StandardCharsets.UTF_8)) {
      assertThat(output.readLine()).isEqualTo("listening on [ws://127.0.0.1:9001]");
      HttpRequest health =
          HttpRequest.newBuilder(URI.create("http://127.0.0.1:9001/health")).build();
      assertThat(HttpClient.newHttpClient().send(health, BodyHandlers.ofString()).body())
          .isEqualTo("ok");
    } finally {
      quickstart.destroy();
      assertThat(quickstart.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }
  }
}
