// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.SocketAddress;
import java.security.Principal;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A client's opening handshake, for {@link Server.Builder#onUpgrade} to judge. The engine has
 * checked that it is well formed (RFC 6455 4.2.1), the router has found its route, and its origin
 * is allowed. Immutable; any thread.
 */
public interface UpgradeRequest {

  /**
   * The path as sent, percent-escapes included.
   *
   * @return the path, beginning with {@code /}
   */
  String path();

  /**
   * The query as sent, without the {@code ?}.
   *
   * @return the query, empty if there was none
   */
  Optional<String> query();

  /**
   * The values of the route's {@code {parameters}}, decoded.
   *
   * @return an unmodifiable map in the route's order
   */
  Map<String, String> parameters();

  /**
   * The first value of a header.
   *
   * @param name its name in any case
   * @return the value without surrounding blanks, in ISO-8859-1; empty if it was not sent
   */
  Optional<String> header(String name);

  /**
   * Every value of a header, one for each line it was sent on.
   *
   * @param name its name in any case
   * @return the values in order, empty if it was not sent
   */
  List<String> headers(String name);

  /**
   * The subprotocols the client offers, in its order of preference (RFC 6455 4.1).
   *
   * @return what {@link Upgrade.Accepted#subprotocol} may choose from; may be empty
   */
  List<String> subprotocols();

  /**
   * The client's address, as in {@link Handshake#remoteAddress()}.
   *
   * @return the address
   */
  SocketAddress remoteAddress();

  /**
   * The proxy that has handed the request on, as in {@link Handshake#proxyAddress()}.
   *
   * @return its address, empty if the client has connected itself
   */
  default Optional<SocketAddress> proxyAddress() {
    return Optional.empty();
  }

  /**
   * Who the peer has proved to be before the request: for a Unix socket a {@link UnixPeer}, unless
   * it is that of a proxy.
   *
   * @return the identity, empty if nothing was proved
   */
  Optional<Principal> peer();
}
