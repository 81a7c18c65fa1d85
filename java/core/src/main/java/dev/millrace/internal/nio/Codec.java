// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.Compression;
import dev.millrace.internal.protocol.MessageDeflater;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** The compression of a loop: what its connections share. Loop thread only. */
final class Codec {
  /** What is shorter lies in memory of the loop; longer messages need a block. */
  static final int SCRATCH_BYTES = 64 << 10;

  private final Compression compression;
  private final Compressor compressor;
  private final Decompressor decompressor;
  private @Nullable MessageDeflater deflater;

  Codec(NioLoop loop, Compression compression) {
    this.compression = compression;
    compressor = new Compressor(loop);
    decompressor = new Decompressor(loop);
  }

  /** The options. */
  Compression compression() {
    return compression;
  }

  Compressor compressor() {
    return compressor;
  }

  Decompressor decompressor() {
    return decompressor;
  }

  /** For a connection whose messages refer to each other. */
  MessageDeflater newDeflater() {
    return new MessageDeflater(compression.level());
  }

  /** For all others. */
  MessageDeflater sharedDeflater() {
    MessageDeflater shared = deflater;
    if (shared == null) {
      shared = newDeflater();
      deflater = shared;
    }
    return shared;
  }

  /** Memory of the loop, used again for every message. */
  static Block scratch() {
    return new Block(null, 0, ByteBuffer.allocateDirect(Block.HEADROOM + SCRATCH_BYTES));
  }

  /** The loop has ended. */
  void end() {
    if (deflater != null) {
      deflater.close();
    }
    decompressor.end();
  }
}
