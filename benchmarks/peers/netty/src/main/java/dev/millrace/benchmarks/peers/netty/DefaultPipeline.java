// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;

/**
 * What Netty's WebSocket examples do: its protocol handler, and one flush for each message. It
 * differs from them only in what it must to echo whole messages: larger limits and an aggregator,
 * and no compression, which nobody here offers.
 */
final class DefaultPipeline extends ChannelInitializer<SocketChannel> {
  private static final int MAX_REQUEST_BYTES = 65_536;

  private static final WebSocketServerProtocolConfig CONFIG =
      WebSocketServerProtocolConfig.newBuilder()
          .websocketPath("/")
          .checkStartsWith(true)
          .maxFramePayloadLength(EchoServer.MAX_MESSAGE_BYTES)
          .build();

  @Override
  protected void initChannel(SocketChannel channel) {
    channel
        .pipeline()
        .addLast(new HttpServerCodec())
        .addLast(new HttpObjectAggregator(MAX_REQUEST_BYTES))
        .addLast(new WebSocketServerProtocolHandler(CONFIG))
        .addLast(new WebSocketFrameAggregator(EchoServer.MAX_MESSAGE_BYTES))
        .addLast(new Echo());
  }

  private static final class Echo extends SimpleChannelInboundHandler<WebSocketFrame> {
    @Override
    protected void channelRead0(ChannelHandlerContext context, WebSocketFrame message) {
      context.writeAndFlush(message.retain());
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      context.close();
    }
  }
}
