// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.ByteBuffer;
import java.util.zip.Inflater;

/**
 * The last bytes of what a peer has sent, which its next message may refer to (RFC 7692 7.2.2). It
 * is all that a connection with context takeover keeps between two messages: the inflater itself
 * may be anybody's.
 */
public final class DeflateWindow {
  private final byte[] bytes;

  // Behind the last byte, and how many there are: a ring.
  private int position;
  private int length;

  /** An empty one of 2^bits bytes. */
  public DeflateWindow(int bits) {
    bytes = new byte[1 << bits];
  }

  /** Bytes that may be referred to. */
  public int length() {
    return length;
  }

  /** Nothing may be referred to. */
  public void clear() {
    position = 0;
    length = 0;
  }

  /** What was sent last, behind everything else. */
  public void append(ByteBuffer from, int at, int count) {
    int kept = Math.min(count, bytes.length);
    int start = at + count - kept;
    int first = Math.min(kept, bytes.length - position);
    from.get(start, bytes, position, first);
    from.get(start + first, bytes, 0, kept - first);
    position = (position + kept) % bytes.length;
    length = Math.min(length + kept, bytes.length);
  }

  /** Lets a stream that begins refer to it. */
  void loadInto(Inflater inflater) {
    int start = position - length;
    if (start < 0) {
      inflater.setDictionary(bytes, start + bytes.length, -start);
      start = 0;
    }
    if (position > start) {
      inflater.setDictionary(bytes, start, position - start);
    }
  }
}
