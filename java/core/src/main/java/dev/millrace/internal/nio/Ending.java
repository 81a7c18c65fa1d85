// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.CloseCode;
import dev.millrace.internal.protocol.ProtocolError;
import dev.millrace.internal.spi.CloseReasons;
import dev.millrace.internal.spi.Errno;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** What a stream will say of its end. */
final class Ending {
  int closeCode = CloseCode.ABNORMAL_CLOSURE;
  ProtocolError error = ProtocolError.NONE;
  int errno;
  @Nullable IOException failure;
  boolean peerBegan;
  boolean closeReceived;
  boolean timedOut;

  /** The socket is broken: what it broke of first is told. */
  void broke(IOException broken) {
    if (failure == null) {
      failure = broken;
      errno = Errno.of(broken);
    }
  }

  boolean isBroken() {
    return failure != null;
  }

  /** The same for its connection. */
  CloseReasons.End seen() {
    return new CloseReasons.End(
        closeCode,
        error.number(),
        errno,
        failure == null ? Errno.failure(errno) : failure,
        peerBegan,
        timedOut);
  }
}
