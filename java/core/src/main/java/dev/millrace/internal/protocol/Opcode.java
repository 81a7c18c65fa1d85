// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

/** What a frame is (RFC 6455 5.2). */
public final class Opcode {
  public static final int CONTINUATION = 0;
  public static final int TEXT = 1;
  public static final int BINARY = 2;
  public static final int CLOSE = 8;
  public static final int PING = 9;
  public static final int PONG = 10;

  private Opcode() {}

  /** Whether it is that of a control frame. */
  public static boolean isControl(int opcode) {
    return (opcode & CLOSE) != 0;
  }

  /** Whether it is not reserved. */
  public static boolean isKnown(int opcode) {
    return (opcode & 7) <= 2;
  }
}
