// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.NamedPeer;
import java.net.SocketAddress;
import java.security.Principal;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A handshake with something besides, for which the many that have it not keep no room. */
abstract class ForwardingHandshake implements Handshake, NamedPeer {
  private final Handshake kept;

  ForwardingHandshake(Handshake kept) {
    this.kept = kept;
  }

  @Override
  public final String path() {
    return kept.path();
  }

  @Override
  public final Optional<String> query() {
    return kept.query();
  }

  @Override
  public final Map<String, String> parameters() {
    return kept.parameters();
  }

  @Override
  public final Optional<String> header(String name) {
    return kept.header(name);
  }

  @Override
  public final Map<String, String> headers() {
    return kept.headers();
  }

  @Override
  public final Optional<String> subprotocol() {
    return kept.subprotocol();
  }

  @Override
  public final Map<String, Object> attributes() {
    return kept.attributes();
  }

  @Override
  public final SocketAddress remoteAddress() {
    return kept.remoteAddress();
  }

  @Override
  public Optional<SocketAddress> proxyAddress() {
    return kept.proxyAddress();
  }

  @Override
  public Optional<Principal> peer() {
    return kept.peer();
  }

  @Override
  public @Nullable String loggedPeer() {
    return kept instanceof NamedPeer named ? named.loggedPeer() : null;
  }

  @Override
  public String toString() {
    return kept.toString();
  }
}
