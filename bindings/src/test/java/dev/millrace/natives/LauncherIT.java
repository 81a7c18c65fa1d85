// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.suite.Frame;
import dev.millrace.suite.RawClient;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What {@code ./millrace echo} promises to scripts. */
@Timeout(60)
final class LauncherIT {

  @BeforeAll
  @Timeout(400)
  static void build() throws Exception {
    EchoProcess.ensureBuilt();
  }

  @Test
  void tellsEachAddressAndEndsCleanlyOnSigterm(@TempDir Path directory) throws Exception {
    Path socket = directory.resolve("echo.sock");
    try (EchoProcess echo =
        EchoProcess.start(
            "--listen",
            "ws://127.0.0.1:0",
            "--listen",
            "ws+unix://" + socket,
            "--engine",
            "native",
            "--loops",
            "2",
            "--max-message",
            "64K")) {
      String first = echo.awaitLine();
      assertTrue(
          first.matches(
              "listening ws://127\\.0\\.0\\.1:[1-9][0-9]* engine=native loops=2"
                  + " max-message=65536"),
          first);
      String second = echo.awaitLine();
      assertEquals(
          "listening ws+unix://" + socket + " engine=native loops=2 max-message=65536", second);
      String command = echo.process().info().command().orElseThrow();
      assertTrue(command.endsWith("java"), "the launcher's process became the server: " + command);
      URI address = URI.create(first.split(" ")[1]);
      try (RawClient tcp = RawClient.connect(address, "/");
          RawClient unix = RawClient.connect(URI.create("ws+unix://" + socket), "/any")) {
        tcp.write(Frame.text("over \u20ac tcp"));
        tcp.expectText("over \u20ac tcp");
        unix.write(Frame.binary(new byte[65_536]));
        unix.expectBinary(new byte[65_536]);
        try (RawClient large = RawClient.connect(address, "/")) {
          large.write(Frame.binary(new byte[65_537]));
          large.expectCloseAndEnd(1009);
        }
        echo.process().destroy(); // SIGTERM
        tcp.expectCloseAndEnd(1001);
        unix.expectCloseAndEnd(1001);
      }
      assertEquals(0, echo.awaitExit());
    }
    assertFalse(socket.toFile().exists());
  }

  /**
   * The second call builds nothing; the best of three, since other tests use the processors too.
   */
  @Test
  void isUpWithinTwoSeconds() throws Exception {
    Duration best = Duration.ofHours(1);
    for (int run = 0; run < 3; run++) {
      long start = System.nanoTime();
      try (EchoProcess echo = EchoProcess.start("--listen", "ws://127.0.0.1:0")) {
        echo.awaitAddress();
        Duration taken = Duration.ofNanos(System.nanoTime() - start);
        best = taken.compareTo(best) < 0 ? taken : best;
        echo.process().destroy();
        assertEquals(0, echo.awaitExit());
      }
    }
    assertTrue(best.compareTo(Duration.ofSeconds(2)) < 0, "up after " + best);
  }

  @Test
  void takenPortIsOneLine() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
      String address = "ws://127.0.0.1:" + taken.getLocalPort();
      assertFails(1, address, "--listen", address);
    }
  }

  @Test
  void pathThatCannotBeBoundIsOneLine(@TempDir Path directory) throws Exception {
    String path = directory.resolve("missing").resolve("echo.sock").toString();
    assertFails(1, path, "--listen", "ws+unix://" + path);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--nonsense",
        "--listen",
        "--listen nonsense",
        "--loops many",
        "--loops 0",
        "--max-message 12Q",
        "--max-message 0",
        "--engine c++",
        "--compression maybe",
        "--executor pool",
        "stray"
      })
  void misuseIsOneLineAndStatusTwo(String options) throws Exception {
    String[] words = options.split(" ");
    assertFails(2, words[words.length - 1], words);
  }

  private static void assertFails(int status, String named, String... options) throws Exception {
    try (EchoProcess echo = EchoProcess.start(options)) {
      assertEquals(status, echo.awaitExit(), echo.errorText());
      String[] lines = echo.errorText().strip().split("\n");
      assertEquals(1, lines.length, echo.errorText());
      assertTrue(lines[0].contains(named), lines[0]);
    }
  }
}
