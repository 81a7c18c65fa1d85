// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Many connections that say nothing after their handshake, in a process of their own: one process
 * has too few descriptors for both ends.
 *
 * <p>The process is told on its standard input how many connections there shall be in all, and
 * answers with that number when there are; it ends with its input.
 */
final class IdleClients implements AutoCloseable {
  /** To one address more are slow to open: the kernel looks ever longer for a free port. */
  private static final int PER_ADDRESS = 10_000;

  /** At once under way: less than any listener's queue. */
  private static final int BATCH = 64;

  private static final byte[] REQUEST =
      ("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
          .getBytes(StandardCharsets.US_ASCII);

  private final Process process;
  private final BufferedReader answers;

  private IdleClients(Process process) {
    this.process = process;
    answers = process.inputReader();
  }

  /** Clients of a server that listens on every address of this machine. */
  static IdleClients of(int port) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            IdleClients.class.getName(),
            Integer.toString(port));
    return new IdleClients(builder.redirectError(ProcessBuilder.Redirect.INHERIT).start());
  }

  /** Returns when so many connections are open in all. */
  void open(int total) throws IOException {
    process.outputWriter().write(total + "\n");
    process.outputWriter().flush();
    String answer = answers.readLine();
    if (!Integer.toString(total).equals(answer)) {
      throw new AssertionError("the clients answer: " + answer);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  // ---- In the process of their own.

  public static void main(String[] arguments) throws IOException {
    int port = Integer.parseInt(arguments[0]);
    List<SocketChannel> channels = new ArrayList<>();
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
    for (String order = orders.readLine(); order != null; order = orders.readLine()) {
      int total = Integer.parseInt(order);
      while (channels.size() < total) {
        int from = channels.size();
        int to = Math.min(total, from + BATCH);
        for (int i = from; i < to; i++) {
          channels.add(request(new InetSocketAddress("127.0." + i / PER_ADDRESS + ".1", port)));
        }
        channels.subList(from, to).forEach(IdleClients::awaitAccepted);
      }
      System.out.println(total);
    }
  }

  private static SocketChannel request(InetSocketAddress server) throws IOException {
    SocketChannel channel = SocketChannel.open(server);
    channel.write(ByteBuffer.wrap(REQUEST));
    return channel;
  }

  private static void awaitAccepted(SocketChannel channel) {
    ByteBuffer bytes = ByteBuffer.allocate(512);
    String head = "";
    try {
      while (!head.endsWith("\r\n\r\n")) {
        if (channel.read(bytes) < 0) {
          throw new EOFException("cut after: " + head);
        }
        head = new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    if (!head.startsWith("HTTP/1.1 101 ")) {
      throw new AssertionError("not accepted: " + head);
    }
  }
}
