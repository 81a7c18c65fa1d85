// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Where a client connects to, and what it says there. Immutable: every {@code with} gives a new
 * object, and checks its value at once.
 */
public final class ConnectRequest {

  private final URI uri;
  private final Target target;
  private final Map<String, String> headers;
  private final List<String> subprotocols;

  private ConnectRequest(
      URI uri, Target target, Map<String, String> headers, List<String> subprotocols) {
    this.uri = uri;
    this.target = target;
    this.headers = headers;
    this.subprotocols = subprotocols;
  }

  /**
   * A request without further headers.
   *
   * @param uri {@code ws://HOST:PORT/PATH?QUERY}, where the port is 80 if it is left out; {@code
   *     ws+unix:///SOCKET:/PATH} for a Unix socket; {@code ws+unix:@NAME:/PATH} for one in Linux's
   *     abstract namespace; the path is {@code /} if it is left out. User information becomes a
   *     Basic {@code Authorization} header
   * @return the request
   * @throws IllegalArgumentException if it is none of these forms, or has a fragment (RFC 6455 3)
   */
  public static ConnectRequest to(URI uri) {
    Objects.requireNonNull(uri, "uri");
    return new ConnectRequest(uri, Target.of(uri), Map.of(), List.of());
  }

  /**
   * Goes elsewhere, with the same headers.
   *
   * @param uri as of {@link #to}
   * @return a request that differs in this
   * @throws IllegalArgumentException as {@link #to}
   */
  public ConnectRequest withUri(URI uri) {
    Objects.requireNonNull(uri, "uri");
    return new ConnectRequest(uri, Target.of(uri), headers, subprotocols);
  }

  /**
   * Adds a header, in place of an earlier one of that name.
   *
   * @param name an HTTP token, none of those that the handshake itself uses, {@code Host} among
   *     them
   * @param value visible characters of ISO-8859-1, blanks and tabs
   * @return a request that has it
   * @throws IllegalArgumentException if name or value may not stand in a request
   */
  public ConnectRequest withHeader(String name, String value) {
    return new ConnectRequest(
        uri, target, HeaderFields.withRequest(headers, name, value), subprotocols);
  }

  /**
   * Offers subprotocols; the server must choose one of them or none.
   *
   * @param subprotocols HTTP tokens, the preferred first, each once
   * @return a request that has them
   * @throws IllegalArgumentException if one is no token, or stands twice
   */
  public ConnectRequest withSubprotocols(String... subprotocols) {
    for (String subprotocol : subprotocols) {
      HeaderFields.requireToken("subprotocol", subprotocol);
    }
    List<String> offered = List.of(subprotocols);
    if (offered.stream().distinct().count() != offered.size()) {
      throw new IllegalArgumentException("subprotocol offered twice: subprotocols=" + offered);
    }
    return new ConnectRequest(uri, target, headers, offered);
  }

  Target target() {
    return target;
  }

  /**
   * Where it goes.
   *
   * @return the URI
   */
  public URI uri() {
    return uri;
  }

  /**
   * The further headers.
   *
   * @return an unmodifiable map in the order of their names
   */
  public Map<String, String> headers() {
    return headers;
  }

  /**
   * What is offered.
   *
   * @return the subprotocols, the preferred first
   */
  public List<String> subprotocols() {
    return subprotocols;
  }

  /** Neither query nor headers, which may be secrets. */
  @Override
  public String toString() {
    return "ConnectRequest[" + target + "]";
  }
}
