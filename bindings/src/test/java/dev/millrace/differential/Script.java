// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import dev.millrace.differential.Stream.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * What one connection carries: streams one behind the other, of which only the last can end it,
 * behind a plain handshake unless the first brings its own.
 *
 * @param seed the seed of the first stream
 * @param streams how many there are
 * @param bytes all bytes, the handshake's included
 * @param cuts where they are cut, ascending; behind a plain handshake always
 */
record Script(long seed, int streams, byte[] bytes, int[] cuts) {

  /** More would only be more of the same on one connection. */
  private static final int MAX_STREAMS = 16;

  /** Far below the mark at which a server stops reading from a peer that does not read. */
  private static final int MAX_BYTES = 128 << 10;

  /** As many streams, at most {@code limit}, as one connection can carry. */
  static Script of(Streams source, long seed, long limit) {
    Bytes bytes = new Bytes();
    List<Integer> cuts = new ArrayList<>();
    int count = 0;
    boolean isLast = false;
    while (!isLast && count < Math.min(limit, MAX_STREAMS) && bytes.length() < MAX_BYTES) {
      Stream next = source.of(seed + count);
      if (next.kind() == Kind.HANDSHAKE && count > 0) {
        break;
      }
      if (count == 0 && next.kind() != Kind.HANDSHAKE) {
        bytes.put(Requests.PLAIN);
        // Behind the request in the same piece now and then.
        if ((seed & 3) != 0) {
          cuts.add(bytes.length());
        }
      }
      for (int cut : next.cuts()) {
        cuts.add(bytes.length() + cut);
      }
      bytes.put(next.bytes());
      isLast = next.isLast();
      count++;
    }
    int[] all = cuts.stream().mapToInt(Integer::intValue).toArray();
    return new Script(seed, count, bytes.toArray(), all);
  }

  /** Whether it begins with {@link Requests#PLAIN}. */
  boolean hasPlainRequest() {
    int length = Requests.PLAIN.length;
    return bytes.length >= length && Arrays.equals(bytes, 0, length, Requests.PLAIN, 0, length);
  }

  int pieces() {
    return cuts.length + 1;
  }

  int start(int piece) {
    return piece == 0 ? 0 : cuts[piece - 1];
  }

  int end(int piece) {
    return piece == cuts.length ? bytes.length : cuts[piece];
  }

  /** One line of hexadecimal digits for each piece. */
  String describe() {
    StringBuilder text = new StringBuilder();
    for (int piece = 0; piece < pieces(); piece++) {
      text.append("  > ").append(HexFormat.of().formatHex(bytes, start(piece), end(piece)));
      text.append('\n');
    }
    return text.toString();
  }
}
