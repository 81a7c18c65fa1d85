// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.jmh;

/** What a server has to know of an upgrade request; the origin is empty when there is none. */
record UpgradeFacts(String target, String host, String origin, String key) {}
