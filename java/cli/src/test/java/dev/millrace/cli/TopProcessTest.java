// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The top command as a process of its own, in a pipe and, by tmux, at a terminal. */
@Timeout(60)
class TopProcessTest {

  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(30);

  @TempDir Path folder;
  private Path socket;
  private Process echo;
  private URI listening;
  private final List<Process> started = new ArrayList<>();

  private static List<String> java(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    command.addAll(List.of("-Dmillrace.terminal=" + (arguments[0].equals("top!") ? "012" : "")));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.add(arguments[0].replace("!", ""));
    command.addAll(List.of(arguments).subList(1, arguments.length));
    return command;
  }

  private Process start(String... arguments) throws IOException {
    Process process = new ProcessBuilder(java(arguments)).start();
    started.add(process);
    return process;
  }

  @BeforeEach
  void startEcho() throws IOException {
    socket = folder.resolve("echo.admin");
    echo =
        start(
            "echo",
            "--engine",
            "java",
            "--loops",
            "2",
            "--listen",
            "ws://127.0.0.1:0",
            "--administration",
            socket.toString());
    String told = echo.inputReader().readLine();
    assertTrue(told.startsWith("listening"), told);
    listening = URI.create(told.split(" ")[1]);
  }

  @AfterEach
  void killWhatIsLeft() throws Exception {
    for (Process process : started) {
      process.destroyForcibly().waitFor();
    }
  }

