// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

/**
 * A rule of RFC 6455 that a server can be told not to enforce, with {@link Server.Builder#relax},
 * for peers that cannot be mended. By default every one is.
 *
 * <p>What is not here cannot be relaxed: rules that bound memory (control frames of at most 125
 * bytes, never fragmented), that say where a message begins and ends (fragmentation, the highest
 * bit of a length), and those of the opening handshake that keep two servers from reading one
 * request in two ways (method, version of HTTP, syntax of headers, a request with a body, the key).
 */
public enum ProtocolRule {
  /** Frames of a client are masked (5.1). Relaxed: those that are not are taken as they are. */
  MASKED_FRAMES,
  /** The reserved bits are 0 (5.2). Relaxed: they are not looked at. */
  RESERVED_BITS,
  /** Reserved opcodes are not used (5.2). Relaxed: such frames are skipped. */
  RESERVED_OPCODES,
  /** Lengths take the fewest bytes that hold them (5.2). Relaxed: longer forms are read too. */
  SHORTEST_LENGTH,
  /**
   * Text is UTF-8 (8.1). Relaxed: it is delivered unchecked, and {@link Message#text()} puts U+FFFD
   * for what it cannot read.
   */
  TEXT_UTF8,
  /** A Close frame's body is empty or at least a code (5.5.1). Relaxed: one byte is as none. */
  CLOSE_LENGTH,
  /** A Close frame's code is one that may be sent (7.4). Relaxed: any code is taken. */
  CLOSE_CODE,
  /** A Close frame's reason is UTF-8 (5.5.1). Relaxed: it is read as far as it goes. */
  CLOSE_REASON_UTF8,
  /** An upgrade has one Host header (4.2.1). Relaxed: it may have none. */
  HOST_HEADER,
  /** An upgrade's Connection header names "upgrade" (4.2.1). Relaxed: it need not. */
  CONNECTION_HEADER,
  /**
   * An upgrade asks for version 13 (4.2.1). Relaxed: any version, or none, is served as 13 would
   * be.
   */
  VERSION
}
