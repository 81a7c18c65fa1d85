// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.io.IOException;

/** Is told what becomes of an {@link Attempt}, on the thread of its loop. Must not throw. */
public interface AttemptListener {

  /**
   * The socket is connected: ask.
   *
   * @param attempt the attempt
   */
  void onConnected(Attempt attempt);

  /**
   * A response head came that keeps to HTTP's syntax and to the limits of {@link
   * dev.millrace.Limits#maxHeaderBytes()}.
   *
   * @param attempt to open, to ask again, or to cancel
   * @param head the response
   */
  void onResponse(Attempt attempt, ResponseHead head);

  /**
   * It came to nothing; the last call.
   *
   * @param attempt the attempt
   * @param failure a {@link java.net.ConnectException} with the system's words, a {@link
   *     java.net.SocketTimeoutException} that says what took too long and its limit, a {@link
   *     java.net.ProtocolException} for a malformed response, or another
   */
  void onFailed(Attempt attempt, IOException failure);
}
