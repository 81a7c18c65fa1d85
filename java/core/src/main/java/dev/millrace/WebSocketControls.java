// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;
import java.util.Optional;

/**
 * What only a WebSocket connection has; see {@link Connection#webSocket()}. Safe from any thread.
 *
 * <p>Implemented by the engines, not by applications.
 */
public interface WebSocketControls {

  /**
   * Sends a ping (RFC 6455 5.5.2). Pings of the peer are answered by the engine and never reach the
   * application.
   *
   * @return as of any send; a ping counts against the marks like a message
   */
  SendResult ping();

  /**
   * The time between the last ping and its pong.
   *
   * @return the round-trip time, empty before the first pong
   */
  Optional<Duration> roundTripTime();

  /**
   * The subprotocol agreed on in the opening handshake (RFC 6455 1.9).
   *
   * @return the subprotocol, empty if there is none
   */
  Optional<String> subprotocol();
}
