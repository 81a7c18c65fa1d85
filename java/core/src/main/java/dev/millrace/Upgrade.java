// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.security.Principal;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The answer to an {@link UpgradeRequest}: {@link #accept()} or {@link #reject}. Immutable: every
 * method that adds something gives a new object.
 */
public sealed interface Upgrade {

  /**
   * Accepts the request with 101.
   *
   * @return an answer to which a subprotocol, headers and attributes can be added
   */
  static Accepted accept() {
    return Accepted.PLAIN;
  }

  /**
   * Rejects the request; the connection ends after the answer.
   *
   * @param status an HTTP status from 300 to 599
   * @param text one sentence for the client, sent as plain text
   * @return an answer to which headers can be added, such as {@code WWW-Authenticate}
   * @throws IllegalArgumentException if the status is out of range
   */
  static Rejected reject(int status, String text) {
    return new Rejected(status, text, Map.of());
  }

  /** The request becomes a connection. */
  final class Accepted implements Upgrade {

    private static final Accepted PLAIN = new Accepted(null, Map.of(), Map.of(), null);

    private final @Nullable String subprotocol;
    private final Map<String, String> headers;
    private final Map<String, Object> attributes;
    private final @Nullable Principal principal;

    private Accepted(
        @Nullable String subprotocol,
        Map<String, String> headers,
        Map<String, Object> attributes,
        @Nullable Principal principal) {
      this.subprotocol = subprotocol;
      this.headers = headers;
      this.attributes = attributes;
      this.principal = principal;
    }

    /**
     * Chooses a subprotocol. It must be one that the client offers, see {@link
     * UpgradeRequest#subprotocols()}; otherwise the request is answered with 500 and that is logged
     * (RFC 6455 4.2.2 leaves no other choice).
     *
     * @param subprotocol the subprotocol
     * @return an answer that has it
     * @throws IllegalArgumentException if it is not an HTTP token
     */
    public Accepted subprotocol(String subprotocol) {
      HeaderFields.requireToken("subprotocol", subprotocol);
      return new Accepted(subprotocol, headers, attributes, principal);
    }

    /**
     * Adds a header to the response, in place of an earlier one of that name.
     *
     * @param name an HTTP token, none of those that the handshake itself uses
     * @param value visible characters of ISO-8859-1, blanks and tabs
     * @return an answer that has it
     * @throws IllegalArgumentException if name or value may not stand in a response
     */
    public Accepted header(String name, String value) {
      return new Accepted(
          subprotocol, HeaderFields.with(headers, name, value), attributes, principal);
    }

    /**
     * Gives the connection an attribute, see {@link Handshake#attributes()}.
     *
     * @param name its name
     * @param value any object
     * @return an answer that has it
     */
    public Accepted attribute(String name, Object value) {
      Objects.requireNonNull(name, "name");
      Objects.requireNonNull(value, "value");
      Map<String, Object> added = new LinkedHashMap<>(attributes);
      added.put(name, value);
      return new Accepted(subprotocol, headers, Collections.unmodifiableMap(added), principal);
    }

    /**
     * Says who the peer is, see {@link Handshake#peer()}; in place of what a Unix socket tells. The
     * name is shown where the connection is logged, as {@link Server.Builder#redactPrincipals} has
     * it.
     *
     * @param principal who the peer has proved to be; kept as long as the connection
     * @return an answer that has it
     */
    public Accepted principal(Principal principal) {
      Objects.requireNonNull(principal, "principal");
      return new Accepted(subprotocol, headers, attributes, principal);
    }

    /**
     * The chosen subprotocol.
     *
     * @return the subprotocol, empty if none was chosen
     */
    public Optional<String> subprotocol() {
      return Optional.ofNullable(subprotocol);
    }

    /**
     * The added headers.
     *
     * @return an unmodifiable map in the order of their names
     */
    public Map<String, String> headers() {
      return headers;
    }

    /**
     * The connection's attributes.
     *
     * @return an unmodifiable map in the order of their names
     */
    public Map<String, Object> attributes() {
      return attributes;
    }

    /**
     * Who the peer is.
     *
     * @return what {@link #principal(Principal)} was given, empty if it was not called
     */
    public Optional<Principal> principal() {
      return Optional.ofNullable(principal);
    }
  }

  /** The request is answered with an error, and the connection ends. */
  final class Rejected implements Upgrade {

    private final int status;
    private final String text;
    private final Map<String, String> headers;

    private Rejected(int status, String text, Map<String, String> headers) {
      if (status < 300 || status > 599) {
        throw new IllegalArgumentException(
            "status out of range: status=" + status + ", limits=300..599");
      }
      this.status = status;
      this.text = Objects.requireNonNull(text, "text");
      this.headers = headers;
    }

    /**
     * Adds a header to the response, in place of an earlier one of that name.
     *
     * @param name an HTTP token, none of those that the response itself uses
     * @param value visible characters of ISO-8859-1, blanks and tabs
     * @return an answer that has it
     * @throws IllegalArgumentException if name or value may not stand in a response
     */
    public Rejected header(String name, String value) {
      return new Rejected(status, text, HeaderFields.with(headers, name, value));
    }

    /**
     * The HTTP status.
     *
     * @return 300 to 599
     */
    public int status() {
      return status;
    }

    /**
     * The sentence for the client.
     *
     * @return the text
     */
    public String text() {
      return text;
    }

    /**
     * The added headers.
     *
     * @return an unmodifiable map in the order of their names
     */
    public Map<String, String> headers() {
      return headers;
    }
  }
}
