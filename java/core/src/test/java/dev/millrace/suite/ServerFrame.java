// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.nio.charset.StandardCharsets;

/**
 * A frame that a server sent and {@link FrameReader} found legal.
 *
 * @param compressed RSV1 is set (RFC 7692 6)
 */
public record ServerFrame(boolean last, int opcode, boolean compressed, byte[] payload) {

  public ServerFrame(boolean last, int opcode, byte[] payload) {
    this(last, opcode, false, payload);
  }

  public boolean isControl() {
    return opcode >= Frame.CLOSE;
  }

  public String text() {
    return new String(payload, StandardCharsets.UTF_8);
  }

  /** The code of a Close frame, 0 for an empty one. */
  public int closeCode() {
    return payload.length < 2 ? 0 : (payload[0] & 0xFF) << 8 | (payload[1] & 0xFF);
  }

  public String closeReason() {
    return payload.length < 2
        ? ""
        : new String(payload, 2, payload.length - 2, StandardCharsets.UTF_8);
  }

  @Override
  public String toString() {
    String what =
        opcode == Frame.CLOSE ? closeCode() + " " + closeReason() : payload.length + " bytes";
    return "frame " + Integer.toHexString(opcode) + (last ? "" : " unfinished") + ": " + what;
  }
}
