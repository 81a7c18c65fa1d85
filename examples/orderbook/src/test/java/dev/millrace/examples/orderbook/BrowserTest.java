// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Chromium, without a window, opens the page twice and trades. */
class BrowserTest {
  private static final Path FOLDER = Path.of(System.getProperty("basedir", "")).toAbsolutePath();

  @Test
  @Timeout(180)
  void twoPagesTrade() throws Exception {
    Path chromium =
        Path.of(Optional.ofNullable(System.getenv("CHROMIUM")).orElse("/usr/bin/chromium"));
    assertThat(Files.isExecutable(chromium))
        .withFailMessage(
            "no browser at %s: install the package chromium, or set CHROMIUM to one", chromium)
        .isTrue();

    MarketServer server = MarketServer.start(0);
    Process script = null;
    Storm storm = null;
    try {
      URI page = server.page();
      script =
          new ProcessBuilder(
                  "node",
                  FOLDER.resolve("src/test/e2e/market.mjs").toString(),
                  page.toString(),
                  FOLDER.resolve("target/e2e").toString())
              .redirectErrorStream(true)
              .start();
      List<String> lines = new ArrayList<>();
      try (BufferedReader output =
          new BufferedReader(
              new InputStreamReader(script.getInputStream(), StandardCharsets.UTF_8))) {
        for (String line = output.readLine(); line != null; line = output.readLine()) {
          lines.add(line);
          if (line.equals("storm")) {
            storm = Storm.start(page.getPort(), told -> {});
          } else if (line.equals("restart")) {
            storm.close();
            server.close();
          } else if (line.equals("gone")) {
            server = MarketServer.start(page.getPort());
          }
        }
      }
      assertThat(script.waitFor())
          .withFailMessage(() -> String.join("\n", lines) + "\npictures: target/e2e")
          .isZero();
      assertThat(lines).containsExactly("storm", "restart", "gone");
    } finally {
      if (storm != null) {
        storm.close();
      }
      server.close();
      if (script != null) {
        end(script);
      }
    }
  }

  /** Lets the script take its browser along; a killed one could not. */
  private static void end(Process script) throws InterruptedException {
    script.destroy();
    if (!script.waitFor(10, TimeUnit.SECONDS)) {
      script.destroyForcibly();
    }
  }
}
