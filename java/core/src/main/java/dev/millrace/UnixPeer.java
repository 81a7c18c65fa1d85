// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.security.Principal;

/**
 * The process at the other end of a Unix socket, as the kernel saw it when it connected ({@code
 * SO_PEERCRED}). It cannot be forged, so that {@code uid} and {@code gid} are fit to decide by:
 *
 * <pre>{@code
 * .onUpgrade(request ->
 *     request.peer().orElse(null) instanceof UnixPeer peer && peer.uid() == 1000
 *         ? Upgrade.accept()
 *         : Upgrade.reject(403, "not your socket"))
 * }</pre>
 *
 * <p>{@code pid} is fit for logs only: the process may have ended, its number may be another's by
 * now, and it may have passed the connection on. Users and groups that this process's user
 * namespace does not know show as the system's overflow ids, 65534 mostly.
 *
 * @param pid the process, 0 if it lives in a pid namespace that this process cannot see
 * @param uid its effective user
 * @param gid its effective group
 */
public record UnixPeer(int pid, long uid, long gid) implements Principal {

  /**
   * The user.
   *
   * @return such as {@code uid=1000}
   */
  @Override
  public String getName() {
    return "uid=" + uid;
  }
}
