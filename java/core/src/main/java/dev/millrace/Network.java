// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.IpLiteral;
import java.net.InetAddress;
import java.net.UnknownHostException;

/** Addresses that begin with the same bits (RFC 4632 3.1, RFC 4291 2.3). */
record Network(InetAddress address, int prefix) {

  /** What lies in front of an IPv4 address that is written as one of IPv6. */
  private static final int MAPPED_BITS = 96;

  /**
   * A network, or one address.
   *
   * @param text such as {@code 10.0.0.0/8}, {@code 2001:db8::/32} or {@code ::1}
   * @throws IllegalArgumentException if it is neither, or has bits behind its prefix
   */
  static Network parse(String text) {
    int slash = text.indexOf('/');
    byte[] ip = IpLiteral.parse(slash < 0 ? text : text.substring(0, slash));
    if (ip == null) {
      throw new IllegalArgumentException(
          "not a network: text=" + text + "; use ADDRESS or ADDRESS/PREFIX");
    }
    int bits = ip.length * Byte.SIZE;
    int prefix = slash < 0 ? bits : IpLiteral.decimal(text.substring(slash + 1), bits);
    if (prefix < 0) {
      throw new IllegalArgumentException(
          "prefix out of range: network=" + text + ", limits=0.." + bits);
    }
    InetAddress address = address(ip);
    int mapped = address.getAddress().length < ip.length ? MAPPED_BITS : 0;
    if (prefix < mapped || hasBitsBehind(ip, prefix)) {
      throw new IllegalArgumentException("bits are set behind the prefix: network=" + text);
    }
    return new Network(address, prefix - mapped);
  }

  private static InetAddress address(byte[] ip) {
    try {
      return InetAddress.getByAddress(ip);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("4 and 16 bytes are the lengths of addresses", e);
    }
  }

  private static boolean hasBitsBehind(byte[] ip, int prefix) {
    for (int bit = prefix; bit < ip.length * Byte.SIZE; bit++) {
      if ((ip[bit >> 3] & 0x80 >> (bit & 7)) != 0) {
        return true;
      }
    }
    return false;
  }

  boolean contains(InetAddress other) {
    byte[] own = address.getAddress();
    byte[] its = other.getAddress();
    if (own.length != its.length) {
      return false;
    }
    int whole = prefix >> 3;
    for (int i = 0; i < whole; i++) {
      if (own[i] != its[i]) {
        return false;
      }
    }
    int rest = prefix & 7;
    return rest == 0 || (own[whole] ^ its[whole]) >> Byte.SIZE - rest == 0;
  }

  @Override
  public String toString() {
    return address.getHostAddress() + "/" + prefix;
  }
}
