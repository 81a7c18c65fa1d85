// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Client.Builder} was told and the engine need not know.
 *
 * @param keptHeaders names in lower case; {@code *} keeps all
 * @param exchanges is told of every request and its answer, or null
 */
record ClientOptions(
    Reconnect reconnect,
    SocketOptions socketOptions,
    HandlerExecutor executor,
    Duration connectTimeout,
    int maxRedirects,
    @Nullable HttpProxy proxy,
    Set<String> keptHeaders,
    @Nullable Consumer<HandshakeExchange> exchanges) {

  ClientOptions {
    keptHeaders = Set.copyOf(keptHeaders);
  }

  ClientOptions withExecutor(HandlerExecutor other) {
    return new ClientOptions(
        reconnect,
        socketOptions,
        other,
        connectTimeout,
        maxRedirects,
        proxy,
        keptHeaders,
        exchanges);
  }
}
