// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the README shows first works from the jars. */
class QuickstartIT {
  @Test
  @Timeout(60)
  void theReadmesServerAnswers(@TempDir Path folder) throws Exception {
    try (QuickstartProcess quickstart = QuickstartProcess.start(folder)) {
      URI address = URI.create("http://127.0.0.1:" + quickstart.port() + "/health");
      HttpRequest health = HttpRequest.newBuilder(address).build();
      assertThat(HttpClient.newHttpClient().send(health, BodyHandlers.ofString()).body())
          .isEqualTo("ok");
    }
  }
}
