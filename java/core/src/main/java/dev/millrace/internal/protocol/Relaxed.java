// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

/**
 * The rules that can be told not to be enforced, as bits: the same number in every engine, and the
 * same names as the API has for them. What each means when it is relaxed is said there.
 */
public final class Relaxed {
  /** Every rule is enforced. */
  public static final int NONE = 0;

  public static final int MASKED_FRAMES = 1;
  public static final int RESERVED_BITS = 1 << 1;
  public static final int RESERVED_OPCODES = 1 << 2;
  public static final int SHORTEST_LENGTH = 1 << 3;
  public static final int TEXT_UTF8 = 1 << 4;
  public static final int CLOSE_LENGTH = 1 << 5;
  public static final int CLOSE_CODE = 1 << 6;
  public static final int CLOSE_REASON_UTF8 = 1 << 7;
  public static final int HOST_HEADER = 1 << 8;
  public static final int CONNECTION_HEADER = 1 << 9;
  public static final int VERSION = 1 << 10;

  private Relaxed() {}

  /** Whether a rule is among those that are not enforced. */
  public static boolean contains(int relaxed, int rule) {
    return (relaxed & rule) != 0;
  }
}
