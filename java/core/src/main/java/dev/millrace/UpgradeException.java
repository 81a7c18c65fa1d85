// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/**
 * A server did not accept a client's opening handshake. Only ever the failure of the future of
 * {@link Client#connect}.
 */
public class UpgradeException extends MillraceException {

  private static final long serialVersionUID = 1L;

  private final int status;

  /**
   * A refused handshake.
   *
   * @param status the HTTP status of the answer
   * @param message what the server said
   */
  public UpgradeException(int status, String message) {
    super(message);
    this.status = status;
  }

  /**
   * The HTTP status of the answer, such as 401 or 404.
   *
   * @return the status
   */
  public int status() {
    return status;
  }
}
