// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class FrameHeaderTest {
  private static final HexFormat HEX = HexFormat.of();
  private static final int PREFIX = 3;

  /** Of the bytes 01 02 03 04. */
  private static final int KEY = 0x04030201;

  private FrameHeader header = new FrameHeader(Relaxed.NONE, false);

  private static byte[] hex(String text) {
    return HEX.parseHex(text.replace(" ", ""));
  }

  /** The bytes at an odd place, with nothing right behind them that could be taken for more. */
  private int parse(byte[] bytes, int length) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(PREFIX + length).order(ByteOrder.LITTLE_ENDIAN);
    buffer.put(PREFIX, bytes, 0, length);
    return header.parse(buffer, PREFIX, PREFIX + length);
  }

  private static Stream<Arguments> whole() {
    return Stream.of(
        Arguments.of("81 80 01020304", 6, Opcode.TEXT, true, 0L),
        Arguments.of("82 fd 01020304", 6, Opcode.BINARY, true, 125L),
        Arguments.of("82 fe 007e 01020304", 8, Opcode.BINARY, true, 126L),
        Arguments.of("02 fe ffff 01020304", 8, Opcode.BINARY, false, 65_535L),
        Arguments.of("80 ff 0000000000010000 01020304", 14, Opcode.CONTINUATION, true, 65_536L),
        Arguments.of("01 ff 7fffffffffffffff 01020304", 14, Opcode.TEXT, false, Long.MAX_VALUE),
        Arguments.of("88 82 01020304", 6, Opcode.CLOSE, true, 2L),
        Arguments.of("89 fd 01020304", 6, Opcode.PING, true, 125L),
        Arguments.of("8a 80 01020304", 6, Opcode.PONG, true, 0L));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("whole")
  void readsEveryFormByteByByte(String text, int length, int opcode, boolean last, long payload) {
    byte[] bytes = hex(text);
    for (int cut = 0; cut < bytes.length; cut++) {
      assertThat(parse(bytes, cut)).as("cut=%d", cut).isEqualTo(FrameHeader.INCOMPLETE);
    }
    assertThat(parse(bytes, bytes.length)).isEqualTo(length);
    assertThat(header.opcode()).isEqualTo(opcode);
    assertThat(header.isFinal()).isEqualTo(last);
    assertThat(header.payloadLength()).isEqualTo(payload);
    assertThat(header.maskingKey()).isEqualTo(KEY);
  }

  private static Stream<Arguments> broken() {
    return Stream.of(
        Arguments.of("91", ProtocolError.RESERVED_BITS, 1),
        Arguments.of("a2", ProtocolError.RESERVED_BITS, 1),
        Arguments.of("c1", ProtocolError.RESERVED_BITS, 1),
        Arguments.of("83", ProtocolError.RESERVED_OPCODE, 1),
        Arguments.of("07", ProtocolError.RESERVED_OPCODE, 1),
        Arguments.of("8b", ProtocolError.RESERVED_OPCODE, 1),
        Arguments.of("8f", ProtocolError.RESERVED_OPCODE, 1),
        Arguments.of("08", ProtocolError.FRAGMENTED_CONTROL_FRAME, 1),
        Arguments.of("09", ProtocolError.FRAGMENTED_CONTROL_FRAME, 1),
        Arguments.of("81 05", ProtocolError.UNMASKED_FRAME, 2),
        Arguments.of("88 7e", ProtocolError.UNMASKED_FRAME, 2),
        Arguments.of("89 fe", ProtocolError.CONTROL_FRAME_TOO_LONG, 2),
        Arguments.of("88 ff", ProtocolError.CONTROL_FRAME_TOO_LONG, 2),
        Arguments.of("82 fe 007d", ProtocolError.NON_MINIMAL_LENGTH, 4),
        Arguments.of("82 fe 0000", ProtocolError.NON_MINIMAL_LENGTH, 4),
        Arguments.of("82 ff 80", ProtocolError.LENGTH_SIGN_BIT, 3),
        Arguments.of("82 ff ff", ProtocolError.LENGTH_SIGN_BIT, 3),
        Arguments.of("82 ff 000000000000", ProtocolError.NON_MINIMAL_LENGTH, 8));
  }

  /** An error is found with the byte that makes it certain, and stays whatever follows. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("broken")
  void judgesAsEarlyAsItCan(String text, ProtocolError error, int certain) {
    byte[] bytes = Arrays.copyOf(hex(text), 20);
    for (int length = 0; length < bytes.length; length++) {
      int result = parse(bytes, length);
      if (length < certain) {
        assertThat(result).as("length=%d", length).isEqualTo(FrameHeader.INCOMPLETE);
      } else {
        assertThat(result).as("length=%d", length).isEqualTo(FrameHeader.BROKEN);
        assertThat(header.error()).isEqualTo(error);
      }
    }
  }

  @Test
  void rfc6455_5_1_aClientTakesNoMask() {
    header = new FrameHeader(Relaxed.NONE, true);
    for (String masked : List.of("81 85", "82 fe 0100", "88 80 01020304")) {
      byte[] bytes = hex(masked);
      assertThat(parse(bytes, 1)).isEqualTo(FrameHeader.INCOMPLETE);
      assertThat(parse(bytes, 2)).as(masked).isEqualTo(FrameHeader.BROKEN);
      assertThat(header.error()).isEqualTo(ProtocolError.MASKED_FRAME);
    }
    assertThat(parse(hex("82 7e 0100"), 3)).isEqualTo(FrameHeader.INCOMPLETE);
    assertThat(parse(hex("82 7e 0100"), 4)).isEqualTo(4);
    assertThat(header.payloadLength()).isEqualTo(256);
    assertThat(header.maskingKey()).isZero();
    header = new FrameHeader(Relaxed.MASKED_FRAMES, true);
    assertThat(parse(hex("81 85 01020304"), 6)).isEqualTo(6);
    assertThat(header.maskingKey()).isEqualTo(KEY);
    assertThat(parse(hex("81 05"), 2)).isEqualTo(2);
  }

  /** What a client writes a server reads. */
  @Test
  void rfc6455_5_2_writesMaskedHeaders() {
    long[] lengths = {0, 1, 125, 126, 65_535, 65_536, 1L << 32};
    for (long length : lengths) {
      ByteBuffer bytes = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
      int written = FrameHeader.writeMasked(bytes, 3, Opcode.BINARY, length, KEY);
      assertThat(written).isEqualTo(FrameHeader.lengthFor(length) + FrameHeader.KEY_LENGTH);
      assertThat(header.parse(bytes, 3, 3 + written)).isEqualTo(written);
      assertThat(header.payloadLength()).isEqualTo(length);
      assertThat(header.maskingKey()).isEqualTo(KEY);
      assertThat(header.opcode()).isEqualTo(Opcode.BINARY);
      assertThat(header.isFinal()).isTrue();
    }
  }

  private static Stream<Arguments> relaxed() {
    return Stream.of(
        Arguments.of(Relaxed.MASKED_FRAMES, "81 05", 2, Opcode.TEXT, 5L),
        Arguments.of(Relaxed.MASKED_FRAMES, "82 7e 0100", 4, Opcode.BINARY, 256L),
        Arguments.of(Relaxed.MASKED_FRAMES, "82 85 01020304", 6, Opcode.BINARY, 5L),
        Arguments.of(Relaxed.RESERVED_BITS, "f1 80 01020304", 6, Opcode.TEXT, 0L),
        Arguments.of(Relaxed.RESERVED_OPCODES, "83 fe 0100 01020304", 8, 3, 256L),
        Arguments.of(Relaxed.RESERVED_OPCODES, "8b fd 01020304", 6, 11, 125L),
        Arguments.of(Relaxed.SHORTEST_LENGTH, "82 fe 0005 01020304", 8, Opcode.BINARY, 5L),
        Arguments.of(
            Relaxed.SHORTEST_LENGTH, "82 ff 0000000000000005 01020304", 14, Opcode.BINARY, 5L));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("relaxed")
  void readsByteByByteWhatIsRelaxed(int rule, String text, int length, int opcode, long payload) {
    byte[] bytes = hex(text);
    header = new FrameHeader(rule, false);
    for (int cut = 0; cut < bytes.length; cut++) {
      assertThat(parse(bytes, cut)).as("cut=%d", cut).isEqualTo(FrameHeader.INCOMPLETE);
    }
    assertThat(parse(bytes, bytes.length)).isEqualTo(length);
    assertThat(header.opcode()).isEqualTo(opcode);
    assertThat(header.payloadLength()).isEqualTo(payload);
    assertThat(header.maskingKey()).isEqualTo(bytes[1] < 0 ? KEY : 0);
  }

  /** What bounds memory, and what says where a message ends, is no rule that can be relaxed. */
  @ParameterizedTest
  @ValueSource(strings = {"09 80", "0b 80", "89 fe", "8b fe", "8b 7f", "82 ff 80", "83 7f 80"})
  void someRulesAreAlwaysEnforced(String text) {
    header = new FrameHeader(-1, false);
    byte[] bytes = hex(text);
    assertThat(parse(bytes, bytes.length)).isEqualTo(FrameHeader.BROKEN);
  }

  /**
   * Every first and second byte, random beyond, whole and cut, any rules relaxed: as the plain
   * reading says.
   */
  @Test
  void agreesWithThePlainReading() {
    Random random = new Random(20_261_120);
    byte[] bytes = new byte[FrameHeader.MAX_LENGTH];
    for (int first = 0; first < 256; first++) {
      for (int second = 0; second < 256; second++) {
        random.nextBytes(bytes);
        bytes[0] = (byte) first;
        bytes[1] = (byte) second;
        if (random.nextBoolean()) {
          Arrays.fill(bytes, 2, 2 + random.nextInt(8), (byte) 0);
        }
        int length = random.nextInt(FrameHeader.MAX_LENGTH + 1);
        int rules = random.nextBoolean() ? Relaxed.NONE : random.nextInt(1 << 4);
        header = new FrameHeader(rules, false);
        assertThat(outcome(bytes, length))
            .as(() -> HEX.formatHex(bytes) + " length=" + length + " relaxed=" + rules)
            .isEqualTo(plain(bytes, length, rules));
      }
    }
  }

  private String outcome(byte[] bytes, int length) {
    int result = parse(bytes, length);
    return switch (result) {
      case FrameHeader.INCOMPLETE -> "incomplete";
      case FrameHeader.BROKEN -> header.error().toString();
      default -> result + " " + header.payloadLength() + " " + header.maskingKey();
    };
  }

  /** RFC 6455 5.2, one rule after the other. */
  private static String plain(byte[] bytes, int length, int relaxed) {
    if (length < 1) {
      return "incomplete";
    }
    int opcode = bytes[0] & 15;
    if ((bytes[0] & 0x70) != 0 && (relaxed & Relaxed.RESERVED_BITS) == 0) {
      return "RESERVED_BITS";
    }
    boolean isReserved = opcode > 10 || opcode > 2 && opcode < 8;
    if (isReserved && (relaxed & Relaxed.RESERVED_OPCODES) == 0) {
      return "RESERVED_OPCODE";
    }
    if (opcode > 7 && bytes[0] >= 0) {
      return "FRAGMENTED_CONTROL_FRAME";
    }
    if (length < 2) {
      return "incomplete";
    }
    if (bytes[1] >= 0 && (relaxed & Relaxed.MASKED_FRAMES) == 0) {
      return "UNMASKED_FRAME";
    }
    int code = bytes[1] & 127;
    if (opcode > 7 && code > 125) {
      return "CONTROL_FRAME_TOO_LONG";
    }
    int width = code < 126 ? 0 : code == 126 ? 2 : 8;
    if (width == 8 && length > 2 && bytes[2] < 0) {
      return "LENGTH_SIGN_BIT";
    }
    long payload = width == 0 ? code : 0;
    for (int i = 0; i < width && 2 + i < length; i++) {
      payload = payload << 8 | bytes[2 + i] & 0xFF;
      if (width == 8 && i == 5 && payload == 0 && (relaxed & Relaxed.SHORTEST_LENGTH) == 0) {
        return "NON_MINIMAL_LENGTH";
      }
    }
    if (length < 2 + width) {
      return "incomplete";
    }
    if (width == 2 && payload < 126 && (relaxed & Relaxed.SHORTEST_LENGTH) == 0) {
      return "NON_MINIMAL_LENGTH";
    }
    if (bytes[1] >= 0) {
      return 2 + width + " " + payload + " 0";
    }
    int end = 2 + width + 4;
    if (length < end) {
      return "incomplete";
    }
    int key = 0;
    for (int i = 3; i >= 0; i--) {
      key = key << 8 | bytes[2 + width + i] & 0xFF;
    }
    return end + " " + payload + " " + key;
  }

  private static Stream<Arguments> written() {
    return Stream.of(
        Arguments.of(Opcode.TEXT, 0L, "8100"),
        Arguments.of(Opcode.BINARY, 125L, "827d"),
        Arguments.of(Opcode.BINARY, 126L, "827e007e"),
        Arguments.of(Opcode.TEXT, 65_535L, "817effff"),
        Arguments.of(Opcode.TEXT, 65_536L, "817f0000000000010000"),
        Arguments.of(Opcode.CLOSE, 2L, "8802"));
  }

  @ParameterizedTest
  @MethodSource("written")
  void writesTheShortestForm(int opcode, long length, String expected) {
    ByteBuffer buffer = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN);
    int written = FrameHeader.write(buffer, 5, opcode, length);
    assertThat(HEX.formatHex(buffer.array(), 5, 5 + written)).isEqualTo(expected);
    assertThat(FrameHeader.lengthFor(length)).isEqualTo(written);
    assertThat(buffer.get(4)).isZero();
    assertThat(buffer.get(5 + written)).isZero();
  }
}
