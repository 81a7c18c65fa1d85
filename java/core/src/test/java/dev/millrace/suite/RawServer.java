// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A server that writes exactly what it is told, in the pieces it is told, and takes no frame from a
 * client that is not masked (RFC 6455 5.1). Reads end by {@link Deadline#WAIT}.
 */
public final class RawServer implements AutoCloseable {
  private final ServerSocket listener;
  private final List<Peer> peers = new ArrayList<>();

  private RawServer(ServerSocket listener) {
    this.listener = listener;
  }

  /** Listens on a free port of the loopback address. */
  public static RawServer open() throws IOException {
    ServerSocket listener = new ServerSocket();
    listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    listener.setSoTimeout((int) Deadline.WAIT.toMillis());
    return new RawServer(listener);
  }

  public InetSocketAddress address() {
    return (InetSocketAddress) listener.getLocalSocketAddress();
  }

  /** The next client. */
  public Peer accept() throws IOException {
    Socket socket = listener.accept();
    socket.setSoTimeout((int) Deadline.WAIT.toMillis());
    socket.setTcpNoDelay(true); // a cut in a test is to be a cut on the wire
    Peer peer = new Peer(socket);
    peers.add(peer);
    return peer;
  }

  @Override
  public void close() throws IOException {
    for (Peer peer : peers) {
      peer.close();
    }
    listener.close();
  }

  /** A frame that a client sent, its mask taken off. */
  public record ClientFrame(boolean last, int reservedBits, int opcode, int key, byte[] payload) {
    public String text() {
      return new String(payload, StandardCharsets.UTF_8);
    }

    /** The code of a Close frame, 0 for an empty one. */
    public int closeCode() {
      return payload.length < 2 ? 0 : (payload[0] & 0xFF) << 8 | payload[1] & 0xFF;
    }
  }

  /** One client's socket. */
  public static final class Peer implements AutoCloseable {
    private final Socket socket;
    private final DataInputStream in;

    private Peer(Socket socket) throws IOException {
      this.socket = socket;
      in = new DataInputStream(new BufferedInputStream(socket.getInputStream(), 1 << 16));
    }

    /** A request up to its empty line. */
    public String readRequest() throws IOException {
      StringBuilder head = new StringBuilder();
      while (head.length() < 4 || !head.substring(head.length() - 4).equals("\r\n\r\n")) {
        head.append((char) in.readUnsignedByte());
      }
      return head.toString();
    }

    /** The value of a field of a request. */
    public static String field(String request, String name) {
      for (String line : request.split("\r\n")) {
        if (line.toLowerCase(Locale.ROOT).startsWith(name.toLowerCase(Locale.ROOT) + ":")) {
          return line.substring(name.length() + 1).strip();
        }
      }
      throw new AssertionError("no field " + name + " in: " + request);
    }

    /** Reads an upgrade request and accepts it; answers the request. */
    public String acceptUpgrade(String... fields) throws IOException {
      String request = readRequest();
      write(switching(request, fields));
      return request;
    }

    /** The 101 response to a request. */
    public static String switching(String request, String... fields) {
      String more = fields.length == 0 ? "" : String.join("\r\n", fields) + "\r\n";
      return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Accept: "
          + UpgradeRequestText.accept(field(request, "Sec-WebSocket-Key"))
          + "\r\n"
          + more
          + "\r\n";
    }

    public Peer write(String latin1) throws IOException {
      return write(latin1.getBytes(StandardCharsets.ISO_8859_1));
    }

    public Peer write(byte[] bytes) throws IOException {
      socket.getOutputStream().write(bytes);
      return this;
    }

    /** Frames as they are: a server's are {@link Frame#unmasked()}. */
    public Peer write(Frame... frames) throws IOException {
      return write(RawClient.bytesOf(frames));
    }

    /** The next frame, which must be masked and in the shortest form. */
    public ClientFrame readFrame() throws IOException {
      int first = in.readUnsignedByte();
      int second = in.readUnsignedByte();
      assertTrue((second & 0x80) != 0, "a client must mask its frames (RFC 6455 5.1)");
      long length = readLength(second & 0x7F);
      int key = in.readInt();
      byte[] payload = new byte[(int) length];
      in.readFully(payload);
      for (int i = 0; i < payload.length; i++) {
        payload[i] ^= (byte) (key >>> 8 * (3 - (i & 3)));
      }
      return new ClientFrame((first & 0x80) != 0, first >> 4 & 7, first & 0x0F, key, payload);
    }

    private long readLength(int form) throws IOException {
      if (form == 126) {
        int length = in.readUnsignedShort();
        assertTrue(length > 125, "not the shortest form of " + length);
        return length;
      }
      if (form == 127) {
        long length = in.readLong();
        assertTrue(length > 0xFFFF, "not the shortest form of " + length);
        return length;
      }
      return form;
    }

    public ClientFrame expect(int opcode) throws IOException {
      ClientFrame frame = readFrame();
      assertEquals(opcode, frame.opcode, () -> "opcode, text: " + frame.text());
      return frame;
    }

    public void expectText(String text) throws IOException {
      assertEquals(text, expect(Frame.TEXT).text());
    }

    public void expectClose(int code) throws IOException {
      assertEquals(code, expect(Frame.CLOSE).closeCode());
    }

    /** The client's FIN, with no byte before it. */
    public void expectEnd() throws IOException {
      assertEquals(-1, in.read());
    }

    /** Reads on, whatever comes, until the client has ended the connection with FIN or RST. */
    public void awaitEnd() throws IOException {
      try {
        while (in.read() >= 0) {}
      } catch (SocketException | EOFException reset) {
        // Ended it is all the same.
      }
    }

    /** Whether neither a byte nor FIN comes within so many milliseconds. */
    public boolean isSilentFor(int millis) throws IOException {
      socket.setSoTimeout(millis);
      try {
        in.read();
        return false;
      } catch (SocketTimeoutException silent) {
        return true;
      } finally {
        socket.setSoTimeout((int) Deadline.WAIT.toMillis());
      }
    }

    public void shutdownOutput() throws IOException {
      socket.shutdownOutput();
    }

    /** Ends the connection with RST instead of FIN. */
    public void reset() throws IOException {
      socket.setSoLinger(true, 0);
      socket.close();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }
}
