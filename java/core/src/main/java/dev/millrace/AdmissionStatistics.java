// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Map;

/**
 * How a server stands to its limits of connections: a snapshot, taken while requests come and go.
 *
 * @param connections how many are open
 * @param connectionsByRoute how many each route holds that holds any, by its pattern, those
 *     included that are still decided on; empty without {@link Limits#maxConnectionsPerRoute()}
 * @param addresses how many remote addresses hold connections; 0 without {@link
 *     Limits#maxConnectionsPerAddress()}
 * @param refusedByRoute upgrades that {@link Limits#maxConnectionsPerRoute()} has refused
 * @param refusedByAddress upgrades that {@link Limits#maxConnectionsPerAddress()} has refused
 * @param refusedByRate upgrades that {@link Limits#maxUpgradesPerSecond()} has refused
 */
public record AdmissionStatistics(
    int connections,
    Map<String, Integer> connectionsByRoute,
    int addresses,
    long refusedByRoute,
    long refusedByAddress,
    long refusedByRate) {}
