// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A run of outgoing bytes of one connection, with one reference to their block. Pieces are used
 * again; loop thread only.
 */
final class Piece {
  /** Set while the piece is in use. */
  @Nullable Block block;

  /** The first byte that the kernel has not taken. */
  int position;

  /** Behind the last byte. */
  int limit;

  /** Whether more may be appended behind the limit: nobody else has the block. */
  boolean isOpen;

  /** Completed when the last byte is with the kernel. */
  @Nullable CompletableFuture<Void> sent;

  @Nullable Piece next;

  int length() {
    return limit - position;
  }

  /** How much may be appended. */
  int room() {
    return isOpen && sent == null ? block().bytes().capacity() - limit : 0;
  }

  /** Its block, which a piece that is queued has. */
  Block block() {
    Block held = block;
    if (held == null) {
      throw new IllegalStateException("a piece without a block is queued");
    }
    return held;
  }
}
