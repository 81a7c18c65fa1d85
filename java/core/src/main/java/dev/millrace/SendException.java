// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Objects;

/** Why the future of a {@link Connection#sendAsync(Lease) sendAsync} failed; never thrown. */
public final class SendException extends Exception {

  private static final long serialVersionUID = 1L;

  private final SendResult result;

  /**
   * A failure. It has no stack trace: it tells of the peer, not of a place in the program.
   *
   * @param result why; not {@link SendResult#ACCEPTED}
   */
  public SendException(SendResult result) {
    super("message not sent: result=" + Objects.requireNonNull(result), null, false, false);
    if (result == SendResult.ACCEPTED) {
      throw new IllegalArgumentException("an accepted message is no failure: result=" + result);
    }
    this.result = result;
  }

  /**
   * Why the message was not sent.
   *
   * @return {@link SendResult#REFUSED}, {@link SendResult#DROPPED} or {@link SendResult#CLOSED}
   */
  public SendResult result() {
    return result;
  }
}