  private static String output(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes());
  }

  private static void assertFails(Process process, int status, String named) throws Exception {
    List<String> lines = process.errorReader().lines().toList();
    assertEquals(1, lines.size(), () -> "one line, but: " + lines);
    assertTrue(lines.get(0).contains(named), lines.get(0));
    assertEquals(status, process.waitFor());
  }

  // ---- In a pipe.

  @Test
  void onceIsPlainTextAndADocumentIsJson() throws Exception {
    Process text = start("top", "--once", "--interval", "0.1", socket.toString());
    String shown = output(text);
    assertEquals(0, text.waitFor());
    assertTrue(shown.contains("DEEPEST QUEUES") && !shown.contains("\u001b"), shown);

    Process json = start("top", "--json", "--once", "--interval", "0.1", socket.toString());
    String document = output(json);
    assertEquals(0, json.waitFor());
    assertEquals(2, TopDocument.read(document).whole("loops"));
    assertTrue(TopDocument.read(document).has("recent"), document);
  }

  @Test
  void aWrongPathIsOneSentence() throws Exception {
    assertFails(start("top", folder.resolve("nowhere").toString()), 1, "nowhere");
    Path file = Files.writeString(folder.resolve("file"), "no socket");
    assertFails(start("top", file.toString()), 1, "file");
    assertFails(start("top"), 2, "administration socket");
  }

  @Test
  void theEndOfTheServerIsTold() throws Exception {
    Process top = start("top", "--json", "--interval", "0.1", socket.toString());
    assertTrue(top.inputReader().readLine().startsWith("{"));
    echo.destroy();
    top.inputReader().lines().forEach(line -> assertTrue(line.startsWith("{"), line));
    assertFails(top, 3, "the server has ended");
  }

  // ---- At a terminal.

  /** A terminal of 80 columns and 24 rows. */
  private final class Tmux implements AutoCloseable {
    private final String server = folder.resolve("tmux").toString();

    Tmux(List<String> command) throws Exception {
      String line = "'" + String.join("' '", command) + "'; echo left=$?; stty -a; cat";
      run("new-session", "-d", "-x", "80", "-y", "24", line);
    }

    String run(String... arguments) throws IOException, InterruptedException {
      List<String> command = new ArrayList<>(List.of("tmux", "-f", "/dev/null", "-S", server));
      command.addAll(List.of(arguments));
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String output = new String(process.getInputStream().readAllBytes());
      assertEquals(0, process.waitFor(), output);
      return output;
    }

    String await(Predicate<String> condition, String what) throws Exception {
      long begin = System.nanoTime();
      while (true) {
        String screen = run("capture-pane", "-p");
        if (condition.test(screen)) {
          return screen;
        }
        assertTrue(System.nanoTime() - begin < WAIT_NANOS, () -> what + " in\n" + screen);
        LockSupport.parkNanos(20_000_000);
      }
    }

    @Override
    public void close() throws IOException {
      try {
        run("kill-server");
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static boolean hasTmux() throws InterruptedException {
    try {
      return new ProcessBuilder("tmux", "-V").start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private void showsAndEndsBy(String key) throws Exception {
    assumeTrue(hasTmux(), "no tmux");
    try (Tmux tmux = new Tmux(java("top!", "--interval", "0.1", socket.toString()))) {
      tmux.await(
          screen -> screen.contains("DEEPEST QUEUES") && screen.contains("q quits"), "the view");
      tmux.run("resize-window", "-x", "60", "-y", "12");
      tmux.await(
          screen ->
              screen.startsWith("millrace top")
                  && screen.contains("q quits")
                  && screen.stripTrailing().lines().count() == 12,
          "the view in 12 rows");
      // As it was: what tmux had put aside is of that size, and goes wrong at another.
      tmux.run("resize-window", "-x", "80", "-y", "24");
      tmux.await(
          screen -> screen.contains("DEEPEST QUEUES") && screen.contains("q quits"),
          "the view in 24 rows");
      tmux.run("send-keys", key);
      String after = tmux.await(screen -> screen.contains("-crtscts"), "the shell behind it");
      assertTrue(after.contains("left=0"), after);
      assertTrue(after.contains(" icanon") && after.contains(" echo "), "the terminal as it was");
      assertFalse(after.contains("millrace top"), "the screen as it was");
    }
  }

  @Test
  void qLeavesTheTerminalAsItWas() throws Exception {
    showsAndEndsBy("q");
  }

  @Test
  void anInterruptLeavesTheTerminalAsItWas() throws Exception {
    showsAndEndsBy("C-c");
  }

  /** An interrupt that comes when the terminal has just been set. */
  @Test
  void anInterruptWhileItOpensLeavesTheTerminalAsItWas() throws Exception {
    assumeTrue(hasTmux(), "no tmux");
    Path stty = folder.resolve("stty");
    Files.writeString(
        stty,
        """
        #!/bin/sh
        PATH=${PATH#*:}
        stty "$@"
        case "$*" in *-icanon*) kill -INT $PPID; sleep 0.3 ;; esac
        """);
    assertTrue(stty.toFile().setExecutable(true));
    List<String> command = new ArrayList<>();
    command.addAll(List.of("env", "PATH=" + folder + ":" + System.getenv("PATH")));
    command.addAll(java("top!", socket.toString()));
    try (Tmux tmux = new Tmux(command)) {
      String after = tmux.await(screen -> screen.contains("-crtscts"), "the shell behind it");
      assertTrue(after.contains("left=0"), after);
      assertTrue(after.contains(" icanon") && after.contains(" echo "), "the terminal as it was");
    }
  }

  /** At the size that docs/statistics.md names, nothing that has a number is cut off. */
  @Test
  void eightyColumnsShowEveryNumberAndThePeer() throws Exception {
    assumeTrue(hasTmux(), "no tmux");
    try (Socket peer = new Socket("127.0.0.1", listening.getPort());
        Tmux tmux = new Tmux(java("top!", "--interval", "0.1", socket.toString()))) {
      String request =
          """
          GET /%s HTTP/1.1
          Host: localhost
          Upgrade: websocket
          Connection: Upgrade
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
          Sec-WebSocket-Version: 13

          """;
      String path = "long".repeat(30);
      peer.getOutputStream()
          .write(request.formatted(path).replace("\n", "\r\n").getBytes(US_ASCII));
      String screen = tmux.await(s -> s.contains("/longlong"), "the connection");
      assertTrue(screen.contains(")  pinned 0 B\n"), screen);
      assertTrue(screen.contains(" 127.0.0.1:" + peer.getLocalPort() + "\n"), screen);
    }
  }
}
