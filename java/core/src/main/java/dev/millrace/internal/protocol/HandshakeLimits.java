// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

/**
 * How long a request may be.
 *
 * @param maxRequestLine bytes before its CRLF; over it 414
 * @param maxHeaderBytes the whole head with its empty line; over it 431
 * @param maxHeaderCount fields; over it 431
 */
public record HandshakeLimits(int maxRequestLine, int maxHeaderBytes, int maxHeaderCount) {
  /** As many fields as every engine takes. */
  public static final int DEFAULT_HEADER_COUNT = 100;
}
