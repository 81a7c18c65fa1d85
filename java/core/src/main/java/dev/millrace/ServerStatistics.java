// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Objects;

/** What a {@link Server} has done: see {@link Statistics}. */
public final class ServerStatistics extends Statistics {

  /** An empty object, for {@link Server#statistics(ServerStatistics)}. */
  public ServerStatistics() {}

  /**
   * Requests for a WebSocket, by what became of them.
   *
   * @param result of which kind
   * @return how many
   */
  public long upgraded(UpgradeResult result) {
    return upgrades(Objects.requireNonNull(result, "result"));
  }

  /**
   * What has happened between an earlier snapshot and this one. What is no count, such as {@link
   * #connections()} or {@link #queuedBytes()}, is this one's.
   *
   * @param earlier a snapshot of the same server
   * @return a new object
   * @throws IllegalArgumentException if it is a later one, or one of another number of loops
   */
  public ServerStatistics since(ServerStatistics earlier) {
    ServerStatistics difference = new ServerStatistics();
    difference.setToDifference(this, earlier);
    return difference;
  }
}
