// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import dev.millrace.suite.Deadline;
import dev.millrace.suite.Frame;
import dev.millrace.suite.UpgradeRequestText;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A client that expects to have back what it sent. */
final class EchoClient implements AutoCloseable {
  private final Socket socket;
  private final DataInputStream in;
  private final OutputStream out;

  private EchoClient(Socket socket) throws IOException {
    this.socket = socket;
    socket.setTcpNoDelay(true);
    socket.setSoTimeout((int) Deadline.WAIT.toMillis());
    in = new DataInputStream(socket.getInputStream());
    out = socket.getOutputStream();
  }

  static EchoClient connect(int port) throws IOException {
    EchoClient client = new EchoClient(new Socket(InetAddress.getLoopbackAddress(), port));
    client.out.write(UpgradeRequestText.to("/echo").bytes());
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) client.in.readUnsignedByte());
    }
    require(head.indexOf("HTTP/1.1 101 ") == 0, "not accepted: " + head);
    return client;
  }

  void write(byte[] bytes, int from, int to) throws IOException {
    out.write(bytes, from, to - from);
  }

  /** Reads one message, which must be this one; pings on the way are answered. */
  void expect(byte[] payload) throws IOException {
    int first = in.readUnsignedByte();
    int length = in.readUnsignedByte();
    if (length == 126) {
      length = in.readUnsignedShort();
    } else if (length == 127) {
      length = Math.toIntExact(in.readLong());
    }
    byte[] received = in.readNBytes(length);
    if (first == (0x80 | Frame.PING)) {
      out.write(Frame.of(Frame.PONG, received).bytes());
      expect(payload);
      return;
    }
    require(
        first == (0x80 | Frame.BINARY),
        "frame " + Integer.toHexString(first) + ": " + said(received));
    require(Arrays.equals(received, payload), "another message than was sent");
  }

  private static String said(byte[] payload) {
    return new String(payload, StandardCharsets.ISO_8859_1);
  }

  private static void require(boolean condition, String otherwise) {
    if (!condition) {
      throw new AssertionError(otherwise);
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
