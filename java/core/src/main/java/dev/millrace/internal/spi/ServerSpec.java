// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Compression;
import dev.millrace.Limits;
import dev.millrace.ProtocolRule;
import dev.millrace.SocketOptions;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * What the API hands to an engine.
 *
 * @param listen the addresses, at least one
 * @param loops how many loops, at least 1
 * @param limits what is allowed
 * @param socketOptions what the system is asked for when listening
 * @param compression how messages are compressed where that was agreed on
 * @param relaxed the rules that are not enforced
 * @param proxyProtocol whether connections may begin with a header of the PROXY protocol
 * @param dispatcher decides what a request becomes; called on loop threads, several at once
 */
public record ServerSpec(
    List<ListenAddress> listen,
    int loops,
    Limits limits,
    SocketOptions socketOptions,
    Compression compression,
    Set<ProtocolRule> relaxed,
    boolean proxyProtocol,
    RequestDispatcher dispatcher) {

  /** The most loops that an engine must take. */
  public static final int MAX_LOOPS = 256;

  /** The most listeners that an engine must take. */
  public static final int MAX_LISTENERS = 64;

  /**
   * Checks the parts.
   *
   * @throws IllegalArgumentException if a number is out of range
   */
  public ServerSpec {
    listen = List.copyOf(listen);
    relaxed = Set.copyOf(relaxed);
    Objects.requireNonNull(limits, "limits");
    Objects.requireNonNull(socketOptions, "socketOptions");
    Objects.requireNonNull(compression, "compression");
    Objects.requireNonNull(dispatcher, "dispatcher");
    if (listen.isEmpty() || listen.size() > MAX_LISTENERS) {
      throw new IllegalArgumentException(
          "listeners out of range: count=" + listen.size() + ", limits=1.." + MAX_LISTENERS);
    }
    if (loops < 1 || loops > MAX_LOOPS) {
      throw new IllegalArgumentException(
          "loops out of range: loops=" + loops + ", limits=1.." + MAX_LOOPS);
    }
  }
}
