// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** A client that says every frame itself (RFC 6455 5.2), so that it can also say wrong ones. */
final class FrameClient implements AutoCloseable {
  static final int CONTINUATION = 0x0;
  static final int TEXT = 0x1;
  static final int BINARY = 0x2;
  static final int CLOSE = 0x8;
  static final int PING = 0x9;
  static final int PONG = 0xa;
  static final int FINAL = 0x80;

  private static final int TIMEOUT_MILLIS = 10_000;
  private static final int MASK = 0x80;
  private static final byte[] KEY = {0x3a, 0x7f, 0x11, (byte) 0xc5};

  private final Socket socket;
  private final DataInputStream in;

  FrameClient(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(TIMEOUT_MILLIS);
    in = new DataInputStream(socket.getInputStream());
    send(
        """
        GET / HTTP/1.1
        Host: 127.0.0.1
        Upgrade: websocket
        Connection: Upgrade
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
        Sec-WebSocket-Version: 13

        """
            .replace("\n", "\r\n")
            .getBytes(StandardCharsets.US_ASCII));
    String response = readResponse();
    if (!response.startsWith("HTTP/1.1 101 ")
        || !response.toLowerCase(Locale.ROOT).contains("s3pplmbitxaq9kygzzhzrbk+xoo=")) {
      throw new IOException("not upgraded: " + response);
    }
  }

  record Frame(int firstByte, byte[] payload) {}

  void send(byte[] bytes) throws IOException {
    socket.getOutputStream().write(bytes);
  }

  /** A masked frame; its first byte is the opcode, with {@link #FINAL} or without. */
  static byte[] frame(int firstByte, byte[] payload) {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      DataOutputStream out = new DataOutputStream(bytes);
      header(out, firstByte, payload.length);
      for (int i = 0; i < payload.length; i++) {
        out.writeByte(payload[i] ^ KEY[i % KEY.length]);
      }
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new AssertionError(e); // it writes to memory
    }
  }

  static void header(DataOutputStream out, int firstByte, long length) throws IOException {
    out.writeByte(firstByte);
    if (length < 126) {
      out.writeByte(MASK | (int) length);
    } else if (length < 65_536) {
      out.writeByte(MASK | 126);
      out.writeShort((int) length);
    } else {
      out.writeByte(MASK | 127);
      out.writeLong(length);
    }
    out.write(KEY);
  }

  Frame receive() throws IOException {
    int firstByte = in.readUnsignedByte();
    long length = in.readUnsignedByte(); // a server does not mask: the top bit would show here
    if (length == 126) {
      length = in.readUnsignedShort();
    } else if (length == 127) {
      length = in.readLong();
    }
    byte[] payload = new byte[Math.toIntExact(length)];
    in.readFully(payload);
    return new Frame(firstByte, payload);
  }

  /** Returns when the server has closed the connection, whatever it says before. */
  void awaitEnd() throws IOException {
    in.transferTo(OutputStream.nullOutputStream());
  }

  private String readResponse() throws IOException {
    StringBuilder response = new StringBuilder();
    while (response.indexOf("\r\n\r\n") < 0) {
      response.append((char) in.readUnsignedByte());
    }
    return response.toString();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
