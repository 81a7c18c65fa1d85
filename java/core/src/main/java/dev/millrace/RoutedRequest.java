// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.RequestHead;
import java.net.SocketAddress;
import java.security.Principal;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A request together with what the router found in its path. */
record RoutedRequest(RequestHead head, Map<String, String> parameters, Provenance provenance)
    implements UpgradeRequest {

  @Override
  public String path() {
    return head.path();
  }

  @Override
  public Optional<String> query() {
    return Optional.ofNullable(head.query());
  }

  @Override
  public Optional<String> header(String name) {
    return head.header(name);
  }

  @Override
  public List<String> headers(String name) {
    return head.headers(name);
  }

  @Override
  public List<String> subprotocols() {
    return head.headers("Sec-WebSocket-Protocol").stream()
        .flatMap(line -> List.of(line.split(",")).stream())
        .map(String::strip)
        .filter(HeaderFields::isToken)
        .distinct()
        .toList();
  }

  @Override
  public SocketAddress remoteAddress() {
    return provenance.client();
  }

  @Override
  public Optional<SocketAddress> proxyAddress() {
    return Optional.ofNullable(provenance.proxy());
  }

  /** A proxy has proved who it is itself, not who its clients are. */
  @Override
  public Optional<Principal> peer() {
    return provenance.proxy() == null ? head.peer() : Optional.empty();
  }
}
