// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The echo command as a process of its own: its lines, its answers, its exit status. */
@Timeout(60)
class EchoProcessTest {
  private static final Pattern LISTENING =
      Pattern.compile("listening (\\S+) engine=native loops=(\\d+) max-message=(\\d+)");

  private final List<Process> started = new ArrayList<>();

  private Process start(String... options) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.add("echo");
    command.addAll(List.of(options));
    Process process = new ProcessBuilder(command).start();
    started.add(process);
    return process;
  }

  @AfterEach
  void killWhatIsLeft() throws InterruptedException {
    for (Process process : started) {
      process.destroyForcibly().waitFor();
    }
  }

  private static void assertFails(Process process, int status, String named)
      throws IOException, InterruptedException {
    List<String> lines = process.errorReader().lines().toList();
    assertEquals(1, lines.size(), () -> "one line, but: " + lines);
    assertTrue(lines.get(0).contains(named), lines.get(0));
    assertNull(process.inputReader().readLine(), "nothing was listened on");
    assertEquals(status, process.waitFor());
  }

  @Test
  void answersOnEveryAddressAndEndsCleanlyOnTermination(@TempDir Path folder) throws Exception {
    Path socket = folder.resolve("echo.sock");
    String abstractName = "ws+unix:@millrace-echo-" + ProcessHandle.current().pid();
    Process process =
        start(
            "--listen",
            "ws://127.0.0.1:0",
            "--listen",
            "ws+unix://" + socket,
            "--listen",
            abstractName,
            "--engine",
            "native",
            "--loops",
            "1",
            "--max-message",
            "64K",
            "--max-memory",
            "64M");
    BufferedReader out = process.inputReader();

    Matcher tcp = LISTENING.matcher(out.readLine());
    assertTrue(tcp.matches());
    assertEquals("1", tcp.group(2));
    assertEquals("65536", tcp.group(3));
    Matcher unix = LISTENING.matcher(out.readLine());
    assertTrue(unix.matches());
    assertEquals("ws+unix://" + socket, unix.group(1));
    Matcher named = LISTENING.matcher(out.readLine());
    assertTrue(named.matches());
    assertEquals(abstractName, named.group(1));
    String memory = out.readLine();
    assertTrue(memory.matches("memory: ceiling=64 MiB, loops=1, loop=48 MiB, .*"), memory);

    CompletableFuture<String> text = new CompletableFuture<>();
    CompletableFuture<ByteBuffer> binary = new CompletableFuture<>();
    WebSocket client =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(URI.create(tcp.group(1)), new Answers(text, binary))
            .join();
    client.sendText("ripple", true).join();
    client.sendBinary(ByteBuffer.wrap(new byte[] {1, 2, 3}), true).join();
    assertEquals("ripple", text.get());
    assertEquals(ByteBuffer.wrap(new byte[] {1, 2, 3}), binary.get());

    process.destroy(); // SIGTERM
    assertEquals(0, process.waitFor());
    assertTrue(Files.notExists(socket), "the socket file is removed");
  }

  @Test
  void virtualThreadsAnswerWhereTheJdkHasThem() throws Exception {
    Process process = start("--executor", "virtual", "--listen", "ws://127.0.0.1:0");
    if (Runtime.version().feature() < 21) {
      assertFails(process, 2, "JDK 21");
      return;
    }
    Matcher listening = LISTENING.matcher(process.inputReader().readLine());
    assertTrue(listening.matches());
    CompletableFuture<String> text = new CompletableFuture<>();
    WebSocket client =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(
                URI.create(listening.group(1)), new Answers(text, new CompletableFuture<>()))
            .join();
    client.sendText("ripple", true).join();
    assertEquals("ripple", text.get());

    process.destroy();
    assertEquals(0, process.waitFor());
  }

  @Test
  void aMistakeOnTheCommandLineIsOneLineAndStatusTwo() throws Exception {
    assertFails(start("--bogus"), 2, "--bogus");
    assertFails(start("--compression", "maybe"), 2, "--compression is off, on or a level");
    assertFails(start("--loops", "0"), 2, "loops=0");
    assertFails(start("--listen", "tcp://127.0.0.1:0"), 2, "tcp://127.0.0.1:0");
  }

  @Test
  void anAddressThatCannotBeHadIsOneLineAndStatusOne(@TempDir Path folder) throws Exception {
    try (ServerSocket taken = new ServerSocket(0)) {
      String port = Integer.toString(taken.getLocalPort());
      assertFails(start("--listen", "ws://127.0.0.1:" + port), 1, port);
    }
    Path missing = folder.resolve("nowhere").resolve("echo.sock");
    assertFails(start("--listen", "ws+unix://" + missing), 1, missing.toString());
  }

  private record Answers(CompletableFuture<String> text, CompletableFuture<ByteBuffer> binary)
      implements WebSocket.Listener {
    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      text.complete(data.toString());
      return WebSocket.Listener.super.onText(socket, data, last);
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      binary.complete(ByteBuffer.allocate(data.remaining()).put(data).flip());
      return WebSocket.Listener.super.onBinary(socket, data, last);
    }
  }
}
