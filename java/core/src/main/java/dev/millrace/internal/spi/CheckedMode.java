// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/**
 * The checked mode: what is slower, and tells misuse of messages and leases apart from use. Every
 * message has a block and an object of its own, freed blocks are filled and rest before they are
 * used again, and a lease that nobody ended is reported with the stack of who took it.
 */
public final class CheckedMode {
  /** The property that turns it on, read once. */
  public static final String PROPERTY = "millrace.checked";

  /** What a freed block is filled with. */
  public static final byte FREED = (byte) 0xDB;

  private static final boolean ON = Boolean.getBoolean(PROPERTY);

  private CheckedMode() {}

  /**
   * Whether this process checks.
   *
   * @return true with {@code -Dmillrace.checked=true}
   */
  public static boolean isOn() {
    return ON;
  }
}
