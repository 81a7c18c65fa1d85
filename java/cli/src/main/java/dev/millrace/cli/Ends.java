// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import java.util.Locale;

/** How a connection ended, in one line. */
final class Ends {
  private Ends() {}

  /**
   * Tells it.
   *
   * @param reason how it ended
   * @param wanted whether the user had asked for an end
   */
  static String tell(CloseReason reason, boolean wanted) {
    String code = reason.code() + name(reason.code());
    String text = text(reason);
    return switch (reason.initiator()) {
      case PEER -> "closed by the peer with " + code + text;
      case LOCAL -> (wanted ? "closed with " : "closed by this side with ") + code + text;
      case NETWORK -> "connection lost" + text;
    };
  }

  // What a Close frame said, or what failed; mostly one holds the other.
  private static String text(CloseReason reason) {
    Throwable cause = reason.cause();
    String why = cause == null || cause.getMessage() == null ? "" : cause.getMessage();
    String told = reason.text();
    if (told.isEmpty() || why.toLowerCase(Locale.ROOT).startsWith(told.toLowerCase(Locale.ROOT))) {
      told = why;
    } else if (!why.isEmpty()) {
      told += ": " + why;
    }
    return told.isEmpty() ? "" : ": " + told;
  }

  private static String name(int code) {
    return switch (code) {
      case CloseCode.NORMAL_CLOSURE -> " (normal closure)";
      case CloseCode.GOING_AWAY -> " (going away)";
      case CloseCode.PROTOCOL_ERROR -> " (protocol error)";
      case CloseCode.UNSUPPORTED_DATA -> " (unsupported data)";
      case CloseCode.NO_STATUS_RECEIVED -> " (no status received)";
      case CloseCode.ABNORMAL_CLOSURE -> " (abnormal closure)";
      case CloseCode.INVALID_FRAME_PAYLOAD_DATA -> " (invalid frame payload data)";
      case CloseCode.POLICY_VIOLATION -> " (policy violation)";
      case CloseCode.MESSAGE_TOO_BIG -> " (message too big)";
      case CloseCode.MANDATORY_EXTENSION -> " (mandatory extension)";
      case CloseCode.INTERNAL_ERROR -> " (internal error)";
      case CloseCode.SERVICE_RESTART -> " (service restart)";
      case CloseCode.TRY_AGAIN_LATER -> " (try again later)";
      case CloseCode.BAD_GATEWAY -> " (bad gateway)";
      default -> "";
    };
  }
}
