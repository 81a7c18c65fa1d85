// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.ByteBuffer;

/**
 * The header of a peer's frame, read in place. One object serves a loop: it is filled by each
 * {@link #parse}.
 *
 * <pre>
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-------+-+-------------+-------------------------------+
 *  |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
 *  |I|S|S|S|  (4)  |A|     (7)     |            (16/64)            |
 *  |N|V|V|V|       |S|             |                               |
 *  | |1|2|3|       |K|             |                               |
 *  +-+-+-+-+-------+-+-------------+-------------------------------+   RFC 6455 5.2
 * </pre>
 */
public final class FrameHeader {
  /** The longest header: two bytes, eight of extended payload length, four of masking key. */
  public static final int MAX_LENGTH = 14;

  /** The longest payload of a control frame. */
  public static final int MAX_CONTROL_PAYLOAD = 125;

  /** {@link #parse}: more bytes are needed. */
  public static final int INCOMPLETE = 0;

  /** {@link #parse}: {@link #error()} tells the rule that is broken. */
  public static final int BROKEN = -1;

  /**
   * RSV1, in front of an opcode that is written: the message is compressed (RFC 7692 6). Judged as
   * a reserved bit unless {@link #parse} is told that compression was agreed on.
   */
  public static final int COMPRESSED = 0x40;

  private static final int FINAL = 0x80;
  private static final int RESERVED_BITS = 0x70;
  private static final int OPCODE_BITS = 0x0F;
  private static final int MASKED = 0x80;
  private static final int LENGTH_BITS = 0x7F;
  private static final int LENGTH_16 = 126;
  private static final int LENGTH_64 = 127;

  /** What a masked frame's header is longer by. */
  public static final int KEY_LENGTH = 4;

  private final int relaxed;
  private final boolean isClient;
  private int opcode;
  private boolean isFinal;
  private boolean isCompressed;
  private long payloadLength;
  private int maskingKey;
  private ProtocolError error = ProtocolError.NONE;

  /**
   * An empty one.
   *
   * @param relaxed rules that are not enforced, of {@link Relaxed}
   * @param isClient whether it is read by a client: a client's frames are masked, a server's are
   *     not (RFC 6455 5.1)
   */
  public FrameHeader(int relaxed, boolean isClient) {
    this.relaxed = relaxed;
    this.isClient = isClient;
  }

  /** Of the frame parsed last. */
  public int opcode() {
    return opcode;
  }

  /** Whether the frame ends its message. */
  public boolean isFinal() {
    return isFinal;
  }

  /** Whether the frame begins a compressed message. */
  public boolean isCompressed() {
    return isCompressed;
  }

  /** Below 2^63. */
  public long payloadLength() {
    return payloadLength;
  }

  /** The key's bytes, the first of them lowest; 0 where the frame is not masked. */
  public int maskingKey() {
    return maskingKey;
  }

  /** Why the last parse answered {@link #BROKEN}. */
  public ProtocolError error() {
    return error;
  }

  /**
   * Reads one header. Judges everything that it alone tells (mask, reserved bits, opcode, control
   * length, shortest form) as early as its bytes allow: a rule may be found broken before the
   * header is complete. Keeps no state between calls.
   *
   * @param bytes little-endian
   * @param at where the header begins
   * @param end where the bytes end
   * @return its length, {@link #INCOMPLETE} or {@link #BROKEN}
   */
  public int parse(ByteBuffer bytes, int at, int end) {
    return parse(bytes, at, end, false);
  }

  /**
   * As {@link #parse(ByteBuffer, int, int)}.
   *
   * @param mayBeCompressed whether the first frame of a message may have {@link #COMPRESSED}
   */
  public int parse(ByteBuffer bytes, int at, int end, boolean mayBeCompressed) {
    int available = end - at;
    if (available < 1) {
      return INCOMPLETE;
    }
    int first = bytes.get(at);
    int code = first & OPCODE_BITS;
    isCompressed =
        mayBeCompressed
            && (first & COMPRESSED) != 0
            && (code == Opcode.TEXT || code == Opcode.BINARY);
    if (!judgeFirst(isCompressed ? first & ~COMPRESSED : first)) {
      return BROKEN;
    }
    if (available < 2) {
      return INCOMPLETE;
    }
    opcode = code;
    isFinal = (first & FINAL) != 0;
    int second = bytes.get(at + 1);
    if (((second & MASKED) != 0) == isClient && enforces(Relaxed.MASKED_FRAMES)) {
      return broken(isClient ? ProtocolError.MASKED_FRAME : ProtocolError.UNMASKED_FRAME);
    }
    int length = second & LENGTH_BITS;
    if (length < LENGTH_16) {
      payloadLength = length;
      return takeKey(bytes, at, 2, available);
    }
    if (Opcode.isControl(opcode)) {
      return broken(ProtocolError.CONTROL_FRAME_TOO_LONG);
    }
    return length == LENGTH_16 ? parse16(bytes, at, available) : parse64(bytes, at, available);
  }

