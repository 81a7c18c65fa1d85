// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * One side of the opening handshake of a stream (RFC 6455 4), which has its socket until the
 * connection is open. Loop thread only.
 */
interface OpeningHandshake {
  /** What it waits for, as bits of {@link java.nio.channels.SelectionKey}. */
  int operations();

  /** The socket is ready for that: one step. */
  void ready();

  /** The peer's FIN came, where {@link Stream#receive} would have brought bytes. */
  void finished();

  /** The time of {@link Stream#endIn} has passed. */
  void late();

  /** Whether the loop waits for it before it ends in order. */
  boolean isDecidedOn();

  /** The loop's orderly end begins. */
  void drain();

  /**
   * The stream has ended.
   *
   * @param errno why, 0 for nothing that the system has said
   * @param failure the same as it came; null where there is no exception
   */
  void drop(int errno, @Nullable IOException failure);
}
