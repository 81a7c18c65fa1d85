// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.LogText;
import java.security.Principal;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** The handshake of a peer that has proved who it is. */
final class IdentifiedHandshake extends ForwardingHandshake {
  private final Principal identity;
  private final UnaryOperator<String> redaction;

  /**
   * A handshake.
   *
   * @param redaction makes of the peer's name what logs may show
   */
  IdentifiedHandshake(Handshake kept, Principal identity, UnaryOperator<String> redaction) {
    super(kept);
    this.identity = identity;
    this.redaction = redaction;
  }

  @Override
  public Optional<Principal> peer() {
    return Optional.of(identity);
  }

  @Override
  public String loggedPeer() {
    return loggedName(identity, redaction);
  }

  /** The name of a principal as a log line may show it. Never throws. */
  static String loggedName(Principal principal, UnaryOperator<String> redaction) {
    try {
      String name = Objects.requireNonNull(principal.getName(), "name of the principal");
      return LogText.of(Objects.requireNonNull(redaction.apply(name), "redacted name"));
    } catch (RuntimeException e) {
      // What could not be redacted is not shown.
      return "?";
    }
  }

  @Override
  public String toString() {
    return super.toString() + "[peer=" + loggedPeer() + "]";
  }
}
