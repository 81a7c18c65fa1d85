// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** What a walk from length to length through a stream of frames meets first. */
enum FirstFault {
  NONE,
  /** The stream ends within a frame. */
  TRUNCATED,
  /** Not the shortest form. */
  LONG_FORM,
  /** The highest bit of 64 is set. */
  TOP_BIT;

  /** Looks at the frames behind a request. */
  static FirstFault of(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    long at = text.indexOf("\r\n\r\n") + 4;
    while (at + 2 <= bytes.length) {
      int form = bytes[(int) at + 1] & 0x7F;
      int extended = form == 126 ? 2 : form == 127 ? 8 : 0;
      if (at + 2 + extended > bytes.length) {
        return TRUNCATED;
      }
      long length =
          switch (extended) {
            case 2 -> in.getShort((int) at + 2) & 0xFFFF;
            case 8 -> in.getLong((int) at + 2);
            default -> form;
          };
      if (length < 0) {
        return TOP_BIT;
      }
      if (extended == 2 && length < 126 || extended == 8 && length < 0x1_0000) {
        return LONG_FORM;
      }
      if (length > bytes.length) {
        return TRUNCATED;
      }
      at += 2 + extended + ((bytes[(int) at + 1] & 0x80) == 0 ? 0 : 4) + length;
    }
    return at == bytes.length ? NONE : TRUNCATED;
  }
}
