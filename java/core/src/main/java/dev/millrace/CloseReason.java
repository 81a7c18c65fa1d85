// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How a connection ended.
 *
 * @param code the code of the Close frame that began it; {@link CloseCode#NO_STATUS_RECEIVED} if
 *     that frame had none, {@link CloseCode#ABNORMAL_CLOSURE} if the connection ended without one
 * @param text the reason given in the Close frame, or a sentence about what went wrong; may be
 *     empty, and is the peer's word if the peer began
 * @param initiator who began to close
 * @param cause what failed, such as the {@link java.io.IOException} of a connection that was reset,
 *     or what a handler threw; null for an orderly end
 */
public record CloseReason(int code, String text, Initiator initiator, @Nullable Throwable cause) {

  /** Who began to close. */
  public enum Initiator {
    /** This side: the application, the server's shutdown, or the engine over a broken rule. */
    LOCAL,
    /** The peer, with a Close frame. */
    PEER,
    /** Neither: the connection broke, or ended without a Close frame. */
    NETWORK
  }

  /**
   * A reason; see the type for its parts.
   *
   * @param code the close code
   * @param text a sentence, may be empty
   * @param initiator who began
   * @param cause what failed, or null
   */
  public CloseReason {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(initiator, "initiator");
  }

  /**
   * Whether both sides closed in order: a Close frame was exchanged in time, and not over an error.
   *
   * @return true for {@link CloseCode#NORMAL_CLOSURE}, {@link CloseCode#GOING_AWAY} and {@link
   *     CloseCode#NO_STATUS_RECEIVED}, unless there is a cause
   */
  public boolean isNormal() {
    boolean orderly =
        code == CloseCode.NORMAL_CLOSURE
            || code == CloseCode.GOING_AWAY
            || code == CloseCode.NO_STATUS_RECEIVED;
    return orderly && cause == null;
  }
}
