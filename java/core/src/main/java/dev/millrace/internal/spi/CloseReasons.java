// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import java.io.IOException;
import java.net.SocketTimeoutException;
import org.jspecify.annotations.Nullable;

/** What an engine knows of an end, in the words of the API. */
public final class CloseReasons {
  private CloseReasons() {}

  /**
   * How the last of a connection's socket was seen.
   *
   * @param code the close code that was said or received, 1006 where none was
   * @param protocolError the rule that the peer broke, 0 for none
   * @param errno what the socket died of, 0 for nothing
   * @param failure the same in the system's words, null for nothing
   * @param peerBegan whether the peer's Close came first
   * @param timedOut whether a deadline passed
   */
  public record End(
      int code,
      int protocolError,
      int errno,
      @Nullable IOException failure,
      boolean peerBegan,
      boolean timedOut) {}

  /**
   * How a closing handshake begins that the peer, or a rule it broke, has begun.
   *
   * @param answer the code to answer with, 0 for none
   * @param protocolError the rule that was broken, 0 for none
   * @param peerReason what the peer said
   * @return the reason so far
   */
  public static CloseReason begun(int answer, int protocolError, String peerReason) {
    if (protocolError != 0) {
      return new CloseReason(
          answer, ProtocolErrors.sentence(protocolError), CloseReason.Initiator.LOCAL, null);
    }
    int code = answer == 0 ? CloseCode.NO_STATUS_RECEIVED : answer;
    return new CloseReason(code, peerReason, CloseReason.Initiator.PEER, null);
  }

  /**
   * How a connection has ended.
   *
   * @param begun how its closing handshake began, null if it did not
   * @param end what its socket showed
   * @return what is told to the handler
   */
  public static CloseReason ended(@Nullable CloseReason begun, End end) {
    if (end.protocolError != 0) {
      return new CloseReason(
          end.code,
          ProtocolErrors.sentence(end.protocolError),
          CloseReason.Initiator.LOCAL,
          end.protocolError == ProtocolErrors.IDLE ? causeOf(end) : null);
    }
    if (end.peerBegan) {
      String text =
          begun != null && begun.initiator() == CloseReason.Initiator.PEER ? begun.text() : "";
      return new CloseReason(end.code, text, CloseReason.Initiator.PEER, null);
    }
    if (begun != null) {
      // The code is what we said; the cause tells that the peer may not have heard it, nor all that
      // was sent before.
      return new CloseReason(begun.code(), begun.text(), begun.initiator(), causeOf(end));
    }
    return new CloseReason(
        end.code,
        broken(end),
        // An engine cuts the connection that holds most when no memory is left.
        end.errno == Errno.ENOMEM ? CloseReason.Initiator.LOCAL : CloseReason.Initiator.NETWORK,
        end.failure);
  }

  private static @Nullable Throwable causeOf(End end) {
    return end.failure == null && end.timedOut
        ? new SocketTimeoutException(broken(end))
        : end.failure;
  }

  private static String broken(End end) {
    if (end.errno != 0) {
      return Errno.text(end.errno);
    }
    return end.timedOut
        ? "the peer did not answer in time"
        : "the connection ended without a Close frame";
  }
}
