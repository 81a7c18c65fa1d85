// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/** What became of a request for a WebSocket; {@link ServerStatistics} counts them. */
public enum UpgradeResult {
  /** Answered with 101: the connection was opened. */
  ACCEPTED,
  /**
   * No request, or upgrade, that the protocol knows, also one for a page, or a plain request for
   * the path of a WebSocket; answered with 400, 405, 414, 426, 431 or 505.
   */
  MALFORMED,
  /** No WebSocket at that path; 404. */
  NOT_FOUND,
  /** From a page of an origin that is not allowed; 403. */
  ORIGIN,
  /** Over {@link Limits#maxConnectionsPerRoute()}; 503. */
  ROUTE_LIMIT,
  /** Over {@link Limits#maxConnectionsPerAddress()}; 503. */
  ADDRESS_LIMIT,
  /** Over {@link Limits#maxUpgradesPerSecond()}; 503. */
  RATE_LIMIT,
  /** Over {@link Limits#maxConnections()}, or while the server shut down; 503. */
  FULL,
  /** {@link Server.Builder#onUpgrade} said no, with a status of its own. */
  REJECTED,
  /** The decision of {@link Server.Builder#onUpgradeAsync} came too late; 503. */
  TIMED_OUT,
  /** The application failed to decide, or to give a handler; 500. */
  FAILED
}
