// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.ProxiedAddress;
import dev.millrace.internal.spi.RequestHead;
import java.net.SocketAddress;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where a request comes from, as far as it is known for certain or said by proxies that are
 * trusted.
 *
 * <pre>
 *   client ---- proxy ---- proxy ---- this server
 *          \          \         \____ the address at the other end of the socket
 *           \          \_____________ named by the PROXY header, or the last value of a header
 *            \_______________________ named by the value before that
 * </pre>
 *
 * <p>The way is followed back from the socket: whoever is trusted is believed whose connection he
 * hands on, and the first who is not trusted is the client. What stands further to the left was
 * written by him, and is not looked at. Where a trusted proxy does not say it, or hides it, it
 * stands for its client.
 *
 * @param client the first who is not a trusted proxy
 * @param proxy the other end of the socket, null if that is the client
 * @param scheme in which the client made the request; null if nobody says it
 * @param authority that it was made for
 */
record Provenance(
    SocketAddress client,
    @Nullable SocketAddress proxy,
    @Nullable String scheme,
    Optional<String> authority) {

  /** The most proxies behind one another: more is a mistake, or somebody who wants us to work. */
  static final int MAX_HOPS = 100;

  /** A request that does not come as the server's proxies send it. */
  static final class MalformedException extends Exception {
    private static final long serialVersionUID = 1L;

    MalformedException(String sentence) {
      super(sentence, null, false, false);
    }
  }

  /**
   * Follows a request back.
   *
   * @throws MalformedException with a sentence for the client, if it cannot be told
   */
  static Provenance of(RequestHead head, TrustedProxies proxies) throws MalformedException {
    SocketAddress socket = head.remote();
    boolean trusted = proxies.trusts(socket);
    ProxiedAddress proxied = head.proxied();
    if (proxies.hasProxyProtocol() && trusted != (proxied != null)) {
      throw new MalformedException(
          trusted ? "a PROXY header is missing" : "a PROXY header is not taken from here");
    }
    if (!trusted) {
      return new Provenance(socket, null, null, head.authority());
    }
    SocketAddress named = proxied == null ? null : proxied.source();
    return follow(head, proxies, socket, named == null ? socket : named);
  }

  private static Provenance follow(
      RequestHead head, TrustedProxies proxies, SocketAddress socket, SocketAddress from)
      throws MalformedException {
    ForwardedChain chain = ForwardedChain.of(head, proxies.headers());
    SocketAddress client = from;
    String scheme = null;
    String host = null;
    for (int hops = 0; proxies.trusts(client); hops++) {
      Hop hop = chain.previous();
      if (hop == null) {
        break;
      }
      if (hops == MAX_HOPS) {
        throw new MalformedException("too many proxies");
      }
      scheme = hop.scheme();
      host = hop.host();
      if (hop.source() == null) {
        break;
      }
      client = hop.source();
    }
    return new Provenance(
        client,
        client == socket ? null : socket,
        scheme,
        host == null ? head.authority() : Optional.of(host));
  }
}
