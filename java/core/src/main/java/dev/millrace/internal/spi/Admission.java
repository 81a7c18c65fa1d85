// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/**
 * A place among the connections that a server counts. The handshake of a connection that holds one
 * is one: {@link AbstractConnection#deliverClose} gives it back.
 */
public interface Admission {

  /** The place of those that are not counted. */
  Admission UNCOUNTED = () -> {};

  /** Gives the place back. Only the first call counts. Any thread. */
  void release();
}
