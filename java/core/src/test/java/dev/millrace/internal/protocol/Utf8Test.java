// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Utf8Test {
  private static final String MIXED =
      "ascii, \u00e9\u07ff, \u0800\u20ac\ud7ff\ue000\uffff, \ud800\udc00\udbff\udfff, and the end";

  private static ByteBuffer direct(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length).put(0, bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static int whole(byte[] bytes) {
    return Utf8.append(Utf8.COMPLETE, direct(bytes), 0, bytes.length);
  }

  private static int bytewise(byte[] bytes) {
    ByteBuffer buffer = direct(bytes);
    int state = Utf8.COMPLETE;
    for (int i = 0; i < bytes.length && state != Utf8.INVALID; i++) {
      state = Utf8.append(state, buffer, i, 1);
    }
    return state;
  }

  /** All that can stand behind a beginning, as far as the rules tell continuation bytes apart. */
  private static final List<byte[]> ENDINGS = endings();

  private static List<byte[]> endings() {
    int[] continuations = {0x80, 0x90, 0xA0};
    List<byte[]> endings = new ArrayList<>();
    for (int first : continuations) {
      endings.add(new byte[] {(byte) first});
      endings.add(new byte[] {(byte) first, (byte) 0x80});
      endings.add(new byte[] {(byte) first, (byte) 0x80, (byte) 0x80});
    }
    return endings;
  }

  /** What the JDK says: complete, invalid, or a beginning that can become something. */
  private static String reference(byte[] bytes) {
    if (decodes(bytes)) {
      return "complete";
    }
    for (byte[] ending : ENDINGS) {
      byte[] ended = Arrays.copyOf(bytes, bytes.length + ending.length);
      System.arraycopy(ending, 0, ended, bytes.length, ending.length);
      if (decodes(ended)) {
        return "unfinished";
      }
    }
    return "invalid";
  }

  private static boolean decodes(byte[] bytes) {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  private static String name(int state) {
    return state == Utf8.COMPLETE ? "complete" : state == Utf8.INVALID ? "invalid" : "unfinished";
  }

  private static void check(byte[] bytes) {
    String expected = reference(bytes);
    assertThat(name(whole(bytes)))
        .as(() -> HexFormat.of().formatHex(bytes))
        .isEqualTo(expected)
        .isEqualTo(name(bytewise(bytes)));
  }

  @Test
  void everyByteAndEveryPair() {
    for (int first = 0; first < 256; first++) {
      check(new byte[] {(byte) first});
      for (int second = 0; second < 256; second++) {
        check(new byte[] {(byte) first, (byte) second});
      }
    }
  }

  /** All leads with the continuation bytes at which a rule begins or ends. */
  @Test
  void everyLeadWithEveryEdge() {
    int[] edges = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    for (int lead = 0x80; lead < 256; lead++) {
      for (int second : edges) {
        for (int third : edges) {
          check(new byte[] {(byte) lead, (byte) second, (byte) third});
          for (int fourth : edges) {
            byte[] four = {(byte) lead, (byte) second, (byte) third, (byte) fourth};
            check(four);
            check(new byte[] {'a', four[0], four[1], four[2], four[3], 'z', 'z', 'z', 'z'});
          }
        }
      }
    }
  }

  @Test
  void everyCodePoint() {
    for (int codePoint = 0; codePoint <= Character.MAX_CODE_POINT; codePoint++) {
      if (codePoint < 0xD800 || codePoint > 0xDFFF) {
        byte[] bytes = Character.toString(codePoint).getBytes(StandardCharsets.UTF_8);
        if (whole(bytes) != Utf8.COMPLETE || bytewise(bytes) != Utf8.COMPLETE) {
          throw new AssertionError("code point refused: " + Integer.toHexString(codePoint));
        }
      }
    }
  }

  @Test
  void cutAtEveryPlace() {
    byte[] bytes = MIXED.getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer = direct(bytes);
    for (int cut = 0; cut <= bytes.length; cut++) {
      int state = Utf8.append(Utf8.COMPLETE, buffer, 0, cut);
      assertThat(state).isNotEqualTo(Utf8.INVALID);
      assertThat(Utf8.append(state, buffer, cut, bytes.length - cut)).isEqualTo(Utf8.COMPLETE);
    }
  }

  /** One byte changed anywhere: as the JDK says, and found with the byte that makes it certain. */
  @Test
  void oneByteChangedAnywhere() {
    Random random = new Random(2);
    byte[] bytes = (MIXED + MIXED).getBytes(StandardCharsets.UTF_8);
    for (int run = 0; run < 3_000; run++) {
      byte[] changed = bytes.clone();
      changed[random.nextInt(changed.length)] = (byte) random.nextInt();
      check(changed);
    }
  }

  @Test
  void aFaultIsFoundInAnUnfinishedText() {
    byte[] bytes = "fine \u20ac".getBytes(StandardCharsets.UTF_8);
    bytes[bytes.length - 2] = 'x';
    ByteBuffer buffer = direct(bytes);
    int state = Utf8.append(Utf8.COMPLETE, buffer, 0, bytes.length - 2);
    assertThat(state).isNotEqualTo(Utf8.INVALID).isNotEqualTo(Utf8.COMPLETE);
    assertThat(Utf8.append(state, buffer, bytes.length - 2, 1)).isEqualTo(Utf8.INVALID);
  }
}
