// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Where a {@link dev.millrace.Message} lies, for readers that allocate nothing. Every engine's
 * messages implement it. Valid as long as the message is; its thread.
 */
public interface MessageMemory {

  /**
   * A wider, read-only, little-endian view of the memory that the message lies in: the same object
   * for many messages. Position and limit mean nothing and must be left alone; only absolute reads
   * within the message are allowed.
   *
   * @return the view
   * @throws IllegalStateException if the message is no longer valid, or on another thread
   */
  ByteBuffer memory();

  /**
   * Where in {@link #memory()} the payload begins.
   *
   * @return an offset
   */
  int memoryOffset();

  /**
   * The engine's own code that checks messages against a schema.
   *
   * @return the verifier, the same object for all messages of an engine; null where the engine has
   *     none, and the walk in Java is used
   */
  default @Nullable MessageVerifier verifier() {
    return null;
  }
}
