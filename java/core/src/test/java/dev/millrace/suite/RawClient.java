// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;

/**
 * A client that writes exactly what it is told, in the pieces it is told, and takes nothing from
 * the server that {@link FrameReader} does not find legal. Reads end by {@link Deadline#WAIT}.
 */
public final class RawClient implements AutoCloseable {

  private final Wire wire;
  private final InputStream in;
  private final FrameReader frames;
  private final Queue<ServerFrame> messages = new ArrayDeque<>();
  private final Queue<ServerFrame> pongs = new ArrayDeque<>();
  private final ByteArrayOutputStream fragments = new ByteArrayOutputStream();
  private int opcode;
  private boolean compressed;

  private RawClient(Wire wire) {
    this.wire = wire;
    this.in = new BufferedInputStream(wire.in(), 1 << 16); // reads ahead only when asked to read
    this.frames = new FrameReader(in);
  }

  /** Connects and writes nothing. */
  public static RawClient open(URI server) throws IOException {
    return new RawClient(Wire.to(server, 0));
  }

  /** Connects from another address of this machine than the system would choose. */
  public static RawClient openFrom(String local, URI server) throws IOException {
    return new RawClient(new Wire.Tcp(server, new InetSocketAddress(local, 0), 0));
  }

  /** Connects and shakes hands. */
  public static RawClient connect(URI server, String target) throws IOException {
    return open(server).shakeHands(target);
  }

  /**
   * Connects with a receive buffer that does not grow, so that a reader that pauses is felt early.
   * Much smaller ones make the kernel drop segments that carry acknowledgements, and both
   * directions stand still.
   */
  public static RawClient connectSlow(URI server, String target) throws IOException {
    return new RawClient(Wire.to(server, 128 << 10)).shakeHands(target);
  }

  public RawClient shakeHands(String target) throws IOException {
    write(UpgradeRequestText.to(target).bytes());
    expectAccepted();
    return this;
  }

  /** From now on messages may come compressed; {@link DeflateClient} looks into them. */
  RawClient allowCompressed() {
    frames.allowCompressed();
    return this;
  }

  /** Writes the bytes in one piece. */
  public RawClient write(byte[] bytes) throws IOException {
    wire.write(bytes, 0, bytes.length);
    return this;
  }

  public RawClient write(byte[] bytes, int from, int to) throws IOException {
    wire.write(bytes, from, to - from);
    return this;
  }

  public RawClient write(Frame... written) throws IOException {
    return write(bytesOf(written));
  }

  public static byte[] bytesOf(Frame... frames) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (Frame frame : frames) {
      bytes.writeBytes(frame.bytes());
    }
    return bytes.toByteArray();
  }

  /** Writes on a thread of its own: what a server answers meanwhile must be read. */
  public CompletableFuture<Void> writeMeanwhile(byte[] bytes) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            write(bytes);
          } catch (IOException failure) {
            throw new UncheckedIOException(failure);
          }
        },
        task -> new Thread(task, "raw-client-writer").start());
  }

  public HttpResponse readResponse() throws IOException {
    return HttpResponse.read(in, true);
  }

  /** A response whose head announces a body that does not come, as to a HEAD request. */
  public HttpResponse readResponseHead() throws IOException {
    return HttpResponse.read(in, false);
  }

  public HttpResponse expectAccepted() throws IOException {
    HttpResponse response = readResponse();
    assertEquals(101, response.status(), () -> "status, body: " + response.text());
    assertEquals(
        UpgradeRequestText.accept(UpgradeRequestText.KEY), response.header("Sec-WebSocket-Accept"));
    assertEquals("websocket", response.header("Upgrade").toLowerCase(Locale.ROOT));
    assertEquals("upgrade", response.header("Connection").toLowerCase(Locale.ROOT));
    return response;
  }

  public ServerFrame readFrame() throws IOException {
    return frames.next();
  }

  /**
   * The next message, its fragments joined, or the next Close or Ping. Pongs are put aside for
   * {@link #expectPongs}: they may overtake messages (RFC 6455 5.5.2).
   */
  public ServerFrame readMessage() throws IOException {
    while (messages.isEmpty()) {
      readAside();
    }
    return messages.remove();
  }

  private void readAside() throws IOException {
    ServerFrame frame = readFrame();
    if (frame.opcode() == Frame.PONG) {
      pongs.add(frame);
    } else if (frame.isControl()) {
      messages.add(frame);
    } else {
      fragments.writeBytes(frame.payload());
      if (frame.opcode() != Frame.CONTINUATION) {
        opcode = frame.opcode();
        compressed = frame.compressed();
      }
      if (frame.last()) {
        messages.add(new ServerFrame(true, opcode, compressed, fragments.toByteArray()));
        fragments.reset();
      }
    }
  }

  public void expectText(String text) throws IOException {
    expect(Frame.TEXT, text.getBytes(StandardCharsets.UTF_8));
  }

  public void expectBinary(byte[] payload) throws IOException {
    expect(Frame.BINARY, payload);
  }

  /**
   * Pongs for these pings: the last one for certain, the others in their order or not at all, since
   * a server may answer only the latest (RFC 6455 5.5.3).
   */
  public void expectPongs(String... pings) throws IOException {
    int at = -1;
    while (at < pings.length - 1) {
      while (pongs.isEmpty()) {
        readAside();
      }
      String pong = pongs.remove().text();
      int found = Arrays.asList(pings).indexOf(pong);
      assertTrue(found > at, "pong '" + pong + "' answers no ping, or comes late or twice");
      at = found;
    }
  }

  public void expect(int opcode, byte[] payload) throws IOException {
    ServerFrame message = readMessage();
    assertEquals(opcode, message.opcode(), message::toString);
    assertArrayEquals(payload, message.payload(), message::toString);
  }

  /** The next frame is a Close with this code (0: empty); then comes nothing but the end. */
  public ServerFrame expectCloseAndEnd(int code) throws IOException {
    ServerFrame close = expectClose(code);
    expectEnd();
    return close;
  }

  public ServerFrame expectClose(int code) throws IOException {
    ServerFrame close = readMessage();
    assertEquals(Frame.CLOSE, close.opcode(), close::toString);
    assertEquals(code, close.closeCode(), close::toString);
    return close;
  }

  /** The server has sent FIN and nothing before it. A reset here would be the server's fault. */
  public void expectEnd() throws IOException {
    int next = frames.nextByte();
    if (next >= 0) {
      throw new AssertionError("expected the end of the stream, got byte " + next);
    }
  }

  /** Reads so many bytes of what comes and looks at none of them. */
  public void skip(int count) throws IOException {
    in.skipNBytes(count);
  }

  /** Reads on, whatever comes, until the server has cut the connection with RST. */
  public void awaitReset() throws IOException {
    assertThrows(
        SocketException.class,
        () -> in.transferTo(OutputStream.nullOutputStream()),
        "the connection ended in order");
  }

  /** Reads on, whatever comes, until the server has ended the connection with FIN or RST. */
  public void awaitGone() throws IOException {
    try {
      in.transferTo(OutputStream.nullOutputStream());
    } catch (SocketException reset) {
      return;
    }
  }

  public void shutdownOutput() throws IOException {
    wire.shutdownOutput();
  }

  /** Ends the connection with RST. */
  public void reset() throws IOException {
    wire.reset();
  }

  @Override
  public void close() throws IOException {
    wire.close();
  }
}
