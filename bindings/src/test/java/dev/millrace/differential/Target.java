// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

import java.net.UnixDomainSocketAddress;
import org.jspecify.annotations.Nullable;

/** A server that gets every stream. */
interface Target extends AutoCloseable {

  String name();

  UnixDomainSocketAddress address();

  /** Whether each connection that was accepted leaves a log. */
  boolean tellsEvents();

  /** The log of a connection that has ended, null if there is none yet. */
  byte @Nullable [] nextLog();

  /** Bytes that the server has read, or -1 if it does not tell. */
  long bytesReceived();

  @Override
  void close();
}
