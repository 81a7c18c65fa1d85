// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A server that writes exactly what it is told, and takes nothing from a client that {@link
 * FrameReader} does not find legal. Waits end by {@link Deadline#WAIT}.
 */
public final class ScriptedServer implements AutoCloseable {

  private final ServerSocket listener;
  private final List<Accepted> accepted = new ArrayList<>();

  private ScriptedServer(ServerSocket listener) {
    this.listener = listener;
  }

  public static ScriptedServer start() throws IOException {
    return start(InetAddress.getByName("127.0.0.1"), 50);
  }

  /** On an address of this machine; so many connections wait to be accepted. */
  public static ScriptedServer start(InetAddress address, int backlog) throws IOException {
    ServerSocket listener = new ServerSocket();
    listener.bind(new InetSocketAddress(address, 0), backlog);
    listener.setSoTimeout((int) Deadline.WAIT.toMillis());
    return new ScriptedServer(listener);
  }

  public int port() {
    return listener.getLocalPort();
  }

  public URI uri() {
    return URI.create("ws://127.0.0.1:" + port() + "/");
  }

  /** The next connection, of which nothing was read. */
  public Accepted accept() throws IOException {
    Accepted next = new Accepted(listener.accept());
    accepted.add(next);
    return next;
  }

  /** The next connection, its handshake accepted. */
  public Accepted upgrade(String... lines) throws IOException {
    Accepted next = accept();
    next.readRequest();
    next.write(next.accepting(lines).getBytes(StandardCharsets.ISO_8859_1));
    return next;
  }

  @Override
  public void close() throws IOException {
    listener.close();
    for (Accepted each : accepted) {
      each.close();
    }
  }

  /** One connection. */
  public static final class Accepted implements AutoCloseable {
    private final Socket socket;
    private final InputStream in;
    private final FrameReader frames;
    private String request = "";

    private Accepted(Socket socket) throws IOException {
      this.socket = socket;
      socket.setTcpNoDelay(true);
      socket.setSoTimeout((int) Deadline.WAIT.toMillis());
      in = new BufferedInputStream(socket.getInputStream(), 1 << 16);
      frames = FrameReader.ofClient(in);
    }

    /** Reads up to the empty line and not a byte more. */
    public String readRequest() throws IOException {
      ByteArrayOutputStream head = new ByteArrayOutputStream();
      while (!head.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
        int next = in.read();
        if (next < 0) {
          throw new EOFException("the request ends after " + head.size() + " bytes: " + head);
        }
        head.write(next);
      }
      request = head.toString(StandardCharsets.ISO_8859_1);
      return request;
    }

    /** Takes what has come, so that closing is no reset by itself. */
    public void readRequestIfAny() throws IOException {
      if (request.isEmpty()) {
        readRequest();
      }
    }

    /** A field of the request, or null. */
    public @Nullable String field(String name) {
      for (String line : request.split("\r\n")) {
        if (line.startsWith(name + ": ")) {
          return line.substring(name.length() + 2);
        }
      }
      return null;
    }

    /** The answer that the request demands. */
    public String accepting(String... lines) {
      StringBuilder head = new StringBuilder("HTTP/1.1 101 Switching Protocols\r\n");
      head.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
      head.append(UpgradeRequestText.accept(String.valueOf(field("Sec-WebSocket-Key"))));
      head.append("\r\n");
      for (String line : lines) {
        head.append(line).append("\r\n");
      }
      return head.append("\r\n").toString();
    }

    public Accepted write(byte[] bytes) throws IOException {
      return write(bytes, 0, bytes.length);
    }

    public Accepted write(byte[] bytes, int from, int to) throws IOException {
      socket.getOutputStream().write(bytes, from, to - from);
      return this;
    }

    public Accepted write(String text) throws IOException {
      return write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Frames as clients write them, without their masks. */
    public Accepted write(Frame... written) throws IOException {
      return write(Frame.turned(RawClient.bytesOf(written)));
    }

    public ServerFrame readFrame() throws IOException {
      return frames.next();
    }

    /** The next frame, which is a whole message or a control frame. */
    public void expect(int opcode, byte[] payload) throws IOException {
      ServerFrame frame = readFrame();
      assertEquals(opcode, frame.opcode(), frame::toString);
      assertArrayEquals(payload, frame.payload(), frame::toString);
    }

    public void expectText(String text) throws IOException {
      expect(Frame.TEXT, text.getBytes(StandardCharsets.UTF_8));
    }

    /** In either order: a pong may overtake messages (RFC 6455 5.5.2). */
    public void expectEchoAndPong(String text, String ping) throws IOException {
      ServerFrame first = readFrame();
      ServerFrame second = readFrame();
      boolean overtaken = first.opcode() == Frame.PONG;
      ServerFrame echo = overtaken ? second : first;
      ServerFrame pong = overtaken ? first : second;
      assertEquals(Frame.TEXT, echo.opcode(), echo::toString);
      assertEquals(text, echo.text());
      assertEquals(Frame.PONG, pong.opcode(), pong::toString);
      assertEquals(ping, pong.text());
    }

    public void expectPong(String payload) throws IOException {
      expect(Frame.PONG, payload.getBytes(StandardCharsets.UTF_8));
    }

    public ServerFrame expectClose(int code) throws IOException {
      ServerFrame close = readFrame();
      assertEquals(Frame.CLOSE, close.opcode(), close::toString);
      assertEquals(code, close.closeCode(), close::toString);
      return close;
    }

    /** The client has sent FIN and nothing before it. */
    public void expectEnd() throws IOException {
      assertEquals(-1, frames.nextByte(), "more bytes before the end of the stream");
    }

    /** The client has ended the connection, by FIN or RST, and sent nothing more. */
    public void expectGone() throws IOException {
      try {
        assertEquals(-1, frames.nextByte(), "more bytes before the end of the stream");
      } catch (SocketException reset) {
        return;
      }
    }

    /** Reads on, whatever comes, until the client has ended the connection. */
    public void awaitGone() throws IOException {
      try {
        in.transferTo(OutputStream.nullOutputStream());
      } catch (SocketException reset) {
        return;
      }
    }

    /** Hands bytes on in both directions from now on. */
    public void tunnel(Socket upstream) {
      relay("tunnel-up", in, upstream);
      try {
        relay("tunnel-down", upstream.getInputStream(), socket);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private static void relay(String name, InputStream from, Socket to) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  from.transferTo(to.getOutputStream());
                  to.shutdownOutput();
                } catch (IOException ended) {
                  // by one side or the other
                }
              },
              name);
      thread.setDaemon(true);
      thread.start();
    }

    public void shutdownOutput() throws IOException {
      socket.shutdownOutput();
    }

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
