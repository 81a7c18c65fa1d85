// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.internal.ring.Records;

/**
 * Places in a loop's send area, handed out one behind the other and all taken back when the core
 * has executed the commands. Loop thread only.
 *
 * <pre>
 *  | headroom | payload | headroom | payload | ...                | free |
 *    14 bytes             14 bytes                                ^ position
 * </pre>
 *
 * Payloads lie as close as the headroom allows, so that the core can merge what it sends.
 */
final class SendArea {
  /** The longest payload that fits. */
  static final int MAX_LENGTH = Records.SEND_AREA_LENGTH - Records.HEADROOM;

  private int position;

  /** Whether a payload of this length fits behind the others. */
  boolean fits(long length) {
    return length <= MAX_LENGTH - position;
  }

  /** Where in the region the next payload lies. */
  int next() {
    return Records.SEND_AREA_OFFSET + position + Records.HEADROOM;
  }

  /** Takes the place at {@link #next()} for a payload that has been written there. */
  void take(int length) {
    position += Records.HEADROOM + length;
  }

  /** Bytes in use, as the core is told. */
  int position() {
    return position;
  }

  /** All places are free again. */
  void reset() {
    position = 0;
  }
}
