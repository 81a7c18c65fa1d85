// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/** Close codes under their IANA names (RFC 6455 7.4.1 and the registry it founded). */
public final class CloseCode {

  /** The purpose of the connection is fulfilled. */
  public static final int NORMAL_CLOSURE = 1000;

  /** An endpoint goes away: a server shuts down, a browser leaves the page. */
  public static final int GOING_AWAY = 1001;

  /** The peer broke a rule of the protocol. */
  public static final int PROTOCOL_ERROR = 1002;

  /** The peer sent a kind of message this endpoint does not take. */
  public static final int UNSUPPORTED_DATA = 1003;

  /** The Close frame carried no code. Never sent; only ever found in a {@link CloseReason}. */
  public static final int NO_STATUS_RECEIVED = 1005;

  /** The connection ended without a Close frame. Never sent; only in a {@link CloseReason}. */
  public static final int ABNORMAL_CLOSURE = 1006;

  /** A message did not hold what its kind demands, such as text that is not UTF-8. */
  public static final int INVALID_FRAME_PAYLOAD_DATA = 1007;

  /** A message violates a policy; for when no other code fits. */
  public static final int POLICY_VIOLATION = 1008;

  /** A message is longer than this endpoint takes. */
  public static final int MESSAGE_TOO_BIG = 1009;

  /** A client had expected an extension that the server did not accept. */
  public static final int MANDATORY_EXTENSION = 1010;

  /** Something unexpected happened in this endpoint, such as a handler that threw. */
  public static final int INTERNAL_ERROR = 1011;

  /** The service restarts; the peer may connect again. */
  public static final int SERVICE_RESTART = 1012;

  /** The service is overloaded; the peer should try again later. */
  public static final int TRY_AGAIN_LATER = 1013;

  /** A gateway got an invalid answer from upstream. */
  public static final int BAD_GATEWAY = 1014;

  private CloseCode() {}

  /**
   * Whether a code may stand in a Close frame (RFC 6455 7.4): 1000-1003, 1007-1014 and 3000-4999.
   *
   * @param code any number
   * @return true if {@link Connection#close(int, String)} takes it
   */
  public static boolean isSendable(int code) {
    return (code >= NORMAL_CLOSURE && code <= UNSUPPORTED_DATA)
        || (code >= INVALID_FRAME_PAYLOAD_DATA && code <= BAD_GATEWAY)
        || (code >= 3000 && code <= 4999);
  }
}
