// SPDX-License-Identifier: Apache-2.0
package dev.millrace.flatbuffers;

import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.function.Function;

/**
 * A FlatBuffers schema to verify messages against, with the generated class that reads them.
 * Immutable; any thread.
 *
 * @param <T> the generated class of the root table
 * @implNote Verified messages are not in 0.1.0: {@link #load} throws {@link
 *     UnsupportedOperationException}, so that no schema exists yet. Until then a handler reads
 *     {@link dev.millrace.Message#payload()} with its generated class, unverified: hostile offsets
 *     make it throw or read wrong values, but never a byte outside the message.
 */
public final class Schema<T> {

  private Schema() {}

  /**
   * Loads a binary schema.
   *
   * @param bfbs what {@code flatc -b --schema} wrote
   * @param root reads the root table, such as {@code Order::getRootAsOrder}
   * @param <T> the generated class of the root table
   * @return the schema
   * @throws IllegalArgumentException if the bytes are not a binary schema
   * @throws UnsupportedOperationException always
   * @implNote Verified messages are not in 0.1.0; this throws {@link
   *     UnsupportedOperationException}.
   */
  public static <T> Schema<T> load(byte[] bfbs, Function<ByteBuffer, T> root) {
    Objects.requireNonNull(bfbs, "bfbs");
    Objects.requireNonNull(root, "root");
    throw notYet();
  }

  /**
   * Checks that a buffer can be read as this schema's root table without leaving the buffer. Needs
   * no server.
   *
   * @param buffer the bytes between position and limit; not changed
   * @throws IllegalArgumentException if the buffer breaks the schema, with the path of the fault
   */
  public void verify(ByteBuffer buffer) {
    Objects.requireNonNull(buffer, "buffer");
    throw notYet();
  }

  static UnsupportedOperationException notYet() {
    return new UnsupportedOperationException("verified messages are not in 0.1.0");
  }
}
