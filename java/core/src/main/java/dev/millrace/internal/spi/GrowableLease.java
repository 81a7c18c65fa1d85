// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import java.nio.ByteBuffer;

/** A {@link dev.millrace.Lease} that can move to a larger block. Every engine's leases are. */
public interface GrowableLease {

  /**
   * Moves to a block of at least {@code capacity} bytes. The bytes of the old block stand at the
   * end of the new one's first {@code capacity} bytes, as builders that write downwards need them;
   * the old block is given up. By the owner of the lease.
   *
   * @param capacity more than the lease has
   * @return the lease's buffer from now on, of exactly {@code capacity} bytes
   * @throws IllegalStateException if the lease was sent or closed, holds a received message, or no
   *     memory is left, with the sizes; then the lease is as it was
   */
  ByteBuffer grow(int capacity);
}
