// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import io.netty.channel.ChannelInitializer;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;

/**
 * What an expert would write with Netty's own codecs. Where it stands once a connection is
 * upgraded:
 *
 * <pre>
 * in   frame decoder, UTF-8 validator, aggregator (lets whole messages pass), echo
 * out  frame encoder
 * </pre>
 *
 * Netty's protocol handler, which would look at every frame once more, is not there: {@link
 * TunedUpgrade} answers the opening handshake and {@link TunedEcho} the control frames.
 */
final class TunedPipeline extends ChannelInitializer<SocketChannel> {
  private static final int MAX_REQUEST_BYTES = 65_536;

  @Override
  protected void initChannel(SocketChannel channel) {
    channel
        .pipeline()
        .addLast(new HttpServerCodec())
        .addLast(new HttpObjectAggregator(MAX_REQUEST_BYTES))
        .addLast(new TunedUpgrade());
  }
}
