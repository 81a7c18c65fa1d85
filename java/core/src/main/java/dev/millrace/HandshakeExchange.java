// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.List;

/**
 * One request of an opening handshake and its answer, as they were sent; see {@link
 * Client.Builder#onExchange}. The request may hold credentials.
 *
 * @param request the request line and the fields
 * @param response the status line and the fields
 */
public record HandshakeExchange(List<String> request, List<String> response) {

  /**
   * An exchange; see the type for its parts.
   *
   * @param request the request line and the fields
   * @param response the status line and the fields
   */
  public HandshakeExchange {
    request = List.copyOf(request);
    response = List.copyOf(response);
  }
}
