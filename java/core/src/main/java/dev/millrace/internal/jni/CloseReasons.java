// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.jni;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.internal.ring.Records;
import java.net.SocketTimeoutException;
import org.jspecify.annotations.Nullable;

/** What the core reports of an end, in the words of the API. */
final class CloseReasons {
  private CloseReasons() {}

  /** How a closing handshake begins that the peer, or a rule it broke, has begun. */
  static CloseReason begun(int answer, int protocolError, String peerReason) {
    if (protocolError != 0) {
      return new CloseReason(
          answer, ProtocolErrors.sentence(protocolError), CloseReason.Initiator.LOCAL, null);
    }
    int code = answer == 0 ? CloseCode.NO_STATUS_RECEIVED : answer;
    return new CloseReason(code, peerReason, CloseReason.Initiator.PEER, null);
  }

  /** How a connection has ended; {@code begun} is how its closing handshake began, if it did. */
  static CloseReason ended(
      @Nullable CloseReason begun, int code, int protocolError, int errno, int flags) {
    if (protocolError != 0) {
      return new CloseReason(
          code, ProtocolErrors.sentence(protocolError), CloseReason.Initiator.LOCAL, null);
    }
    if ((flags & Records.PEER_BEGAN) != 0) {
      String text =
          begun != null && begun.initiator() == CloseReason.Initiator.PEER ? begun.text() : "";
      return new CloseReason(code, text, CloseReason.Initiator.PEER, null);
    }
    if (begun != null) {
      // The code is what we said; the cause tells that the peer may not have heard it, nor all that
      // was sent before.
      Throwable cause =
          errno == 0 && (flags & Records.TIMED_OUT) != 0
              ? new SocketTimeoutException(broken(errno, flags))
              : Errno.failure(errno);
      return new CloseReason(begun.code(), begun.text(), begun.initiator(), cause);
    }
    return new CloseReason(
        code,
        broken(errno, flags),
        // The core cuts the connection that holds most when no memory is left.
        errno == Errno.ENOMEM ? CloseReason.Initiator.LOCAL : CloseReason.Initiator.NETWORK,
        Errno.failure(errno));
  }

  private static String broken(int errno, int flags) {
    if (errno != 0) {
      return Errno.text(errno);
    }
    return (flags & Records.TIMED_OUT) != 0
        ? "the peer did not answer in time"
        : "the connection ended without a Close frame";
  }
}
