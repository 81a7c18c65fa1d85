// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The least of a WebSocket client (RFC 6455): it sends any bytes as a binary message, and reads
 * only when it is told to. A program that means well uses {@link dev.millrace.Client}.
 */
final class RawTrader implements AutoCloseable {
  private static final int BINARY = 0x82;
  private static final int CLOSE = 0x88;
  private static final int MASKED = 0x80;
  private static final String REQUEST =
      "GET /market HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

  private final Socket socket;
  private final DataInputStream in;
  private final OutputStream out;
  private String close = "1006";

  private RawTrader(Socket socket) throws IOException {
    this.socket = socket;
    // No more is read ahead than one message has.
    in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), 256));
    out = socket.getOutputStream();
  }

  static RawTrader connect(int port, int receiveBufferBytes) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(receiveBufferBytes);
    socket.connect(
        new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), port));
    RawTrader trader = new RawTrader(socket);
    trader.out.write(REQUEST.getBytes(StandardCharsets.US_ASCII));
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append((char) trader.in.readUnsignedByte());
    }
    if (head.indexOf("HTTP/1.1 101 ") != 0) {
      throw new IOException("not accepted: " + head.substring(0, head.indexOf("\r\n")));
    }
    return trader;
  }

  /** The masking key is 0: what is sent can be read in a capture. */
  void send(byte[] message) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(8 + message.length);
    frame.put((byte) BINARY);
    if (message.length < 126) {
      frame.put((byte) (MASKED | message.length));
    } else {
      frame.put((byte) (MASKED | 126)).putShort((short) message.length);
    }
    frame.putInt(0).put(message);
    out.write(frame.array(), 0, frame.position());
  }

  /** Reads a frame and forgets it. Returns false at the end, when {@link #reason()} tells why. */
  boolean read() throws IOException {
    try {
      int first = in.readUnsignedByte();
      int length = in.readUnsignedByte();
      if (length == 126) {
        length = in.readUnsignedShort();
      }
      byte[] payload = in.readNBytes(length);
      if (first == CLOSE && length >= 2) {
        int code = ByteBuffer.wrap(payload).getShort() & 0xFFFF;
        close = code + " " + new String(payload, 2, length - 2, StandardCharsets.UTF_8);
      }
      return first != CLOSE;
    } catch (EOFException end) {
      return false;
    }
  }

  /** The close code, and the reason behind it. */
  String reason() {
    return close;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
