// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Compression;
import dev.millrace.Limits;
import dev.millrace.ProtocolRule;
import dev.millrace.internal.protocol.HandshakeLimits;
import dev.millrace.internal.protocol.Relaxed;
import dev.millrace.internal.spi.ClientSpec;
import dev.millrace.internal.spi.RequestDispatcher;
import dev.millrace.internal.spi.ServerSpec;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a loop needs to know of the server or the client that it belongs to.
 *
 * @param limits what peers may send
 * @param maxConnections how many there may be on all loops
 * @param compression how messages are compressed where that was agreed on
 * @param relaxed the rules that are not enforced, as bits of {@link Relaxed}
 * @param takesProxyHeaders whether a PROXY header may stand before a request
 * @param dispatcher who answers requests; null for a client
 */
record LoopSpec(
    Limits limits,
    int maxConnections,
    Compression compression,
    int relaxed,
    boolean takesProxyHeaders,
    @Nullable RequestDispatcher dispatcher) {
  /** Besides the connections that a server may have there are those that still shake hands. */
  private static final int MIN_HANDSHAKES = 64;

  private static final int MOST_SOCKETS = 1 << 22;

  static LoopSpec of(ServerSpec spec) {
    return new LoopSpec(
        spec.limits(),
        spec.limits().maxConnections(),
        spec.compression(),
        bits(spec.relaxed()),
        spec.proxyProtocol(),
        spec.dispatcher());
  }

  static LoopSpec of(ClientSpec spec) {
    return new LoopSpec(
        spec.limits(), Integer.MAX_VALUE, spec.compression(), bits(spec.relaxed()), false, null);
  }

  private static int bits(Set<ProtocolRule> rules) {
    return rules.stream().mapToInt(rule -> 1 << rule.ordinal()).sum();
  }

  boolean isClient() {
    return dispatcher == null;
  }

  /** Whose loops they are, in a message. */
  String owner() {
    return isClient() ? "client" : "server";
  }

  String threadName(int index) {
    return (isClient() ? "millrace-client-" : "millrace-loop-") + index;
  }

  /** How many sockets a loop serves at once. */
  int maxSockets() {
    long sockets = maxConnections + (long) Math.max(MIN_HANDSHAKES, maxConnections / 4);
    return (int) Math.min(MOST_SOCKETS, sockets);
  }

  HandshakeLimits handshakeLimits() {
    return new HandshakeLimits(
        limits.maxRequestLineBytes(),
        limits.maxHeaderBytes(),
        HandshakeLimits.DEFAULT_HEADER_COUNT);
  }
}
