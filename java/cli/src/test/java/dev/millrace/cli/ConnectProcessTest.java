// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Engine;
import dev.millrace.Handler;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.Server;
import dev.millrace.Upgrade;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The connect command as a process of its own: what it sends, prints, and ends with. */
@Timeout(60)
class ConnectProcessTest {
  private static final BlockingQueue<CloseReason> CLOSED = new LinkedBlockingQueue<>();
  private static Server server;
  private static String address;

  private final List<Process> started = new ArrayList<>();

  @BeforeAll
  static void listen() throws Exception {
    server =
        Server.builder()
            .engine(Engine.JAVA)
            .loops(1)
            .limits(Limits.defaults().withMaxMessageBytes(16 << 20))
            .listen("ws://127.0.0.1:0")
            .route("/echo", new Echoes())
            .route("/refused", (connection, message) -> {})
            .onUpgrade(
                request ->
                    request.path().equals("/refused")
                        ? Upgrade.reject(403, "no guests")
                        : Upgrade.accept())
            .start();
    address = server.addresses().get(0).toString();
  }

  @AfterAll
  static void closeServer() {
    server.close();
  }

  /** Answers, until it is told to do something else. */
  private static final class Echoes implements Handler {
    @Override
    public void onMessage(Connection connection, Message message) {
      String text = message.length() < 20 ? message.text() : "";
      switch (text) {
        case "bye" -> connection.close();
        case "be gone" -> connection.close(1008, "not today");
        case "fill" -> connection.send("x".repeat(70_000));
        default -> connection.send(message);
      }
    }

    @Override
    public void onClose(Connection connection, CloseReason reason) {
      CLOSED.add(reason);
    }
  }

  private Process start(String... options) throws IOException {
    return start(List.of(), options);
  }

  private Process start(List<String> jvmOptions, String... options) throws IOException {
    CLOSED.clear();
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    command.addAll(jvmOptions);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of("connect", "--engine", "java"));
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

  private record Outcome(int status, byte[] out, String err) {
    String text() {
      return new String(out, StandardCharsets.UTF_8);
    }
  }

  /** Both streams at once, so that none fills while the other is read. */
  private static Outcome outcome(Process process) throws Exception {
    CompletableFuture<byte[]> err =
        CompletableFuture.supplyAsync(() -> readAll(process.getErrorStream()));
    byte[] out = readAll(process.getInputStream());
    return new Outcome(process.waitFor(), out, new String(err.get(), StandardCharsets.UTF_8));
  }

  private static byte[] readAll(InputStream in) {
    try {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(Process process, String input) throws IOException {
    try (OutputStream in = process.getOutputStream()) {
      in.write(input.getBytes(StandardCharsets.UTF_8));
    }
  }

  private static void assertOneLine(int status, String named, Outcome outcome) {
    assertEquals(1, outcome.err().lines().count(), outcome.err());
    assertTrue(outcome.err().startsWith("millrace: "), outcome.err());
    assertTrue(outcome.err().contains(named), outcome.err());
    assertEquals("", outcome.text());
    assertEquals(status, outcome.status());
  }

  @Test
  void everyLineIsAMessageAndEveryMessageALine() throws Exception {
    Process process = start("--wait", "forever", address + "/echo");
    write(process, "one\n/ping\n\n  \u20ac \r\nbye");
    Outcome outcome = outcome(process);
    assertEquals("one\n/ping\n\n  \u20ac \n", outcome.text());
    assertEquals("", outcome.err());
    assertEquals(0, outcome.status());
  }

  @Test
  void closesWhenNothingComesAfterTheEndOfTheInput() throws Exception {
    Process process = start("--wait", "0.1", address + "/echo");
    write(process, "");
    assertEquals(0, outcome(process).status());
    CloseReason reason = CLOSED.poll(20, TimeUnit.SECONDS);
    assertEquals(1000, reason.code());
    assertEquals(CloseReason.Initiator.PEER, reason.initiator());
  }

  @Test
  void anErrorCodeOfThePeerIsToldAndStatusThree() throws Exception {
    Process process = start("--wait", "forever", address + "/echo");
    write(process, "be gone\n");
    Outcome outcome = outcome(process);
    assertOneLine(3, "1008 (policy violation): not today", outcome);
  }

  @Test
  void whatCannotBeReachedIsOneLineAndStatusOne() throws Exception {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    assertOneLine(1, Integer.toString(port), outcome(start("ws://127.0.0.1:" + port + "/")));
    assertOneLine(1, "404", outcome(start(address + "/nowhere")));
    assertOneLine(1, "403", outcome(start(address + "/refused")));
  }

  @Test
  void misuseIsOneLineAndStatusTwo(@TempDir Path folder) throws Exception {
    String missing = folder.resolve("missing.json").toString();
    assertOneLine(2, missing, outcome(start("--file", missing, address + "/echo")));
    assertOneLine(2, "--bogus", outcome(start("--bogus", address + "/echo")));
    assertOneLine(2, "Upgrade", outcome(start("--header", "Upgrade: x", address + "/echo")));
    Process process = start("--wait", "forever", address + "/echo");
    try (OutputStream in = process.getOutputStream()) {
      in.write(new byte[] {'a', '\n', (byte) 0xff, '\n'});
    }
    Outcome outcome = outcome(process);
    assertTrue(outcome.err().contains("line 2 is not UTF-8"), outcome.err());
    assertEquals(2, outcome.status());
  }

  @Test
  void filesGoAsOneMessageAndBinaryComesAsItIs(@TempDir Path folder) throws Exception {
    byte[] bytes = new byte[8 << 20];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 31 + (i >> 8));
    }
    Path file = Files.write(folder.resolve("large.bin"), bytes);
    Process process = start("--file", file.toString(), "--wait", "forever", address + "/echo");
    write(process, "bye\n");
    Outcome outcome = outcome(process);
    assertEquals("", outcome.err());
    assertArrayEquals(bytes, outcome.out());
    assertEquals(0, outcome.status());
  }

