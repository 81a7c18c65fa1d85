// SPDX-License-Identifier: Apache-2.0
package dev.millrace.differential;

/**
 * What a client writes, made of a seed and of nothing else.
 *
 * @param seed what it was made of
 * @param kind what it tries
 * @param bytes a request and frames, or frames alone
 * @param cuts where it is cut, ascending
 * @param isLast whether the connection may end by it, so that no other can follow
 */
record Stream(long seed, Kind kind, byte[] bytes, int[] cuts, boolean isLast) {

  /** What a stream tries. */
  enum Kind {
    /** Messages, in fragments or not, with pings and pongs among them. */
    VALID,
    /** The same, and then a Close or the end. */
    CLOSING,
    /** Frames that break a rule, or that are cut, flipped, lost or doubled. */
    HOSTILE,
    /** An opening handshake, valid or not, and frames behind it. */
    HANDSHAKE
  }
}
