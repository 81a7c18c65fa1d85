// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.Handshake;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A handshake that holds a place, and may name its peer. */
record CountedHandshake(Runnable onRelease, @Nullable String peerName)
    implements Handshake, Admission, NamedPeer {

  @Override
  public void release() {
    onRelease.run();
  }

  @Override
  public @Nullable String loggedPeer() {
    return peerName;
  }

  @Override
  public String path() {
    return "/counted";
  }

  @Override
  public Optional<String> query() {
    return Optional.empty();
  }

  @Override
  public Map<String, String> parameters() {
    return Map.of();
  }

  @Override
  public Optional<String> header(String name) {
    return Optional.empty();
  }

  @Override
  public Optional<String> subprotocol() {
    return Optional.empty();
  }

  @Override
  public Map<String, Object> attributes() {
    return Map.of();
  }

  @Override
  public SocketAddress remoteAddress() {
    return new InetSocketAddress("127.0.0.1", 1);
  }
}
