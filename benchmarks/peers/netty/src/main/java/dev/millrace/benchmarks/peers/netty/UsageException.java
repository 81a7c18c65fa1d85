// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import java.io.Serial;

/** A command line that cannot be obeyed; the message is one line for the person who wrote it. */
final class UsageException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  UsageException(String message) {
    super(message);
  }
}
