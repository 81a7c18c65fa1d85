// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.Server;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./millrace connect}: the way through the launcher; the rest is in its own tests. */
@Timeout(60)
final class ConnectLauncherIT {
  @TempDir private Path folder;

  private record Outcome(int status, String out, String err) {}

  @BeforeAll
  @Timeout(400)
  static void build() throws Exception {
    EchoProcess.ensureBuilt();
  }

  private Outcome connect(String input, String... options) throws Exception {
    Path in = Files.writeString(folder.resolve("in"), input);
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    List<String> command = new ArrayList<>(List.of(EchoProcess.LAUNCHER.toString(), "connect"));
    command.addAll(List.of(options));
    Process process =
        new ProcessBuilder(command)
            .redirectInput(in.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    try {
      int status = process.waitFor();
      return new Outcome(status, Files.readString(out), Files.readString(err));
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void talksOverTheNativeEngine() throws Exception {
    try (Server server =
        Server.builder()
            .listen("ws://127.0.0.1:0")
            .route(
                "/echo",
                (connection, message) -> {
                  if (message.text().equals("bye")) {
                    connection.close();
                  } else {
                    connection.send(message);
                  }
                })
            .start()) {
      String address = server.addresses().get(0) + "/echo";
      Outcome outcome =
          connect("hi\nbye\n", address, "--engine", "native", "--binary", "--wait", "forever");
      assertEquals(new Outcome(0, "hi", ""), outcome);
      outcome = connect("hi\nbye\n", "--wait", "forever", "--engine", "native", address);
      assertEquals(new Outcome(0, "hi\n", ""), outcome);
    }
  }

  @Test
  void misuseIsOneLineAndStatusTwo() throws Exception {
    for (String options :
        List.of(
            "",
            "ws://a ws://b",
            "ws://a --nonsense",
            "ws://a --header",
            "--verbose",
            "ws://a --engine c++")) {
      Outcome outcome = connect("", options.isEmpty() ? new String[0] : options.split(" "));
      assertEquals(2, outcome.status(), outcome.err());
      assertEquals(1, outcome.err().lines().count(), outcome.err());
      assertTrue(outcome.err().startsWith("millrace: "), outcome.err());
    }
  }

  @Test
  void helpTellsTheExitStatus() throws Exception {
    Outcome outcome = connect("", "--help");
    assertEquals(0, outcome.status());
    assertTrue(outcome.out().contains("Exit status:"), outcome.out());
  }
}
