// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/**
 * What the two sides of a connection have agreed on (RFC 7692 7.1), seen from this side whichever
 * its role is.
 *
 * @param outgoingWindowBits log2 of the window that this side compresses with, 8 to 15
 * @param outgoingTakeover whether this side's window lives on from message to message
 * @param incomingWindowBits log2 of the window that the peer compresses with, 8 to 15
 * @param incomingTakeover whether the peer's window lives on from message to message
 */
public record DeflateParameters(
    int outgoingWindowBits,
    boolean outgoingTakeover,
    int incomingWindowBits,
    boolean incomingTakeover) {

  /** The smallest window in bits (RFC 7692 7.1.2). */
  public static final int MIN_WINDOW_BITS = 8;

  /** The largest window in bits (RFC 7692 7.1.2). */
  public static final int MAX_WINDOW_BITS = 15;

  /**
   * Checks the windows.
   *
   * @throws IllegalArgumentException if one is out of range
   */
  public DeflateParameters {
    requireBits("outgoingWindowBits", outgoingWindowBits);
    requireBits("incomingWindowBits", incomingWindowBits);
  }

  private static void requireBits(String name, int bits) {
    if (bits < MIN_WINDOW_BITS || bits > MAX_WINDOW_BITS) {
      throw new IllegalArgumentException(
          "window out of range: "
              + name
              + "="
              + bits
              + ", limits="
              + MIN_WINDOW_BITS
              + ".."
              + MAX_WINDOW_BITS);
    }
  }
}
