// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * A {@link RawClient} that has agreed on permessage-deflate (RFC 7692), and does itself what was
 * agreed on: its zlib is the JDK's. It holds the server to the window and the takeover that were
 * agreed on.
 */
public final class DeflateClient implements AutoCloseable {
  private static final byte[] TRAILER = {0, 0, -1, -1};

  /** Shorter ones are read bit by bit besides, where they stand for themselves. */
  private static final int EXACT_LENGTH = 4000;

  private final RawClient raw;
  private final String answer;
  private final int serverBits;
  private final int clientBits;
  private final boolean serverTakesOver;
  private final boolean clientTakesOver;
  private final Deflater deflater = new Deflater(6, true);
  private final Inflater inflater = new Inflater(true);
  private final ReferenceInflater reference = new ReferenceInflater();

  private DeflateClient(RawClient raw, String offer, String answer) {
    this.raw = raw;
    this.answer = answer;
    serverBits = bits(answer, "server_max_window_bits", 15);
    clientBits = bits(answer, "client_max_window_bits", bits(offer, "client_max_window_bits", 15));
    serverTakesOver = !answer.contains("server_no_context_takeover");
    clientTakesOver = !answer.contains("client_no_context_takeover");
  }

  private static int bits(String terms, String name, int otherwise) {
    int at = terms.indexOf(name + "=");
    return at < 0
        ? otherwise
        : Integer.parseInt(terms.substring(at + name.length() + 1).split("[;,]")[0].strip());
  }

  /** Connects with an offer, which must be agreed to. */
  public static DeflateClient connect(URI server, String target, String offer) throws IOException {
    RawClient raw = RawClient.open(server);
    raw.write(UpgradeRequestText.to(target).with("Sec-WebSocket-Extensions", offer).bytes());
    String answer = raw.expectAccepted().headers().get("sec-websocket-extensions");
    if (answer == null) {
      throw new AssertionError("not agreed to: " + offer);
    }
    return new DeflateClient(raw.allowCompressed(), offer, answer);
  }

  /** For what is no message of this client's. */
  public RawClient raw() {
    return raw;
  }

  /** What the server has answered to the offer. */
  public String answer() {
    return answer;
  }

  /** How far back the server has referred so far; only known where its window is below 15 bits. */
  public int maxDistance() {
    return reference.maxDistance();
  }

  // ---- Sending.

  /** The payload of a compressed message. */
  public byte[] compress(byte[] message) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] buffer = new byte[1 << 16];
    int chunk = clientBits == 15 ? Math.max(1, message.length) : 1 << clientBits;
    for (int at = 0; at == 0 || at < message.length; at += chunk) {
      if (!clientTakesOver || clientBits < 15) {
        deflater.reset();
      }
      deflater.setInput(message, at, Math.min(chunk, message.length - at));
      int length;
      do {
        length = deflater.deflate(buffer, 0, buffer.length, Deflater.SYNC_FLUSH);
        out.write(buffer, 0, length);
      } while (length == buffer.length);
    }
    byte[] flushed = out.toByteArray();
    return message.length == 0
        ? new byte[1]
        : Arrays.copyOf(flushed, flushed.length - TRAILER.length);
  }

  public DeflateClient send(int opcode, byte[] message) throws IOException {
    raw.write(Frame.of(opcode, compress(message)).withReservedBits(4));
    return this;
  }

  public DeflateClient sendText(String text) throws IOException {
    return send(Frame.TEXT, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Sends compressed bytes in fragments of that length. */
  public DeflateClient sendFragments(int opcode, byte[] compressed, int length) throws IOException {
    List<Frame> frames = new ArrayList<>();
    for (int from = 0; from < compressed.length; from += length) {
      int to = Math.min(from + length, compressed.length);
      byte[] part = Arrays.copyOfRange(compressed, from, to);
      Frame frame = Frame.of(from == 0 ? opcode : Frame.CONTINUATION, part);
      frame = from == 0 ? frame.withReservedBits(4) : frame;
      frames.add(to < compressed.length ? frame.unfinished() : frame);
    }
    raw.write(frames.toArray(Frame[]::new));
    return this;
  }

  // ---- Receiving.

  /** The next message, inflated if it came compressed, or the next control frame. */
  public ServerFrame readMessage() throws IOException {
    ServerFrame frame = raw.readMessage();
    return frame.compressed()
        ? new ServerFrame(true, frame.opcode(), true, inflate(frame.payload()))
        : frame;
  }

  public ServerFrame expect(int opcode, byte[] payload) throws IOException {
    ServerFrame message = readMessage();
    assertEquals(opcode, message.opcode(), message::toString);
    assertArrayEquals(payload, message.payload(), message::toString);
    return message;
  }

  public ServerFrame expectText(String text) throws IOException {
    return expect(Frame.TEXT, text.getBytes(StandardCharsets.UTF_8));
  }

  /** Inflates by the rules that were agreed on. */
  public byte[] inflate(byte[] payload) {
    if (!serverTakesOver) {
      inflater.reset();
      reference.forget();
    }
    byte[] inflated;
    try {
      inflated = inflateStreams(Frame.join(payload, TRAILER));
    } catch (DataFormatException broken) {
      throw new AssertionError("the server sent what does not inflate", broken);
    }
    if (serverBits < 15 || !serverTakesOver && payload.length < EXACT_LENGTH) {
      assertArrayEquals(inflated, reference.message(payload));
      assertTrue(
          reference.maxDistance() <= 1 << serverBits,
          () -> "distance " + reference.maxDistance() + " in a window of " + serverBits + " bits");
    }
    return inflated;
  }

  /** A block with BFINAL ends a stream and not the message (RFC 7692 7.2.3.4). */
  private byte[] inflateStreams(byte[] whole) throws DataFormatException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] buffer = new byte[1 << 16];
    inflater.setInput(whole);
    int length;
    do {
      length = inflater.inflate(buffer);
      out.write(buffer, 0, length);
      if (inflater.finished()) {
        int left = inflater.getRemaining();
        inflater.reset();
        inflater.setInput(whole, whole.length - left, left);
        length = left;
      }
    } while (length > 0);
    assertTrue(inflater.needsInput(), "a compressed message ends early");
    return out.toByteArray();
  }

  @Override
  public void close() throws IOException {
    deflater.end();
    inflater.end();
    raw.close();
  }
}
