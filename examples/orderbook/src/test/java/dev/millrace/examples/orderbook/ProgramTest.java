// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The program as a process of its own. */
@Timeout(60)
class ProgramTest {
  private static final String READY = "order book at ";

  /** The JVM's own status after SIGTERM, when its shutdown hooks have run. */
  private static final int TERMINATED = 128 + 15;

  @Test
  void printsItsAddressAndEndsOnSigterm() throws Exception {
    Process program = start("--port", "0");
    try {
      URI page = address(program);
      HttpResponse<String> response =
          HttpClient.newHttpClient()
              .send(HttpRequest.newBuilder(page).build(), HttpResponse.BodyHandlers.ofString());
      assertThat(response.statusCode()).isEqualTo(200);
      program.destroy();
      assertThat(program.waitFor(20, TimeUnit.SECONDS)).isTrue();
      assertThat(program.exitValue()).isEqualTo(TERMINATED);
    } finally {
      program.destroyForcibly();
    }
  }

  @Test
  void aTakenPortIsOneLine() throws Exception {
    try (MarketServer server = MarketServer.start(0)) {
      int port = server.page().getPort();
      Process program = start("--port", String.valueOf(port));
      assertThat(complaints(program))
          .singleElement()
          .asString()
          .contains("ws://127.0.0.1:" + port, "choose another port");
      assertThat(program.waitFor()).isOne();
    }
  }

  @Test
  void anUnknownOptionIsOneLine() throws Exception {
    Process program = start("--host", "0.0.0.0");
    assertThat(complaints(program))
        .containsExactly(
            "orderbook: unknown option --host"
                + " (usage: [--port N] [--engine native|java|auto] [--storm on|off])");
    assertThat(program.waitFor()).isEqualTo(2);
  }

  private static Process start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  private static URI address(Process program) throws IOException {
    BufferedReader output = output(program);
    for (String line = output.readLine(); line != null; line = output.readLine()) {
      if (line.startsWith(READY)) {
        return URI.create(line.substring(READY.length()));
      }
    }
    throw new AssertionError("the program ended without an address");
  }

  /** The lines of its own that the program printed, without those of the log, until it ended. */
  private static List<String> complaints(Process program) throws IOException {
    try (BufferedReader output = output(program)) {
      return output.lines().filter(line -> line.startsWith("orderbook: ")).toList();
    }
  }

  private static BufferedReader output(Process program) {
    return new BufferedReader(
        new InputStreamReader(program.getInputStream(), StandardCharsets.UTF_8));
  }
}
