// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.AdaptiveByteBufAllocator;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;

/** What {@code --tuned} sets and why; docs/benchmarks.md says what each of it is worth. */
final class Tuning {
  private static final int BACKLOG = 4096;

  private Tuning() {}

  /** Properties that Netty reads when its classes are initialised, so before anything else. */
  static void setProperties() {
    // No buffer is sampled for leaks.
    System.setProperty("io.netty.leakDetection.level", "disabled");
    // The codec's indexes are trusted: no check of bounds and reference count at each access.
    System.setProperty("io.netty.buffer.checkBounds", "false");
    System.setProperty("io.netty.buffer.checkAccessible", "false");
    // From JDK 25 on Netty does without Unsafe, which is slower, unless told otherwise.
    System.setProperty("io.netty.noUnsafe", "false");
  }

  static void apply(ServerBootstrap bootstrap) {
    bootstrap
        .option(ChannelOption.SO_BACKLOG, BACKLOG)
        // Direct buffers, pooled; cheaper here than PooledByteBufAllocator.
        .childOption(ChannelOption.ALLOCATOR, new AdaptiveByteBufAllocator(true))
        // A burst, or a good part of a large message, comes with one receive.
        .childOption(
            ChannelOption.RECVBUF_ALLOCATOR,
            new AdaptiveRecvByteBufAllocator(512, 16 << 10, 256 << 10))
        // A queued message must not stop reading; a peer that does not read must.
        .childOption(
            ChannelOption.WRITE_BUFFER_WATER_MARK,
            new WriteBufferWaterMark(
                EchoServer.MAX_MESSAGE_BYTES, 2 * EchoServer.MAX_MESSAGE_BYTES))
        .childOption(ChannelOption.TCP_NODELAY, true);
  }
}
