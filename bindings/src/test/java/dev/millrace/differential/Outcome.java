// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * What came of one connection.
 *
 * @param wire every byte that the peer received
 * @param end how the stream of them ended
 * @param log what the handler was told, where it is known for this connection
 */
record Outcome(byte[] wire, End end, byte @Nullable [] log) {

  /** The ends of a stream. */
  enum End {
    FIN,
    RST,
    /** Neither within the time that nothing takes. */
    NONE
  }

  private static final byte[] ACCEPTED = "HTTP/1.1 101 ".getBytes(StandardCharsets.ISO_8859_1);
  private static final byte[] HEAD_END = "\r\n\r\n".getBytes(StandardCharsets.ISO_8859_1);
  private static final int SHOWN = 400;

  boolean isAccepted() {
    return wire.length > ACCEPTED.length
        && Arrays.equals(wire, 0, ACCEPTED.length, ACCEPTED, 0, ACCEPTED.length);
  }

  /** Where frames begin: behind a 101, else nowhere. */
  private int framesStart() {
    if (!isAccepted()) {
      return wire.length;
    }
    for (int i = ACCEPTED.length; i + HEAD_END.length <= wire.length; i++) {
      if (Arrays.equals(wire, i, i + HEAD_END.length, HEAD_END, 0, HEAD_END.length)) {
        return i + HEAD_END.length;
      }
    }
    return wire.length;
  }

  /**
   * Whether a peer has seen the same. The one thing that is evened out: where pongs stand among
   * messages. A pong may overtake what was queued before it (RFC 6455 5.5.2: as soon as is
   * practical), and does where a message is answered at the end of the turn and a ping at once.
   * Among themselves pongs keep their order, messages theirs, and all come before the Close.
   */
  boolean looksLike(Outcome other) {
    return end == other.end
        && (Arrays.equals(wire, other.wire) || Arrays.equals(ordered(), other.ordered()));
  }

  /**
   * The status of a refusal; else the code of the Close frame, 1005 for one without a code; else
   * 101; 0 if nothing came.
   */
  int code() {
    if (!isAccepted()) {
      return wire.length < ACCEPTED.length ? 0 : status();
    }
    for (int at = framesStart(); at < wire.length; at = frameEnd(at)) {
      if ((wire[at] & 0x0F) == 8) {
        return at + 4 > wire.length ? 1005 : (wire[at + 2] & 0xFF) << 8 | wire[at + 3] & 0xFF;
      }
    }
    return 101;
  }

  /** The data frames as text. */
  String messages() {
    return frames(false);
  }

  /** The pongs as text. */
  String pongs() {
    return frames(true);
  }

  private String frames(boolean pongs) {
    StringBuilder frames = new StringBuilder();
    for (int at = framesStart(); at < wire.length; at = frameEnd(at)) {
      int opcode = wire[at] & 0x0F;
      if (pongs ? opcode == 10 : opcode < 8) {
        frames.append(HexFormat.of().formatHex(wire, at, frameEnd(at))).append('\n');
      }
    }
    return frames.toString();
  }

  private int status() {
    return (wire[9] - '0') * 100 + (wire[10] - '0') * 10 + wire[11] - '0';
  }

  /** The same bytes with all pongs in front of the other frames. */
  byte[] ordered() {
    int start = framesStart();
    Bytes pongs = new Bytes().put(wire, 0, start);
    Bytes others = new Bytes();
    boolean isClosed = false;
    int at = start;
    while (at < wire.length) {
      int next = frameEnd(at);
      int opcode = wire[at] & 0x0F;
      boolean isPong = opcode == 10 && !isClosed;
      isClosed |= opcode == 8;
      (isPong ? pongs : others).put(wire, at, next - at);
      at = next;
    }
    return pongs.put(others).toArray();
  }

  private int frameEnd(int at) {
    if (at + 10 > wire.length) {
      return at + 2 > wire.length
          ? wire.length
          : Math.min(wire.length, at + 2 + (wire[at + 1] & 0x7F));
    }
    ByteBuffer in = ByteBuffer.wrap(wire);
    int form = wire[at + 1] & 0x7F;
    long end =
        switch (form) {
          case 126 -> at + 4L + (in.getShort(at + 2) & 0xFFFF);
          case 127 -> at + 10L + Math.min(in.getLong(at + 2) & Long.MAX_VALUE, 1 << 30);
          default -> at + 2L + form;
        };
    return (int) Math.min(end, wire.length);
  }

  static String shortened(String text) {
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
  }

  String describe() {
    StringBuilder text = new StringBuilder();
    int start = framesStart();
    String head = new String(wire, 0, start, StandardCharsets.ISO_8859_1);
    head.lines().forEach(line -> text.append("  < ").append(line).append('\n'));
    for (int at = start; at < wire.length; ) {
      int next = frameEnd(at);
      String hex = HexFormat.of().formatHex(wire, at, next);
      text.append("  < ").append(shortened(hex)).append('\n');
      at = next;
    }
    text.append("  ").append(end).append('\n');
    return text.append(log == null ? "" : EventLog.describe(log)).toString();
  }
}
