// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.net.SocketAddress;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What is kept of a request that had more than a path; absent parts are shared maps or null. */
record KeptHandshake(
    PlainHandshake plain,
    @Nullable String rawQuery,
    Map<String, String> parameters,
    Map<String, String> headers,
    @Nullable String chosenSubprotocol,
    Map<String, Object> attributes)
    implements Handshake {

  /** As much of it as there is something in. */
  Handshake compact() {
    boolean isPlain =
        rawQuery == null
            && chosenSubprotocol == null
            && parameters.isEmpty()
            && headers.isEmpty()
            && attributes.isEmpty();
    return isPlain ? plain : this;
  }

  @Override
  public String path() {
    return plain.path();
  }

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

  @Override
  public SocketAddress remoteAddress() {
    return plain.remoteAddress();
  }

  /** Query, headers and attributes may hold what is not for a log. */
  @Override
  public String toString() {
    return plain.toString();
  }
}