  private boolean enforces(int rule) {
    return !Relaxed.contains(relaxed, rule);
  }

  private boolean judgeFirst(int first) {
    int code = first & OPCODE_BITS;
    if ((first & RESERVED_BITS) != 0 && enforces(Relaxed.RESERVED_BITS)) {
      error = ProtocolError.RESERVED_BITS;
      return false;
    }
    if (!Opcode.isKnown(code) && enforces(Relaxed.RESERVED_OPCODES)) {
      error = ProtocolError.RESERVED_OPCODE;
      return false;
    }
    if (Opcode.isControl(code) && (first & FINAL) == 0) {
      error = ProtocolError.FRAGMENTED_CONTROL_FRAME;
      return false;
    }
    return true;
  }

  private int parse16(ByteBuffer bytes, int at, int available) {
    if (available < 4) {
      return INCOMPLETE;
    }
    payloadLength = Short.toUnsignedInt(Short.reverseBytes(bytes.getShort(at + 2)));
    if (payloadLength < LENGTH_16 && enforces(Relaxed.SHORTEST_LENGTH)) {
      return broken(ProtocolError.NON_MINIMAL_LENGTH);
    }
    return takeKey(bytes, at, 4, available);
  }

  /** The sign needs one byte of the length, the shortest form six. */
  private int parse64(ByteBuffer bytes, int at, int available) {
    if (available >= 3 && bytes.get(at + 2) < 0) {
      return broken(ProtocolError.LENGTH_SIGN_BIT);
    }
    if (available >= 8
        && bytes.getInt(at + 2) == 0
        && bytes.getShort(at + 6) == 0
        && enforces(Relaxed.SHORTEST_LENGTH)) {
      return broken(ProtocolError.NON_MINIMAL_LENGTH);
    }
    if (available < 10) {
      return INCOMPLETE;
    }
    payloadLength = Long.reverseBytes(bytes.getLong(at + 2));
    return takeKey(bytes, at, 10, available);
  }

  private int takeKey(ByteBuffer bytes, int at, int keyOffset, int available) {
    if ((bytes.get(at + 1) & MASKED) == 0) {
      maskingKey = 0;
      return keyOffset;
    }
    if (available < keyOffset + KEY_LENGTH) {
      return INCOMPLETE;
    }
    maskingKey = bytes.getInt(at + keyOffset);
    return keyOffset + KEY_LENGTH;
  }

  private int broken(ProtocolError reason) {
    error = reason;
    return BROKEN;
  }

  /** Whether a frame that begins with this byte carries a message, or a part of one. */
  public static boolean isData(byte first) {
    return (first & OPCODE_BITS) <= Opcode.BINARY;
  }

  /** What {@link #write} takes: 2, 4 or 10 bytes; {@link #writeMasked} takes four more. */
  public static int lengthFor(long payloadLength) {
    if (payloadLength < LENGTH_16) {
      return 2;
    }
    return payloadLength <= 0xFFFF ? 4 : 10;
  }

  /**
   * Writes the header of an unmasked final frame.
   *
   * @param bytes little-endian
   * @param at where it begins
   * @param opcode with {@link #COMPRESSED} for a message that is
   * @return its length
   */
  public static int write(ByteBuffer bytes, int at, int opcode, long payloadLength) {
    bytes.put(at, (byte) (FINAL | opcode));
    if (payloadLength < LENGTH_16) {
      bytes.put(at + 1, (byte) payloadLength);
      return 2;
    }
    if (payloadLength <= 0xFFFF) {
      bytes.put(at + 1, (byte) LENGTH_16);
      bytes.putShort(at + 2, Short.reverseBytes((short) payloadLength));
      return 4;
    }
    bytes.put(at + 1, (byte) LENGTH_64);
    bytes.putLong(at + 2, Long.reverseBytes(payloadLength));
    return 10;
  }

  /**
   * Writes the header of a masked final frame.
   *
   * @param bytes little-endian
   * @param at where it begins
   * @param key as of {@link #maskingKey()}
   * @return its length
   */
  public static int writeMasked(ByteBuffer bytes, int at, int opcode, long payloadLength, int key) {
    int length = write(bytes, at, opcode, payloadLength);
    bytes.put(at + 1, (byte) (bytes.get(at + 1) | MASKED));
    bytes.putInt(at + length, key);
    return length + KEY_LENGTH;
  }
}
