// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

/**
 * One sentence for each way in which a peer can break the protocol, or our patience, by its number,
 * which is the same in every engine.
 */
public final class ProtocolErrors {
  private static final String[] SENTENCES = {
    "",
    "the peer sent a frame that is not masked (RFC 6455 5.1)",
    "the peer sent a masked frame (RFC 6455 5.1)",
    "the peer set a reserved bit (RFC 6455 5.2)",
    "the peer used a reserved opcode (RFC 6455 5.2)",
    "the peer fragmented a control frame (RFC 6455 5.5)",
    "the peer sent a control frame of more than 125 bytes (RFC 6455 5.5)",
    "the peer did not use the shortest form of a length (RFC 6455 5.2)",
    "the peer set the highest bit of a length (RFC 6455 5.2)",
    "the peer continued a message that it had not begun (RFC 6455 5.4)",
    "the peer began a message within another (RFC 6455 5.4)",
    "the peer's message is longer than the limit",
    "the peer's message has more fragments than the limit",
    "the peer sent text that is not UTF-8 (RFC 6455 8.1)",
    "the peer sent a Close frame with a body of one byte (RFC 6455 5.5.1)",
    "the peer sent a close code that may not be sent (RFC 6455 7.4)",
    "the peer sent a close reason that is not UTF-8 (RFC 6455 5.5.1)",
    "no message came or went within the idle timeout",
    "the peer did not answer a ping in time",
    "the peer took nothing of what was sent to it in time",
    "the peer's response is malformed, too long, or followed by what nobody asked for",
    "the peer sent compressed data that cannot be inflated (RFC 7692 7.2.2)",
  };

  /** A connection was idle too long: it is closed with 1001. */
  public static final int IDLE = 17;

  /** A ping was not answered: the connection is cut. */
  public static final int NO_PONG = 18;

  /** Nothing of what was queued was taken: the connection is cut. */
  public static final int NO_PROGRESS = 19;

  /** The response to an opening handshake is none: the attempt fails. */
  public static final int MALFORMED_RESPONSE = 20;

  private ProtocolErrors() {}

  /** The sentence of an error; a number that is not known is named. */
  public static String sentence(int error) {
    return error > 0 && error < SENTENCES.length
        ? SENTENCES[error]
        : "the peer broke the protocol: error=" + error;
  }
}
