// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/** What a {@link Client} has done: see {@link Statistics}. */
public final class ClientStatistics extends Statistics {

  /** An empty object, for {@link Client#statistics(ClientStatistics)}. */
  public ClientStatistics() {}

  /**
   * What has happened between an earlier snapshot and this one, as of {@link
   * ServerStatistics#since}.
   *
   * @param earlier a snapshot of the same client
   * @return a new object
   * @throws IllegalArgumentException if it is a later one, or one of another number of loops
   */
  public ClientStatistics since(ClientStatistics earlier) {
    ClientStatistics difference = new ClientStatistics();
    difference.setToDifference(this, earlier);
    return difference;
  }
}
