// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import org.jspecify.annotations.Nullable;

/** A handshake that may know the name of its peer. */
public interface NamedPeer {

  /**
   * The peer's name as it may stand in a log: redacted, on one line, of bounded length. Never
   * throws. Any thread.
   *
   * @return the name, null if the peer has none
   */
  @Nullable String loggedPeer();
}
