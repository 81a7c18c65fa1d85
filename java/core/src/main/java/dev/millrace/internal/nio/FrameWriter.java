// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.FrameHeader;
import dev.millrace.internal.protocol.Masking;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Makes frames of payloads: a client masks what it sends, a server does not (RFC 6455 5.1). Loop
 * thread only, but for {@link #headerLength}.
 */
final class FrameWriter {
  private final @Nullable MaskingKeys keys;

  /** {@code keys} is null for a server. */
  FrameWriter(@Nullable MaskingKeys keys) {
    this.keys = keys;
  }

  /** Whether {@link #write} changes the payload: it must be nobody else's then. */
  boolean masks() {
    return keys != null;
  }

  /** How long the header of such a payload is. */
  int headerLength(int payloadLength) {
    return FrameHeader.lengthFor(payloadLength) + (keys == null ? 0 : FrameHeader.KEY_LENGTH);
  }

  /**
   * Writes the header of a final frame, and masks the payload, which lies behind it.
   *
   * @param bytes little-endian
   * @param at where the frame begins
   */
  void write(ByteBuffer bytes, int at, int opcode, int payloadLength) {
    if (keys == null) {
      FrameHeader.write(bytes, at, opcode, payloadLength);
    } else {
      int key = keys.next();
      int header = FrameHeader.writeMasked(bytes, at, opcode, payloadLength, key);
      Masking.unmask(bytes, at + header, payloadLength, key);
    }
  }
}