  @Test
  void aMessageBeyondTheLimitEndsWithStatusThree() throws Exception {
    Process process = start("--max-message", "64K", "--wait", "forever", address + "/echo");
    write(process, "fill\n");
    assertOneLine(3, "1009", outcome(process));
  }

  @Test
  void verboseTellsEverythingOnStandardError() throws Exception {
    Process process =
        start("--verbose", "--header", "X-Test: 1", "--wait", "forever", address + "/echo");
    write(process, "hello\nbye\n");
    Outcome outcome = outcome(process);
    assertTrue(outcome.text().matches("< text [0-9:.]{12} hello\n"), outcome.text());
    List<String> lines = outcome.err().lines().toList();
    assertTrue(lines.contains("* > GET /echo HTTP/1.1"), outcome.err());
    assertTrue(lines.contains("* > X-Test: 1"), outcome.err());
    assertTrue(lines.contains("* < HTTP/1.1 101 Switching Protocols"), outcome.err());
    assertTrue(
        lines.stream().anyMatch(line -> line.matches("> text [0-9:.]{12} hello")), outcome.err());
    assertTrue(lines.contains("* closed by the peer with 1000 (normal closure)"), outcome.err());
    assertEquals(0, outcome.status());
  }

  /** More than the queues of both sides and the sockets between them hold. */
  @Test
  void takesItsWholeInputWhileNobodyReadsItsOutput() throws Exception {
    Process process = start(address + "/echo");
    String line = "x".repeat(59_999) + "\n";
    CompletableFuture<Void> written =
        CompletableFuture.runAsync(
            () -> {
              try {
                write(process, line.repeat(400));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    written.get(40, TimeUnit.SECONDS);
    Outcome outcome = outcome(process);
    assertEquals("", outcome.err());
    assertEquals(400 * line.length(), outcome.out().length);
    assertEquals(0, outcome.status());
  }

  @Test
  void aSignalClosesInOrder() throws Exception {
    Process process = start("--wait", "forever", address + "/echo");
    OutputStream in = process.getOutputStream();
    in.write("ready\n".getBytes(StandardCharsets.UTF_8));
    in.flush();
    assertEquals("ready", process.inputReader().readLine());
    process.destroy(); // SIGTERM
    assertEquals(0, process.waitFor());
    CloseReason reason = CLOSED.poll(20, TimeUnit.SECONDS);
    assertEquals(1000, reason.code());
    assertEquals(CloseReason.Initiator.PEER, reason.initiator());
  }

  @Test
  void endsWhenNobodyReadsItsOutput() throws Exception {
    Process process = start("--wait", "forever", address + "/echo");
    process.getInputStream().close();
    write(process, "one\n");
    assertEquals("", new String(readAll(process.getErrorStream()), StandardCharsets.UTF_8));
    assertEquals(0, process.waitFor());
  }

  @Test
  void aPersonHasCommands() throws Exception {
    Process process = start(List.of("-Dmillrace.terminal=012"), address + "/echo");
    OutputStream in = process.getOutputStream();
    in.write("/nonsense\n/binary 00ff\n//x\n".getBytes(StandardCharsets.UTF_8));
    in.flush();
    String binary = process.inputReader().readLine();
    assertTrue(binary.matches("< binary [0-9:.]{12} 2 bytes: 00 ff"), binary);
    String text = process.inputReader().readLine();
    assertTrue(text.matches("< text [0-9:.]{12} /x"), text);
    in.write("/close 4001 enough\n".getBytes(StandardCharsets.UTF_8));
    in.flush();
    Outcome outcome = outcome(process);
    assertTrue(outcome.err().contains("unknown command /nonsense"), outcome.err());
    assertTrue(outcome.err().contains("* closed with 4001: enough"), outcome.err());
    assertEquals(0, outcome.status());
    CloseReason reason = CLOSED.poll(20, TimeUnit.SECONDS);
    assertEquals(4001, reason.code());
    assertEquals("enough", reason.text());
  }

  @Test
  void aConnectionThatBreaksIsStatusThree() throws Exception {
    try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Process process = start("ws://127.0.0.1:" + listener.getLocalPort() + "/");
      try (Socket peer = listener.accept()) {
        peer.getOutputStream().write(accept(head(peer.getInputStream())));
        peer.getOutputStream().write(new byte[] {(byte) 0x81, 5, 'h', 'a'});
      }
      assertOneLine(3, "connection lost", outcome(process));
    }
  }

  private static String head(InputStream in) throws IOException {
    ByteBuffer head = ByteBuffer.allocate(16_384);
    while (true) {
      head.put((byte) in.read());
      String text =
          new String(Arrays.copyOf(head.array(), head.position()), StandardCharsets.ISO_8859_1);
      if (text.endsWith("\r\n\r\n")) {
        return text;
      }
    }
  }

  private static byte[] accept(String head) throws Exception {
    String key =
        head.lines()
            .filter(line -> line.toLowerCase().startsWith("sec-websocket-key:"))
            .findFirst()
            .orElseThrow()
            .split(":")[1]
            .strip();
    byte[] hash =
        MessageDigest.getInstance("SHA-1")
            .digest(
                (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").getBytes(StandardCharsets.US_ASCII));
    return ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: "
            + Base64.getEncoder().encodeToString(hash)
            + "\r\n\r\n")
        .getBytes(StandardCharsets.US_ASCII);
  }
}
