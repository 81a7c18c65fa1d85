// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.nio.ByteBuffer;

/**
 * Owned off-heap memory that can be sent without a copy.
 *
 * <p>A lease comes from {@link Connection#lease(int)}, empty and to be written into, or from {@link
 * Message#retain()}, holding a received message. Whoever has it owns it until it is sent or closed;
 * both end it, once. Sending consumes the lease whatever the result, so no result needs a {@code
 * close()}, and closing a sent lease does nothing: {@code try (Lease lease = ...)} is always right.
 *
 * <p>A lease may be handed from thread to thread, and closed or sent on any; it is not meant to be
 * written by two at once. Memory that nobody closes is lost to its region until the server ends.
 *
 * <p>What a lease sends is its <em>range</em>, a part of its buffer:
 *
 * <pre>
 *  0          offset           offset + length           capacity
 *  |  unused  |  these bytes are sent  |      unused      |
 * </pre>
 *
 * <p>For a retained message the range is the whole message. For a new lease it is what has been
 * written with relative {@code put}s, from 0 to the {@linkplain ByteBuffer#position() position} of
 * {@link #buffer()}, unless {@link #range(int, int)} says otherwise; that is needed after absolute
 * puts, after {@link ByteBuffer#flip()}, and by builders that write downwards.
 *
 * <p>Implemented by the engines, not by applications.
 */
public interface Lease extends AutoCloseable {

  /**
   * The leased memory: a direct buffer whose capacity is {@link #capacity()}, the same object at
   * every call. New memory is writable and holds arbitrary bytes; that of a retained message is
   * read-only, because others may be reading or sending the same bytes.
   *
   * @return the buffer; do not use it once the lease is sent or closed
   * @throws IllegalStateException if the lease was sent or closed
   */
  ByteBuffer buffer();

  /**
   * The bytes that may be written, or of a retained message its length.
   *
   * @return the capacity, at least what was asked for
   * @throws IllegalStateException if the lease was sent or closed
   */
  int capacity();

  /**
   * Where in the buffer the bytes to send begin.
   *
   * @return the offset of the range, 0 unless {@link #range(int, int)} was called
   * @throws IllegalStateException if the lease was sent or closed
   */
  int offset();

  /**
   * How many bytes would be sent now.
   *
   * @return the length of the range
   * @throws IllegalStateException if the lease was sent or closed
   */
  int length();

  /**
   * Says which bytes of the buffer will be sent. May be called again; the last call counts.
   *
   * @param offset where they begin
   * @param length how many they are; 0 sends an empty message
   * @return this lease
   * @throws IllegalArgumentException if the range does not lie within {@link #capacity()}
   * @throws IllegalStateException if the lease was sent or closed
   */
  Lease range(int offset, int length);

  /**
   * The kind of message this lease is sent as: {@link Message.Kind#BINARY} for a new lease, that of
   * the message for a retained one.
   *
   * @return the kind
   * @throws IllegalStateException if the lease was sent or closed
   */
  Message.Kind kind();

  /** Gives the memory back. Does nothing if the lease was sent or is closed. Any thread. */
  @Override
  void close();
}
