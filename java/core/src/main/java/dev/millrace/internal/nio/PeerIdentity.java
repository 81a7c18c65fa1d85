// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.security.Principal;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;
import org.jspecify.annotations.Nullable;

/** Who is at the other end of a Unix socket, as far as the JDK tells. */
final class PeerIdentity {
  private PeerIdentity() {}

  /** The peer's user, by name; null where the system does not tell. */
  static @Nullable Principal of(SocketChannel local) {
    try {
      UnixDomainPrincipal peer = local.getOption(ExtendedSocketOptions.SO_PEERCRED);
      return peer == null ? null : peer.user();
    } catch (IOException | UnsupportedOperationException untold) {
      return null;
    } catch (LinkageError missing) {
      // A runtime that was linked without the module jdk.net.
      return null;
    }
  }
}
