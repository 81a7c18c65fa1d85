// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * What the header of the PROXY protocol said that a connection began with.
 *
 * @param source the client; null where the proxy speaks for itself (LOCAL) or does not know
 */
public record ProxiedAddress(@Nullable SocketAddress source) {

  /** The proxy speaks for itself, or does not know the client. */
  public static final ProxiedAddress UNKNOWN = new ProxiedAddress(null);

  /** A client of a Unix socket; its name is not kept. */
  public static final ProxiedAddress LOCAL = new ProxiedAddress(UnixDomainSocketAddress.of(""));

  /**
   * A client of TCP.
   *
   * @param ip 4 or 16 bytes in network order
   * @param port 0 to 65535
   * @return what names it
   */
  public static ProxiedAddress of(byte[] ip, int port) {
    try {
      return new ProxiedAddress(new InetSocketAddress(InetAddress.getByAddress(ip), port));
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException("no address: length=" + ip.length, e);
    }
  }
}
