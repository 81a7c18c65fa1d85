// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A loop's free {@link Piece}s, and the array by which they leave. Loop thread only. */
final class Pieces {
  /** The most pieces of one system call. */
  static final int MAX_GATHERED = 128;

  private static final int MAX_FREE = 4096;
  private static final ByteBuffer NOTHING = ByteBuffer.allocateDirect(0);

  private final BlockPool pool;
  private final Block received;
  private final ByteBuffer[] gathered = new ByteBuffer[MAX_GATHERED];
  private final @Nullable ByteBuffer[] views = new @Nullable ByteBuffer[MAX_GATHERED];
  private int count;
  private long number;
  private @Nullable Piece free;
  private int freeCount;

  /** {@code pool} is the loop's own, {@code received} what its receive buffer is. */
  Pieces(BlockPool pool, Block received) {
    this.pool = pool;
    this.received = received;
  }

  Piece take() {
    Piece piece = free;
    if (piece == null) {
      return new Piece();
    }
    free = piece.next;
    freeCount--;
    piece.next = null;
    return piece;
  }

  void giveBack(Piece piece) {
    piece.block = null;
    piece.sent = null;
    piece.next = null;
    if (freeCount < MAX_FREE) {
      piece.next = free;
      free = piece;
      freeCount++;
    }
  }

  /** Prepares to write a list of pieces, as many as fit; answers their length. */
  long gather(Piece head) {
    number++;
    count = 0;
    long length = 0;
    for (Piece piece = head; piece != null && count < MAX_GATHERED; piece = piece.next) {
      ByteBuffer view = view(piece.block());
      gathered[count++] = view.limit(piece.limit).position(piece.position);
      length += piece.length();
    }
    return length;
  }

  /** Writes what was gathered last; answers how much the socket has taken. */
  long write(SocketChannel channel) throws IOException {
    try {
      return count == 1 ? channel.write(gathered[0]) : channel.write(gathered, 0, count);
    } finally {
      // A view keeps its memory from being collected.
      Arrays.fill(gathered, 0, count, NOTHING);
    }
  }

  /** A buffer over the block that no other piece of this call has, nor another thread. */
  private ByteBuffer view(Block block) {
    if (block == received) {
      ByteBuffer view = views[count];
      if (view == null) {
        view = block.bytes().duplicate();
        views[count] = view;
      }
      return view;
    }
    if (!block.isOf(pool) || block.gathered == number) {
      return block.bytes().duplicate();
    }
    block.gathered = number;
    return block.io();
  }
}
