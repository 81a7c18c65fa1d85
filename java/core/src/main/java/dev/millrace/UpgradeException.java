// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.time.Duration;

/**
 * A server, or the proxy before it, did not accept a client's opening handshake. The failure of the
 * future of {@link Client#connect}, and thrown by {@link Client#open}. The body of the answer is
 * not read.
 */
public class UpgradeException extends MillraceException {

  private static final long serialVersionUID = 1L;

  private final int status;

  private final Duration retryAfter;

  /**
   * A refused handshake.
   *
   * @param status the HTTP status of the answer
   * @param message what the server said
   */
  public UpgradeException(int status, String message) {
    this(status, message, Duration.ZERO);
  }

  UpgradeException(int status, String message, Duration retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** How long the server asks to be left alone; zero if it does not. */
  Duration retryAfter() {
    return retryAfter;
  }

  /**
   * The HTTP status of the answer, such as 401 or 404; 101 if the answer claims to accept, but is
   * none to this handshake.
   *
   * @return the status
   */
  public int status() {
    return status;
  }
}
