// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.SocketAddress;
import java.security.Principal;
import java.util.Map;
import java.util.Optional;

/**
 * The handshake of a peer that has proved who it is; the many that have not keep no room for it.
 */
record IdentifiedHandshake(Handshake kept, Principal identity) implements Handshake {

  @Override
  public String path() {
    return kept.path();
  }

  @Override
  public Optional<String> query() {
    return kept.query();
  }

  @Override
  public Map<String, String> parameters() {
    return kept.parameters();
  }

  @Override
  public Optional<String> header(String name) {
    return kept.header(name);
  }

  @Override
  public Optional<String> subprotocol() {
    return kept.subprotocol();
  }

  @Override
  public Map<String, Object> attributes() {
    return kept.attributes();
  }

  @Override
  public SocketAddress remoteAddress() {
    return kept.remoteAddress();
  }

  @Override
  public Optional<Principal> peer() {
    return Optional.of(identity);
  }
}
