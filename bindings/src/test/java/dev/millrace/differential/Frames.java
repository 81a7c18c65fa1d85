// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import dev.millrace.differential.Stream.Kind;
import java.util.SplittableRandom;

/** Writes frames of a client: right ones, and ones that are wrong in one place or in several. */
final class Frames {
  private static final int CONTINUATION = 0;
  private static final int TEXT = 1;
  private static final int BINARY = 2;
  private static final int CLOSE = 8;
  private static final int PING = 9;
  private static final int PONG = 10;

  /** Where lengths change their form, their sign, or wrap. */
  private static final long[] LENGTHS = {
    125,
    126,
    127,
    0xFFFF,
    0x1_0000,
    ServedEngine.MAX_MESSAGE,
    ServedEngine.MAX_MESSAGE + 1,
    (1L << 31) - 1,
    1L << 31,
    (1L << 31) + 1,
    (1L << 32) - 5,
    (1L << 32) + 5,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -4
  };

  private static final int[] CODES = {
    0, 1, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
    1014, 1015, 1016, 1100, 1999, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65_535
  };

  private static final byte[][] BROKEN_TEXT = {
    {(byte) 0x80},
    {(byte) 0xC0, (byte) 0x80},
    {(byte) 0xC1, (byte) 0xBF},
    {(byte) 0xC2},
    {(byte) 0xC2, 0x41},
    {(byte) 0xE0, (byte) 0x9F, (byte) 0xBF},
    {(byte) 0xE2, (byte) 0x82},
    {(byte) 0xED, (byte) 0xA0, (byte) 0x80},
    {(byte) 0xED, (byte) 0xBF, (byte) 0xBF},
    {(byte) 0xF0, (byte) 0x8F, (byte) 0xBF, (byte) 0xBF},
    {(byte) 0xF0, (byte) 0x9F, (byte) 0x98},
    {(byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80},
    {(byte) 0xF5, (byte) 0x80, (byte) 0x80, (byte) 0x80},
    {(byte) 0xF8, (byte) 0x88, (byte) 0x80, (byte) 0x80, (byte) 0x80},
    {(byte) 0xFE},
    {(byte) 0xFF}
  };

  private final Bytes payload = new Bytes();
  private SplittableRandom random = new SplittableRandom(0);
  private Bytes out = new Bytes();

  // What is wrong with the frame that is written next.
  private int flips;
  private int lengthForm;
  private boolean isUnmasked;
  private boolean declares;
  private long declared;

  /** Appends frames of one kind. */
  void write(SplittableRandom source, Kind kind, Bytes into) {
    random = source;
    out = into;
    int start = into.length();
    int messages = random.nextInt(kind == Kind.VALID ? 1 : 0, 4);
    int wrong = kind == Kind.HOSTILE ? random.nextInt(messages + 1) : -1;
    for (int i = 0; i < messages; i++) {
      if (i == wrong) {
        writeWrong();
      }
      writeMessage();
    }
    if (wrong == messages) {
      writeWrong();
    }
    if (kind == Kind.CLOSING) {
      if (random.nextInt(4) > 0) {
        writeClose(false);
      } else if (out.length() > start) {
        out.remove(random.nextInt(start, out.length()), out.length());
      }
    }
    if (kind == Kind.HOSTILE && random.nextInt(3) == 0) {
      spoil(start);
    }
  }

  // ---- Right ones.

  private void writeMessage() {
    int opcode = random.nextBoolean() ? TEXT : BINARY;
    fill(opcode, length());
    writeFragments(opcode, random.nextInt(3) == 0 ? 1 + random.nextInt(4) : 1);
    if (random.nextInt(6) == 0) {
      writeControl();
    }
  }

  private int length() {
    int choice = random.nextInt(512);
    if (choice == 0) {
      return random.nextInt(65_530, 65_545);
    }
    if (choice < 4) {
      return random.nextInt(40_000);
    }
    if (choice < 40) {
      return random.nextInt(124, 130);
    }
    return random.nextInt(choice < 80 ? 2000 : 48);
  }

  private void writeFragments(int opcode, int count) {
    byte[] whole = payload.toArray();
    int at = 0;
    for (int i = 0; i < count; i++) {
      int to = i + 1 == count ? whole.length : at + random.nextInt(whole.length - at + 1);
      payload.clear().put(whole, at, to - at);
      writeFrame(i + 1 == count, i == 0 ? opcode : CONTINUATION);
      at = to;
      if (i + 1 < count && random.nextInt(4) == 0) {
        writeControl();
      }
    }
  }

  private void writeControl() {
    fill(BINARY, random.nextInt(8) == 0 ? random.nextInt(126) : random.nextInt(10));
    writeFrame(true, random.nextInt(3) == 0 ? PONG : PING);
  }

  private void writeClose(boolean wrong) {
    payload.clear();
    if (wrong || random.nextInt(8) > 0) {
      int code = CODES[random.nextInt(CODES.length)];
      payload.putNumber(wrong || isRight(code) ? code : 1000, 2);
      appendText(random.nextInt(8) == 0 ? random.nextInt(120) : random.nextInt(20));
    }
    if (wrong && random.nextBoolean()) {
      spoilText();
    }
    if (wrong && random.nextInt(4) == 0) {
      payload.remove(1, payload.length());
    }
    writeFrame(true, CLOSE);
  }

  /** RFC 6455 7.4, and what IANA has added. */
  private static boolean isRight(int code) {
    return code >= 1000 && code <= 1003
        || code >= 1007 && code <= 1014
        || code >= 3000 && code <= 4999;
  }

  private void fill(int opcode, int length) {
    payload.clear();
    if (opcode == TEXT) {
      appendText(length);
      return;
    }
    for (int left = length; left > 0; left -= 8) {
      payload.putNumber(random.nextLong(), Math.min(left, 8));
    }
  }

  /** UTF-8 of at most so many bytes, characters of every length. */
  private void appendText(int length) {
    boolean isAscii = random.nextInt(3) == 0;
    int end = payload.length() + length;
    while (payload.length() < end) {
      int bits = random.nextInt();
      int room = end - payload.length();
      int form = isAscii ? 0 : (bits >>> 28) & 7;
      if (form == 5 && room >= 2) {
        putCharacter(0x80 + (bits & 0xFFFF) % (0x800 - 0x80));
      } else if (form == 6 && room >= 3) {
        int character = 0x800 + (bits & 0xFFFF) % (0xFFFF - 0x800);
        putCharacter(Character.isSurrogate((char) character) ? 0xFFFF : character);
      } else if (form == 7 && room >= 4) {
        putCharacter(0x10000 + (bits & 0xFFFFF));
      } else {
        payload.put(bits & 0x7F);
      }
    }
  }

  private void putCharacter(int character) {
    if (character < 0x800) {
      payload.put(0xC0 | character >> 6);
    } else if (character < 0x10000) {
      payload.put(0xE0 | character >> 12).put(0x80 | character >> 6 & 0x3F);
    } else {
      payload.put(0xF0 | character >> 18);
      payload.put(0x80 | character >> 12 & 0x3F).put(0x80 | character >> 6 & 0x3F);
    }
    payload.put(0x80 | character & 0x3F);
  }

  private void writeFrame(boolean isFinal, int opcode) {
    int length = payload.length();
    long told = declares ? declared : length;
    out.put(((isFinal ? 0x80 : 0) | opcode) ^ flips);
    int mask = isUnmasked ? 0 : 0x80;
    int form = Math.max(lengthForm, told < 0 || told > 0xFFFF ? 2 : told > 125 ? 1 : 0);
    switch (form) {
      case 0 -> out.put(mask | (int) told);
      case 1 -> out.put(mask | 126).putNumber(told, 2);
      default -> out.put(mask | 127).putNumber(told, 8);
    }
    int key = 0;
    if (!isUnmasked) {
      key = random.nextInt(16) == 0 ? 0 : random.nextInt();
      out.putNumber(key, 4);
    }
    for (int i = 0; i < length; i++) {
      out.put(payload.at(i) ^ key >>> 24 - 8 * (i & 3));
    }
    flips = 0;
    lengthForm = 0;
    isUnmasked = false;
    declares = false;
  }

  // ---- Wrong ones.

  private void writeWrong() {
    int opcode = random.nextBoolean() ? TEXT : BINARY;
    fill(opcode, length());
    switch (random.nextInt(12)) {
      case 0 -> flips = random.nextInt(1, 8) << 4;
      case 1 -> flips = opcode ^ random.nextInt(16);
      case 2 -> isUnmasked = true;
      case 3 -> lengthForm = random.nextInt(1, 3);
      case 4 -> declare(LENGTHS[random.nextInt(LENGTHS.length)]);
      case 5 -> declare(Math.max(0, payload.length() + random.nextInt(-6, 7)));
      case 6 -> {
        opcode = CLOSE + random.nextInt(3);
        fill(BINARY, random.nextInt(120, 300));
      }
      case 7 -> {
        opcode = CLOSE + random.nextInt(3);
        fill(BINARY, random.nextInt(20));
        flips = 0x80;
      }
      case 8 -> {
        writeClose(true);
        return;
      }
      case 9 -> {
        opcode = TEXT;
        fill(TEXT, random.nextInt(60));
        spoilText();
        writeFragments(TEXT, random.nextInt(1, 4));
        return;
      }
      case 10 -> {
        // More fragments, or more bytes in them, than the limit.
        int count = random.nextBoolean() ? ServedEngine.MAX_FRAGMENTS + random.nextInt(-1, 3) : 3;
        fill(opcode, count == 3 ? ServedEngine.MAX_MESSAGE + random.nextInt(-2, 3) : 10);
        writeFragments(opcode, count);
        return;
      }
      default -> flips = random.nextInt(256);
    }
    writeFrame(true, opcode);
  }

  private void declare(long length) {
    declares = true;
    declared = length;
  }

  private void spoilText() {
    byte[] broken = BROKEN_TEXT[random.nextInt(BROKEN_TEXT.length)];
    int at = random.nextInt(payload.length() + 1);
    for (int i = 0; i < broken.length; i++) {
      payload.insert(at + i, broken[i]);
    }
  }

  /** Flips, loses, doubles or invents bytes, wherever they stand. */
  private void spoil(int start) {
    int length = out.length() - start;
    if (length == 0) {
      return;
    }
    int at = start + random.nextInt(length);
    switch (random.nextInt(5)) {
      case 0 -> out.set(at, out.at(at) ^ 1 << random.nextInt(8));
      case 1 -> out.remove(at, out.length());
      case 2 -> out.remove(at, Math.min(out.length(), at + random.nextInt(1, 9)));
      case 3 -> out.insert(at, random.nextInt(256));
      default -> {
        byte[] whole = out.toArray();
        out.put(whole, at, whole.length - at);
      }
    }
  }
}
