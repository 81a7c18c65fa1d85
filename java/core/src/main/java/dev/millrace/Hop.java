// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.IpLiteral;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * What one proxy says of the connection that it got.
 *
 * @param source who made it; null if that is not said, or hidden
 * @param scheme of the request; null if that is not said
 * @param host that the request was for; null if that is not said
 */
record Hop(@Nullable InetSocketAddress source, @Nullable String scheme, @Nullable String host) {

  private static final int MAX_PORT = 65_535;

  /**
   * The address in a node of RFC 7239 6, and in what {@code X-Forwarded-For} holds: IPv6 also
   * without brackets there, if no port follows. A port that is hidden is 0.
   *
   * @return the address, null where the node is unknown, hidden or none
   */
  static @Nullable InetSocketAddress address(String node) {
    String ip = node;
    String port = null;
    int bracket = node.startsWith("[") ? node.indexOf(']') : -1;
    int colon = node.indexOf(':', Math.max(bracket, 0));
    if (bracket >= 0) {
      if (colon < 0 && bracket != node.length() - 1 || colon >= 0 && colon != bracket + 1) {
        return null;
      }
      ip = node.substring(1, bracket);
      port = colon < 0 ? null : node.substring(colon + 1);
    } else if (colon >= 0 && colon == node.lastIndexOf(':')) {
      ip = node.substring(0, colon);
      port = node.substring(colon + 1);
    }
    byte[] bytes = bracket >= 0 ? IpLiteral.parseIpv6(ip) : IpLiteral.parse(ip);
    int number = port == null ? 0 : port(port);
    return bytes == null || number < 0 ? null : address(bytes, number);
  }

  private static int port(String text) {
    return text.startsWith("_") ? 0 : IpLiteral.decimal(text, MAX_PORT);
  }

  private static InetSocketAddress address(byte[] ip, int port) {
    try {
      return new InetSocketAddress(InetAddress.getByAddress(ip), port);
    } catch (UnknownHostException e) {
      throw new IllegalStateException("4 and 16 bytes are the lengths of addresses", e);
    }
  }
}
