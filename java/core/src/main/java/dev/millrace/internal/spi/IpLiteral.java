// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * IP addresses as text, read without ever asking a name server. No zone, no brackets, no leading
 * zeros, which some take for octal.
 */
public final class IpLiteral {
  private static final int IPV4 = 4;
  private static final int IPV6 = 16;
  private static final int NOWHERE = -1;

  private IpLiteral() {}

  /**
   * An address of either family.
   *
   * @return its 4 or 16 bytes, null if it is none
   */
  public static byte @Nullable [] parse(String text) {
    return text.indexOf(':') < 0 ? parseIpv4(text) : parseIpv6(text);
  }

  /**
   * Four decimal numbers.
   *
   * @return 4 bytes, null if it is no such address
   */
  public static byte @Nullable [] parseIpv4(String text) {
    byte[] ip = new byte[IPV4];
    return putIpv4(text, ip, 0) ? ip : null;
  }

  /**
   * RFC 4291 2.2: groups, one {@code ::}, and an IPv4 address in the place of the last two.
   *
   * @return 16 bytes, null if it is no such address
   */
  public static byte @Nullable [] parseIpv6(String text) {
    byte[] ip = new byte[IPV6];
    int filled = 0;
    int gap = NOWHERE;
    int at = 0;
    if (text.startsWith("::")) {
      gap = 0;
      at = 2;
    }
    while (at < text.length()) {
      int colon = text.indexOf(':', at);
      boolean last = colon < 0;
      String group = last ? text.substring(at) : text.substring(at, colon);
      if (last && group.indexOf('.') >= 0) {
        if (filled > IPV6 - IPV4 || !putIpv4(group, ip, filled)) {
          return null;
        }
        filled += IPV4;
        break;
      }
      int value = group(group);
      if (filled == IPV6 || value < 0) {
        return null;
      }
      ip[filled++] = (byte) (value >> 8);
      ip[filled++] = (byte) value;
      if (last) {
        break;
      }
      at = colon + 1;
      if (at == text.length()) {
        return null; // ends with a single colon
      }
      if (text.charAt(at) == ':') {
        if (gap != NOWHERE) {
          return null;
        }
        gap = filled;
        at++;
      }
    }
    return filledUp(ip, filled, gap);
  }

  private static byte @Nullable [] filledUp(byte[] ip, int filled, int gap) {
    if (gap == NOWHERE) {
      return filled == IPV6 ? ip : null;
    }
    if (filled == IPV6) {
      return null;
    }
    System.arraycopy(ip, gap, ip, IPV6 - (filled - gap), filled - gap);
    Arrays.fill(ip, gap, gap + IPV6 - filled, (byte) 0);
    return ip;
  }

  private static boolean putIpv4(String text, byte[] ip, int at) {
    String[] numbers = text.split("\\.", -1);
    if (numbers.length != IPV4) {
      return false;
    }
    for (int i = 0; i < IPV4; i++) {
      int number = decimal(numbers[i], 255);
      if (number < 0) {
        return false;
      }
      ip[at + i] = (byte) number;
    }
    return true;
  }

  /**
   * A decimal number without leading zeros.
   *
   * @return the number, -1 if it is none or above the limit
   */
  public static int decimal(String text, int limit) {
    int length = text.length();
    if (length == 0 || length > 5 || length > 1 && text.charAt(0) == '0') {
      return -1;
    }
    int value = 0;
    for (int i = 0; i < length; i++) {
      char c = text.charAt(i);
      if (c < '0' || c > '9') {
        return -1;
      }
      value = value * 10 + c - '0';
    }
    return value <= limit ? value : -1;
  }

  /** One to four hexadecimal digits, -1 if they are none. */
  private static int group(String text) {
    if (text.isEmpty() || text.length() > 4) {
      return -1;
    }
    int value = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int digit = c < 0x80 ? Character.digit(c, 16) : -1;
      if (digit < 0) {
        return -1;
      }
      value = value << 4 | digit;
    }
    return value;
  }
}
