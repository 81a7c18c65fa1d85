// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.SocketAddress;
import java.util.Optional;

/** The handshake of a client behind a proxy. */
final class ProxiedHandshake extends ForwardingHandshake {
  private final PlainHandshake direct;

  /**
   * A handshake.
   *
   * @param direct the same request as its proxy's, for an address that is kept as its bytes
   */
  ProxiedHandshake(Handshake kept, PlainHandshake direct) {
    super(kept);
    this.direct = direct;
  }

  @Override
  public Optional<SocketAddress> proxyAddress() {
    return Optional.of(direct.remoteAddress());
  }

  @Override
  public String toString() {
    return super.toString() + "[proxyAddress=" + direct.remoteAddress() + "]";
  }
}
