// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.SocketAddress;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What every connection keeps; absent parts are shared empty maps or null. */
record KeptHandshake(
    String path,
    @Nullable String rawQuery,
    Map<String, String> parameters,
    Map<String, String> headers,
    @Nullable String chosenSubprotocol,
    Map<String, Object> attributes,
    SocketAddress remoteAddress)
    implements Handshake {

  @Override
  public Optional<String> query() {
    return Optional.ofNullable(rawQuery);
  }

  @Override
  public Optional<String> header(String name) {
    return Optional.ofNullable(headers.get(name.toLowerCase(Locale.ROOT)));
  }

  @Override
  public Optional<String> subprotocol() {
    return Optional.ofNullable(chosenSubprotocol);
  }
}
