// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.util.Arrays;

/**
 * Inflates as RFC 1951 describes it, one bit at a time: slow, plain, and it knows what zlib does
 * not tell, how far back a stream refers and where its blocks end.
 */
public final class ReferenceInflater {
  private static final int[] LENGTH_BASE = {
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258
  };
  private static final int[] LENGTH_BITS = {
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0
  };
  private static final int[] DISTANCE_BASE = {
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
    3073, 4097, 6145, 8193, 12289, 16385, 24577
  };
  private static final int[] DISTANCE_BITS = {
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13
  };
  private static final int[] CODE_ORDER = {
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
  };

  /** Bytes that are no deflate stream. */
  public static final class BrokenException extends RuntimeException {
    private static final long serialVersionUID = 1;

    BrokenException(String message) {
      super(message);
    }
  }

  private byte[] out = new byte[1 << 10];
  private int length;
  private int start;
  private int maxDistance;
  private int blocks;

  private byte[] in = new byte[0];
  private int position;

  /** Inflates the payload of a compressed message, which may refer to those before. */
  public byte[] message(byte[] payload) {
    return stream(Frame.join(payload, new byte[] {0, 0, -1, -1}));
  }

  /** Inflates blocks up to the end of these bytes. */
  public byte[] stream(byte[] blocks) {
    start = length;
    in = blocks;
    position = 0;
    while (position < 8 * in.length) {
      block();
    }
    return Arrays.copyOfRange(out, start, length);
  }

  /** The next message may not refer to those before. */
  public void forget() {
    length = 0;
  }

  /** How far back anything has referred so far. */
  public int maxDistance() {
    return maxDistance;
  }

  /** Blocks so far, the empty ones of flushes included. */
  public int blocks() {
    return blocks;
  }

  private void block() {
    blocks++;
    boolean last = bits(1) != 0;
    switch (bits(2)) {
      case 0 -> stored();
      case 1 -> {
        int[] lengths = new int[288];
        Arrays.fill(lengths, 0, 144, 8);
        Arrays.fill(lengths, 144, 256, 9);
        Arrays.fill(lengths, 256, 280, 7);
        Arrays.fill(lengths, 280, 288, 8);
        int[] distances = new int[30];
        Arrays.fill(distances, 5);
        codes(new Code(lengths), new Code(distances));
      }
      case 2 -> dynamic();
      default -> throw new BrokenException("block type 3");
    }
    if (last) {
      position = (position + 7) & ~7;
    }
  }

  private void stored() {
    position = (position + 7) & ~7;
    int count = bits(16);
    if (count != (~bits(16) & 0xFFFF)) {
      throw new BrokenException("length of a stored block");
    }
    for (int i = 0; i < count; i++) {
      put((byte) bits(8));
    }
  }

  private void dynamic() {
    int literals = bits(5) + 257;
    int distances = bits(5) + 1;
    int codes = bits(4) + 4;
    int[] lengths = new int[19];
    for (int i = 0; i < codes; i++) {
      lengths[CODE_ORDER[i]] = bits(3);
    }
    Code code = new Code(lengths);
    int[] all = new int[literals + distances];
    for (int i = 0; i < all.length; ) {
      int symbol = code.next();
      int value = symbol < 16 ? symbol : symbol == 16 && i > 0 ? all[i - 1] : 0;
      int times =
          switch (symbol) {
            case 16 -> 3 + bits(2);
            case 17 -> 3 + bits(3);
            case 18 -> 11 + bits(7);
            default -> 1;
          };
      if (i + times > all.length) {
        throw new BrokenException("too many code lengths");
      }
      Arrays.fill(all, i, i + times, value);
      i += times;
    }
    codes(
        new Code(Arrays.copyOf(all, literals)),
        new Code(Arrays.copyOfRange(all, literals, all.length)));
  }

  private void codes(Code literals, Code distances) {
    for (int symbol = literals.next(); symbol != 256; symbol = literals.next()) {
      if (symbol < 256) {
        put((byte) symbol);
        continue;
      }
      if (symbol > 285) {
        throw new BrokenException("length symbol " + symbol);
      }
      int count = LENGTH_BASE[symbol - 257] + bits(LENGTH_BITS[symbol - 257]);
      int far = distances.next();
      if (far > 29) {
        throw new BrokenException("distance symbol " + far);
      }
      int distance = DISTANCE_BASE[far] + bits(DISTANCE_BITS[far]);
      if (distance > length) {
        throw new BrokenException("distance " + distance + " at " + length);
      }
      maxDistance = Math.max(maxDistance, distance);
      for (int i = 0; i < count; i++) {
        put(out[length - distance]);
      }
    }
  }

  private void put(byte b) {
    if (length == out.length) {
      out = Arrays.copyOf(out, 2 * length);
    }
    out[length++] = b;
  }

  private int bits(int count) {
    int value = 0;
    for (int i = 0; i < count; i++) {
      if (position >> 3 >= in.length) {
        throw new BrokenException("the message ends within a block");
      }
      value |= (in[position >> 3] >> (position & 7) & 1) << i;
      position++;
    }
    return value;
  }

  /** A canonical Huffman code (RFC 1951 3.2.2). */
  private final class Code {
    private final int[] counts = new int[16];
    private final int[] symbols;

    Code(int[] lengths) {
      for (int bits : lengths) {
        counts[bits]++;
      }
      counts[0] = 0;
      int[] offsets = new int[16];
      for (int bits = 1; bits < 15; bits++) {
        offsets[bits + 1] = offsets[bits] + counts[bits];
      }
      symbols = new int[lengths.length];
      for (int symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] != 0) {
          symbols[offsets[lengths[symbol]]++] = symbol;
        }
      }
    }

    int next() {
      int code = 0;
      int first = 0;
      int index = 0;
      for (int length = 1; length < 16; length++) {
        code |= bits(1);
        if (code - first < counts[length]) {
          return symbols[index + code - first];
        }
        index += counts[length];
        first = first + counts[length] << 1;
        code <<= 1;
      }
      throw new BrokenException("no such code");
    }
  }
}
