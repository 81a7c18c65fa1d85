// SPDX-License-Identifier: Apache-2.0
package dev.millrace.siege;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.millrace.suite.Frame;
import dev.millrace.suite.UpgradeRequestText;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.Deflater;

/**
 * What hostile peers do. Each shakes hands (or not), writes its {@link #opening} once, and then its
 * {@link #chunk} again and again at the pace of the whole crowd; none ever reads.
 */
enum Attack {
  /** Echoes that are never read: the server must stop reading from those peers. */
  READERS(
      "16 KiB to an echo, never reading", List.of("/echo"), 2_000, 16 << 10, message(16 << 10), 1),

  /** The same from the other side: the server has more to say than is read. */
  FEED(
      "a feed of 16 KiB from another thread, never read", List.of("/feed"), 0, 16 << 10, none(), 0),

  /** As FEED, in messages that are shorter than what their queue takes for each. */
  SMALL_FEED(
      "a feed of 512 B from another thread, never read",
      List.of("/small-feed"),
      0,
      512,
      none(),
      0) {
    @Override
    int connections(int most) {
      return Math.max(1, most / 4);
    }
  },

  /** As FEED, on the loop, by each policy. */
  POLICIES(
      "16 KiB by each send policy, never read",
      List.of(
          "/policy/refuse",
          "/policy/drop_oldest",
          "/policy/drop_newest",
          "/policy/drop_lower_priority",
          "/policy/key",
          "/policy/close"),
      0,
      16 << 10,
      none(),
      0),

  /** A message that never ends, a byte at a time. */
  FRAGMENTS(
      "fragments of 1 byte, without end",
      List.of("/echo"),
      1_000,
      Siege.MAX_FRAGMENTS,
      repeated(Frame.continuation(new byte[1]).unfinished(), 32),
      32) {
    @Override
    byte[] opening() {
      return Frame.binary(new byte[1]).unfinished().bytes();
    }
  },

  /** Pongs that are never read. */
  PINGS(
      "pings of 125 bytes, pongs never read",
      List.of("/echo"),
      1_000,
      125,
      repeated(Frame.of(Frame.PING, new byte[125]), 8),
      8),

  /** A length that is announced and does not come. */
  DECLARED("a message of 1 MiB announced, 1 byte sent", List.of("/echo"), 0, 4 << 10, none(), 0) {
    @Override
    byte[] opening() {
      byte[] header = Frame.binary(new byte[0]).declaring(Siege.MAX_MESSAGE_BYTES).header();
      return Frame.join(header, new byte[1]);
    }
  },

  /** Compressed messages that are longer than allowed; whoever is closed comes again. */
  BOMBS(
      "32 MiB in 32 KiB, compressed",
      List.of("/echo"),
      4,
      Siege.MAX_MESSAGE_BYTES,
      compressed(32 << 20),
      1) {
    @Override
    boolean offersCompression() {
      return true;
    }
  },

  /** Compressed messages that are as long as allowed: each is delivered, and echoed. */
  INFLATED(
      "1 MiB in 1 KiB, compressed, echoes never read",
      List.of("/plain"),
      4,
      Siege.MAX_MESSAGE_BYTES,
      compressed(Siege.MAX_MESSAGE_BYTES),
      1) {
    @Override
    boolean offersCompression() {
      return true;
    }
  },

  /** More than the handlers can take, on an executor. */
  SLOW_HANDLERS(
      "4 KiB to handlers that take 5 ms, on an executor",
      List.of("/slow"),
      1_000,
      4 << 10,
      message(4 << 10),
      1),

  /** Requests that never end, in drops, and connections that say nothing. */
  HANDSHAKES("requests in drops, and silence", List.of("/echo"), 500, 4 << 10, drop(), 1) {
    @Override
    boolean shakesHands() {
      return false;
    }

    @Override
    boolean writes(int number) {
      return number % 2 == 1;
    }
  };

  private final String what;
  private final List<String> paths;
  private final int perSecond;
  private final int messageBytes;
  private final byte[] chunk;
  private final int frames;

  Attack(
      String what, List<String> paths, int perSecond, int messageBytes, byte[] chunk, int frames) {
    this.what = what;
    this.paths = paths;
    this.perSecond = perSecond;
    this.messageBytes = messageBytes;
    this.chunk = chunk;
    this.frames = frames;
  }

  /** As options and reports write it. */
  String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static Attack of(String label) {
    for (Attack attack : values()) {
      if (attack.label().equals(label)) {
        return attack;
      }
    }
    throw new IllegalArgumentException(
        "no such attack: "
            + label
            + ", only "
            + Stream.of(values()).map(Attack::label).collect(Collectors.joining(", ")));
  }

  String what() {
    return what;
  }

  /** Where the peers connect, in turns. */
  List<String> paths() {
    return paths;
  }

  /** Chunks a second of all peers together when they are paced; 0 if the server alone speaks. */
  int perSecond() {
    return perSecond;
  }

  /** What counts as one message where growth is bounded. */
  int messageBytes() {
    return messageBytes;
  }

  /** What a peer writes right behind its handshake. */
  byte[] opening() {
    return none();
  }

  /** What a peer writes again and again. */
  byte[] chunk() {
    return chunk;
  }

  /** Frames of a chunk. */
  int frames() {
    return frames;
  }

  boolean offersCompression() {
    return false;
  }

  /** Whether the request is complete. */
  boolean shakesHands() {
    return true;
  }

  /** How many take part. */
  int connections(int most) {
    return most;
  }

  /** Whether the peer with this number writes chunks. */
  boolean writes(int number) {
    return true;
  }

  /** What the peer with this number writes first. */
  byte[] request(int number) {
    UpgradeRequestText text = UpgradeRequestText.to(paths.get(number % paths.size()));
    if (offersCompression()) {
      text.with("Sec-WebSocket-Extensions", "permessage-deflate");
    }
    byte[] request = text.bytes();
    if (shakesHands()) {
      return Frame.join(request, opening());
    }
    return writes(number) ? Arrays.copyOf(request, request.length - 2) : none();
  }

  private static byte[] none() {
    return new byte[0];
  }

  private static byte[] drop() {
    return "X-Drop: 1\r\n".getBytes(US_ASCII);
  }

  private static byte[] message(int length) {
    return Frame.binary(new byte[length]).bytes();
  }

  private static byte[] repeated(Frame frame, int times) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int i = 0; i < times; i++) {
      bytes.writeBytes(frame.bytes());
    }
    return bytes.toByteArray();
  }

  /** So many zeros as RFC 7692 7.2.1 has them: flushed, without the last four bytes. */
  private static byte[] compressed(int length) {
    Deflater deflater = new Deflater(Deflater.BEST_COMPRESSION, true);
    deflater.setInput(new byte[length]);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    byte[] part = new byte[8192];
    for (int n = part.length; n == part.length; ) {
      n = deflater.deflate(part, 0, part.length, Deflater.SYNC_FLUSH);
      bytes.write(part, 0, n);
    }
    deflater.end();
    byte[] flushed = bytes.toByteArray();
    byte[] payload = Arrays.copyOf(flushed, flushed.length - 4);
    return Frame.binary(payload).withReservedBits(4).bytes();
  }
}
