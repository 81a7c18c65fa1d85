// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.protocol;

/**
 * What a peer did against the protocol, or our patience. Each has one close code; the sentences
 * stand in {@code internal.spi}, by the number, which is the same in every engine.
 */
public enum ProtocolError {
  NONE(0),
  /** RFC 6455 5.1. */
  UNMASKED_FRAME(1002),
  /** RFC 6455 5.1, seen by a client. */
  MASKED_FRAME(1002),
  /** RFC 6455 5.2. */
  RESERVED_BITS(1002),
  /** RFC 6455 5.2. */
  RESERVED_OPCODE(1002),
  /** RFC 6455 5.5. */
  FRAGMENTED_CONTROL_FRAME(1002),
  /** RFC 6455 5.5. */
  CONTROL_FRAME_TOO_LONG(1002),
  /** RFC 6455 5.2. */
  NON_MINIMAL_LENGTH(1002),
  /** RFC 6455 5.2. */
  LENGTH_SIGN_BIT(1002),
  /** RFC 6455 5.4. */
  UNEXPECTED_CONTINUATION(1002),
  /** RFC 6455 5.4. */
  EXPECTED_CONTINUATION(1002),
  MESSAGE_TOO_BIG(1009),
  TOO_MANY_FRAGMENTS(1008),
  /** RFC 6455 8.1. */
  INVALID_UTF8(1007),
  /** RFC 6455 5.5.1: a body of one byte. */
  INVALID_CLOSE_BODY(1002),
  /** RFC 6455 7.4. */
  INVALID_CLOSE_CODE(1002),
  /** RFC 6455 5.5.1: the reason is not UTF-8. */
  INVALID_CLOSE_REASON(1007),
  IDLE(1001),
  /** A ping was not answered: no Close frame would be either. */
  NO_PONG(1006),
  /** Nothing of what was sent is taken: no Close frame would be either. */
  NO_PROGRESS(1006),
  /** RFC 9112, seen by a client. */
  MALFORMED_RESPONSE(1002),
  /** RFC 7692 7.2.2: what is marked as compressed does not inflate. */
  MALFORMED_COMPRESSED_DATA(1007);

  private final int closeCode;

  ProtocolError(int closeCode) {
    this.closeCode = closeCode;
  }

  /** What the connection is closed with; 1006 where it is cut. */
  public int closeCode() {
    return closeCode;
  }

  /** The number that all engines know it by. */
  public int number() {
    return ordinal();
  }
}
