// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

import java.nio.ByteBuffer;

/** The body of a Close frame: nothing, or a code and a reason (RFC 6455 5.5.1). */
public final class CloseBody {
  private CloseBody() {}

  /** Whether a code may stand in a Close frame (RFC 6455 7.4, the IANA registry). */
  public static boolean isSendable(int code) {
    return code >= 1000 && code <= 1003
        || code >= 1007 && code <= 1014
        || code >= 3000 && code <= 4999;
  }

  /**
   * Judges an unmasked body.
   *
   * @param bytes little-endian
   * @return {@link ProtocolError#NONE}, or the rule that is broken
   */
  public static ProtocolError judge(ByteBuffer bytes, int at, int length) {
    if (length == 0) {
      return ProtocolError.NONE;
    }
    if (length == 1) {
      return ProtocolError.INVALID_CLOSE_BODY;
    }
    if (!isSendable(code(bytes, at, length))) {
      return ProtocolError.INVALID_CLOSE_CODE;
    }
    return Utf8.append(Utf8.COMPLETE, bytes, at + 2, length - 2) == Utf8.COMPLETE
        ? ProtocolError.NONE
        : ProtocolError.INVALID_CLOSE_REASON;
  }

  /** The code of a body that is right, 0 for an empty one. */
  public static int code(ByteBuffer bytes, int at, int length) {
    return length < 2 ? 0 : Short.toUnsignedInt(Short.reverseBytes(bytes.getShort(at)));
  }
}
