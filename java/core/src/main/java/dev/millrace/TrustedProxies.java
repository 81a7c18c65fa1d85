// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Which proxies stand in front of a server, and how they say whose connection it is; see {@link
 * Server.Builder#trustProxies}. By default nobody is believed, and such headers have no effect.
 *
 * <pre>{@code
 * TrustedProxies.of("127.0.0.1", "10.0.0.0/8").withXForwarded()
 * }</pre>
 *
 * <p>Immutable: every {@code with} gives a new object.
 */
public final class TrustedProxies {

  /** How a proxy tells of its client in the request. */
  enum Headers {
    NONE,
    FORWARDED,
    X_FORWARDED
  }

  private static final TrustedProxies NONE =
      new TrustedProxies(List.of(), false, false, Headers.NONE);

  private final List<Network> networks;
  private final boolean unixSockets;
  private final boolean proxyProtocol;
  private final Headers headers;

  private TrustedProxies(
      List<Network> networks, boolean unixSockets, boolean proxyProtocol, Headers headers) {
    this.networks = networks;
    this.unixSockets = unixSockets;
    this.proxyProtocol = proxyProtocol;
    this.headers = headers;
  }

  /**
   * Nobody.
   *
   * @return the default
   */
  public static TrustedProxies none() {
    return NONE;
  }

  /**
   * Proxies by their addresses. Name no network that clients can connect from: whoever is in it can
   * say that he is anybody.
   *
   * @param networks addresses, or networks such as {@code 10.0.0.0/8} and {@code 2001:db8::/32}
   * @return proxies that are known, and not believed anything yet
   * @throws IllegalArgumentException if one is neither, or has bits behind its prefix
   */
  public static TrustedProxies of(String... networks) {
    return new TrustedProxies(
        Stream.of(networks).map(Network::parse).toList(), false, false, Headers.NONE);
  }

  /**
   * Counts whoever comes by a Unix socket among them.
   *
   * @return proxies that differ in this
   */
  public TrustedProxies withUnixSockets() {
    return new TrustedProxies(networks, true, proxyProtocol, headers);
  }

  /**
   * Takes the header of the PROXY protocol, version 1 or 2, in front of the first request. Every
   * connection of a trusted proxy must begin with one then, and no other may: 400 is the answer.
   * What is no such header, or one longer than 536 bytes, ends the connection without an answer.
   *
   * @return proxies that differ in this
   */
  public TrustedProxies withProxyProtocol() {
    return new TrustedProxies(networks, unixSockets, true, headers);
  }

  /**
   * Takes the {@code Forwarded} header (RFC 7239), in place of what {@link #withXForwarded} takes:
   * a proxy hands through the headers that it does not write itself, so that only those can be
   * believed which it does write. One that is not well-formed is answered with 400.
   *
   * @return proxies that differ in this
   */
  public TrustedProxies withForwarded() {
    return new TrustedProxies(networks, unixSockets, proxyProtocol, Headers.FORWARDED);
  }

  /**
   * Takes the headers {@code X-Forwarded-For}, {@code X-Forwarded-Proto} and {@code
   * X-Forwarded-Host}, in place of what {@link #withForwarded} takes.
   *
   * @return proxies that differ in this
   */
  public TrustedProxies withXForwarded() {
    return new TrustedProxies(networks, unixSockets, proxyProtocol, Headers.X_FORWARDED);
  }

  boolean hasProxyProtocol() {
    return proxyProtocol;
  }

  Headers headers() {
    return headers;
  }

  boolean trusts(SocketAddress address) {
    if (address instanceof UnixDomainSocketAddress) {
      return unixSockets;
    }
    InetAddress ip = address instanceof InetSocketAddress inet ? inet.getAddress() : null;
    return ip != null && networks.stream().anyMatch(network -> network.contains(ip));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TrustedProxies that
        && networks.equals(that.networks)
        && unixSockets == that.unixSockets
        && proxyProtocol == that.proxyProtocol
        && headers == that.headers;
  }

  @Override
  public int hashCode() {
    return Objects.hash(networks, unixSockets, proxyProtocol, headers);
  }

  @Override
  public String toString() {
    return "TrustedProxies[networks="
        + networks
        + ", unixSockets="
        + unixSockets
        + ", proxyProtocol="
        + proxyProtocol
        + ", headers="
        + headers
        + "]";
  }
}
