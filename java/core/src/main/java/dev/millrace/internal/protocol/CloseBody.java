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
   * @param relaxed rules that are not enforced, of {@link Relaxed}
   * @return {@link ProtocolError#NONE}, or the rule that is broken
   */
  public static ProtocolError judge(ByteBuffer bytes, int at, int length, int relaxed) {
    if (length == 0) {
      return ProtocolError.NONE;
    }
    if (length == 1) {
      return Relaxed.contains(relaxed, Relaxed.CLOSE_LENGTH)
          ? ProtocolError.NONE
          : ProtocolError.INVALID_CLOSE_BODY;
    }
    if (!isSendable(code(bytes, at, length)) && !Relaxed.contains(relaxed, Relaxed.CLOSE_CODE)) {
      return ProtocolError.INVALID_CLOSE_CODE;
    }
    return Relaxed.contains(relaxed, Relaxed.CLOSE_REASON_UTF8)
            || Utf8.append(Utf8.COMPLETE, bytes, at + 2, length - 2) == Utf8.COMPLETE
        ? ProtocolError.NONE
        : ProtocolError.INVALID_CLOSE_REASON;
  }

  /** The code of a body that was judged right, 0 where there is none. */
  public static int code(ByteBuffer bytes, int at, int length) {
    return length < 2 ? 0 : Short.toUnsignedInt(Short.reverseBytes(bytes.getShort(at)));
  }
}
