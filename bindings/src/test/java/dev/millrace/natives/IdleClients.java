// SPDX-License-Identifier: Apache-2.0
package dev.millrace.natives;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.millrace.suite.Frame;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.Deflater;

/**
 * Many connections that say nothing after their handshake, in a process of their own: one process
 * has too few descriptors for both ends.
 *
 * <p>The process is told on its standard input how many connections there shall be in all, and
 * answers with that number when there are; it ends with its input. Those that compress have each
 * sent a message then and got it back, and the answer says besides on how many sides the server
 * agreed to keep a window.
 */
final class IdleClients implements AutoCloseable {
  /** To one address more are slow to open: the kernel looks ever longer for a free port. */
  private static final int PER_ADDRESS = 10_000;

  /** At once under way: less than any listener's queue. */
  private static final int BATCH = 64;

  private static final String REQUEST =
      "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

  private static final String OFFER = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  private static final String COMPRESSING = "compressing";

  private final Process process;
  private final BufferedReader answers;
  private int compressors;
  private int decompressors;

  private IdleClients(Process process) {
    this.process = process;
    answers = process.inputReader();
  }

  /** Clients of a server that listens on every address of this machine. */
  static IdleClients of(int port) throws IOException {
    return start(port, "");
  }

  /** The same, each of which exchanges a compressed message. */
  static IdleClients compressing(int port) throws IOException {
    return start(port, COMPRESSING);
  }

  private static IdleClients start(int port, String mode) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            IdleClients.class.getName(),
            Integer.toString(port),
            mode);
    return new IdleClients(builder.redirectError(ProcessBuilder.Redirect.INHERIT).start());
  }

  /** Returns when so many connections are open in all. */
  void open(int total) throws IOException {
    process.outputWriter().write(total + "\n");
    process.outputWriter().flush();
    String answer = answers.readLine();
    if (answer == null || !answer.startsWith(total + " ")) {
      throw new AssertionError("the clients answer: " + answer);
    }
    String[] counts = answer.split(" ");
    compressors = Integer.parseInt(counts[1]);
    decompressors = Integer.parseInt(counts[2]);
  }

  /** For how many of its connections the server's window lives on from message to message. */
  int compressors() {
    return compressors;
  }

  /** For how many the client's does, which the server has to keep as well. */
  int decompressors() {
    return decompressors;
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  // ---- In the process of their own.

  public static void main(String[] arguments) throws IOException {
    int port = Integer.parseInt(arguments[0]);
    boolean compressing = arguments[1].equals(COMPRESSING);
    byte[] request = (REQUEST + (compressing ? OFFER : "") + "\r\n").getBytes(US_ASCII);
    byte[] message = compressedMessage();
    List<SocketChannel> channels = new ArrayList<>();
    int compressors = 0;
    int decompressors = 0;
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
    for (String order = orders.readLine(); order != null; order = orders.readLine()) {
      int total = Integer.parseInt(order);
      while (channels.size() < total) {
        int from = channels.size();
        int to = Math.min(total, from + BATCH);
        for (int i = from; i < to; i++) {
          InetSocketAddress server = new InetSocketAddress("127.0." + i / PER_ADDRESS + ".1", port);
          channels.add(SocketChannel.open(server));
          channels.get(i).write(ByteBuffer.wrap(request));
        }
        for (SocketChannel channel : channels.subList(from, to)) {
          String head = awaitAccepted(channel);
          if (compressing) {
            require(head.contains("permessage-deflate"), head);
            compressors += head.contains("server_no_context_takeover") ? 0 : 1;
            decompressors += head.contains("client_no_context_takeover") ? 0 : 1;
            exchange(channel, message);
          }
        }
      }
      System.out.println(total + " " + compressors + " " + decompressors);
    }
  }

  private static String awaitAccepted(SocketChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(512);
    String head = "";
    while (!head.endsWith("\r\n\r\n")) {
      require(channel.read(bytes) >= 0, "cut after: " + head);
      head = new String(bytes.array(), 0, bytes.position(), US_ASCII);
    }
    require(head.startsWith("HTTP/1.1 101 "), "not accepted: " + head);
    return head;
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new AssertionError(otherwise);
    }
  }

  /** As RFC 7692 7.2.1 has it: flushed, without the last four bytes. */
  private static byte[] compressedMessage() {
    byte[] text =
        "{\"a message that says\":\"the same thing again\"} ".repeat(20).getBytes(US_ASCII);
    Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
    deflater.setInput(text);
    byte[] compressed = new byte[text.length];
    int length = deflater.deflate(compressed, 0, compressed.length, Deflater.SYNC_FLUSH);
    deflater.end();
    byte[] payload = Arrays.copyOf(compressed, length - 4);
    return Frame.of(Frame.TEXT, payload).withReservedBits(4).bytes();
  }

  private static void exchange(SocketChannel channel, byte[] message) throws IOException {
    channel.write(ByteBuffer.wrap(message));
    ByteBuffer answer = ByteBuffer.allocate(4096);
    int length = 2;
    while (answer.position() < length) {
      require(channel.read(answer) >= 0, "cut before the answer");
      if (answer.position() >= 2) {
        length = 2 + answer.get(1);
        require(answer.get(1) < 126, "the answer is longer than the message");
      }
    }
    require(answer.get(0) == (byte) 0xC1, "no compressed text: " + answer.get(0));
  }
}
