// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.protocol.DeflateWindow;
import dev.millrace.internal.protocol.MessageDeflater;
import dev.millrace.internal.spi.DeflateParameters;
import org.jspecify.annotations.Nullable;

/**
 * The compression of one connection (RFC 7692): what was agreed on, and what lives on from message
 * to message. Without context takeover that is nothing. Loop thread only.
 *
 * <p>The deflater of the JDK has a window of 15 bits and the tables of memory level 8, whatever it
 * is asked for. Where less was agreed on, and reckoned, this side keeps no context, as it always
 * may.
 */
final class Deflation {
  private static final int MEMORY_LEVEL = 8;

  private final Codec codec;
  private final DeflateParameters parameters;
  private final boolean takesOver;
  private @Nullable MessageDeflater deflater;
  private @Nullable DeflateWindow window;

  Deflation(Codec codec, DeflateParameters parameters) {
    this.codec = codec;
    this.parameters = parameters;
    takesOver =
        parameters.outgoingTakeover()
            && parameters.outgoingWindowBits() == DeflateParameters.MAX_WINDOW_BITS
            && codec.compression().memoryLevel() >= MEMORY_LEVEL;
  }

  /** Whether a message of this length is compressed. */
  boolean isFor(int length) {
    return length > 0 && length >= codec.compression().thresholdBytes();
  }

  int outgoingWindowBits() {
    return parameters.outgoingWindowBits();
  }

  /** Whether a message may refer to those that were sent before. */
  boolean takesOver() {
    return takesOver;
  }

  /** Its own, or that of the loop. */
  MessageDeflater deflater() {
    if (!takesOver) {
      return codec.sharedDeflater();
    }
    MessageDeflater own = deflater;
    if (own == null) {
      own = codec.newDeflater();
      deflater = own;
    }
    return own;
  }

  /** What the peer's next message may refer to; null for nothing. */
  @Nullable DeflateWindow window() {
    if (window == null && parameters.incomingTakeover()) {
      window = new DeflateWindow(parameters.incomingWindowBits());
    }
    return window;
  }

  /** The connection has ended. */
  void end() {
    MessageDeflater own = deflater;
    deflater = null;
    window = null;
    if (own != null) {
      own.close();
    }
  }
}
