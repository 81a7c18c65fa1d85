// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.ByteBuffer;

/**
 * A whole received message, read where it lies.
 *
 * <p>A message is a view: it is valid on the thread of the handler it was given to, its loop's or
 * that of a {@link HandlerExecutor}, until that handler returns. Afterwards, or on another thread,
 * every method throws {@link IllegalStateException}. {@link #retain()} turns it into a {@link
 * Lease}, which any thread may keep.
 *
 * <p>On the loop message objects are reused: the engine keeps 256 a loop and hands them out in
 * turn. A message kept beyond its handler therefore throws for as long as its object rests and
 * would show a later message once it is handed out again, so it must not be kept.
 *
 * <p>Implemented by the engines, not by applications.
 */
public interface Message {

  /** What the peer said the payload is (RFC 6455 5.6). */
  enum Kind {
    /** UTF-8 text; the engine has checked that it is well formed. */
    TEXT,
    /** Any bytes. */
    BINARY
  }

  /**
   * Whether the peer sent text or binary.
   *
   * @return the kind
   * @throws IllegalStateException if the message is no longer valid, or on another thread
   */
  Kind kind();

  /**
   * The length of the payload in bytes, at most {@link Limits#maxMessageBytes()}.
   *
   * @return the length, 0 for an empty message
   * @throws IllegalStateException if the message is no longer valid, or on another thread
   */
  int length();

  /**
   * The received bytes, not a copy: a read-only direct buffer of exactly this message (position 0,
   * limit and capacity {@link #length()}, big-endian as every new buffer). It allocates this one
   * small object. A buffer that outlives the handler stays safe to touch but reads whatever the
   * memory is used for by then.
   *
   * @return a new buffer on the payload; no absolute alignment is promised
   * @throws IllegalStateException if the message is no longer valid, or on another thread
   */
  ByteBuffer payload();

  /**
   * The payload decoded as UTF-8. For a binary message malformed bytes become U+FFFD.
   *
   * @return a new string
   * @throws IllegalStateException if the message is no longer valid, or on another thread
   */
  String text();

  /**
   * A copy of the payload.
   *
   * @return a new array of {@link #length()} bytes
   * @throws IllegalStateException if the message is no longer valid, or on another thread
   */
  byte[] toByteArray();

  /**
   * Keeps the payload beyond the handler. Where the message has memory of its own this only counts
   * a reference; a message still in the loop's receive area is copied into a block. The caller owns
   * the lease and must send or close it.
   *
   * @return a lease on the payload, its {@linkplain Lease#buffer() buffer} read-only
   * @throws IllegalStateException if the message is no longer valid, on another thread, or if the
   *     engine has no memory left for the copy
   */
  Lease retain();
}
