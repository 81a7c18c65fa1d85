// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.FrameHeader;
import dev.millrace.internal.protocol.Opcode;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The answer to a stream's pings. Every ping is answered at once while the socket takes what is
 * sent; for a peer that does not read, the latest pong alone waits (RFC 6455 5.5.2, 5.5.3).
 */
final class Pong {
  private static final int NONE = -1;

  private byte @Nullable [] payload;
  private int length = NONE;

  /** A ping came. */
  void keep(ByteBuffer ping, int at, int length) {
    byte[] kept = payload;
    if (kept == null) {
      kept = new byte[FrameHeader.MAX_CONTROL_PAYLOAD];
      payload = kept;
    }
    ping.get(at, kept, 0, length);
    this.length = length;
  }

  boolean isWaiting() {
    return length != NONE;
  }

  /** Queues the pong if one waits and the socket is not full; answers whether it did. */
  boolean appendTo(SendQueue queue) {
    byte[] kept = payload;
    if (kept == null || length == NONE || queue.isBlocked()) {
      return false;
    }
    int taken = length;
    length = NONE;
    return queue.appendControl(Opcode.PONG, kept, taken);
  }
}
