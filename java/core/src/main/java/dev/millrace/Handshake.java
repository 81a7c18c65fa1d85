// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.SocketAddress;
import java.security.Principal;
import java.util.Map;
import java.util.Optional;

/**
 * What is kept of the opening handshake; see {@link Connection#handshake()}.
 *
 * <p>Little is kept, because a million idle connections keep it too: the path, the query if there
 * was one, the route's parameters, the subprotocol, the attributes given in {@link
 * Server.Builder#onUpgrade} and the headers named in {@link Server.Builder#keepHeaders}. Immutable;
 * any thread.
 */
public interface Handshake {

  /**
   * The path of the request as sent, percent-escapes included.
   *
   * @return the path, beginning with {@code /}
   */
  String path();

  /**
   * The query of the request as sent, without the {@code ?}.
   *
   * @return the query, empty if there was none
   */
  Optional<String> query();

  /**
   * The values of the route's {@code {parameters}}, decoded, in the route's order.
   *
   * @return an unmodifiable map, empty for a route without parameters
   */
  Map<String, String> parameters();

  /**
   * The value of one parameter.
   *
   * @param name the name between the braces of the route
   * @return its decoded value, never empty
   * @throws IllegalArgumentException if the route has no such parameter
   */
  default String parameter(String name) {
    String value = parameters().get(name);
    if (value == null) {
      throw new IllegalArgumentException(
          "no such parameter in the route: name=" + name + ", known=" + parameters().keySet());
    }
    return value;
  }

  /**
   * The value of a header named in {@link Server.Builder#keepHeaders}, or for a client's connection
   * of a header of the answer named in {@link Client.Builder#keepHeaders}.
   *
   * @param name a header name in any case
   * @return its first value, empty if it was not sent or is not kept
   */
  Optional<String> header(String name);

  /**
   * All that {@link #header} tells of.
   *
   * @return an unmodifiable map from names in lower case to their first values
   */
  default Map<String, String> headers() {
    return Map.of();
  }

  /**
   * The subprotocol the server chose.
   *
   * @return the subprotocol, empty if there is none
   */
  Optional<String> subprotocol();

  /**
   * What {@link Upgrade.Accepted#attribute} attached.
   *
   * @return an unmodifiable map
   */
  Map<String, Object> attributes();

  /**
   * One attribute, checked against its type.
   *
   * @param name the attribute's name
   * @param type the type it is expected to have
   * @param <T> the type it is expected to have
   * @return the attribute, empty if there is none of that name
   * @throws ClassCastException if it has another type
   */
  default <T> Optional<T> attribute(String name, Class<T> type) {
    return Optional.ofNullable(attributes().get(name)).map(type::cast);
  }

  /**
   * The client's address: an {@link java.net.InetSocketAddress}, or for a Unix socket a {@link
   * java.net.UnixDomainSocketAddress}, mostly unnamed. Behind {@link TrustedProxies} it is the one
   * that they name, with port 0 where they name none.
   *
   * @return the address; mostly an object made for this call, because a connection that nobody asks
   *     keeps but its bytes
   */
  SocketAddress remoteAddress();

  /**
   * The other end of the socket where that is not the client's: the {@link TrustedProxies trusted
   * proxy} that has handed the request on.
   *
   * @return its address, empty if the client has connected itself, or the proxy asks for itself
   */
  default Optional<SocketAddress> proxyAddress() {
    return Optional.empty();
  }

  /**
   * Who the peer has proved to be: what {@link Upgrade.Accepted#principal} was given, else for a
   * Unix socket a {@link UnixPeer}.
   *
   * @return the identity, empty if nothing was proved
   * @implNote Identity by TLS certificate is not in 0.1.0.
   */
  default Optional<Principal> peer() {
    return Optional.empty();
  }
}
