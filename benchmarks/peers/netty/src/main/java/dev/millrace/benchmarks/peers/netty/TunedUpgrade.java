// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.websocketx.Utf8FrameValidator;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameDecoder;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshakerFactory;

/** Answers the opening handshake and leaves the pipeline with nothing but what frames need. */
final class TunedUpgrade extends SimpleChannelInboundHandler<FullHttpRequest> {
  // The decoder is as strict as RFC 6455 by default: masked frames only, no reserved bits.
  private static final WebSocketDecoderConfig CONFIG =
      WebSocketDecoderConfig.newBuilder()
          .maxFramePayloadLength(EchoServer.MAX_MESSAGE_BYTES)
          .build();
  private static final WebSocketServerHandshakerFactory HANDSHAKERS =
      new WebSocketServerHandshakerFactory("ws://127.0.0.1/", null, CONFIG);

  // A rest as short as this is copied in front of what follows; a larger one is not copied again.
  private static final int COPIED_REST = 4096;

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    WebSocketServerHandshaker handshaker = HANDSHAKERS.newHandshaker(request);
    if (handshaker == null) {
      WebSocketServerHandshakerFactory.sendUnsupportedVersionResponse(context.channel())
          .addListener(ChannelFutureListener.CLOSE);
      return;
    }
    handshaker.handshake(context.channel(), request);
    ChannelPipeline pipeline = context.pipeline();
    pipeline.get(WebSocket13FrameDecoder.class).setCumulator(TunedUpgrade::cumulate);
    pipeline
        .addLast(new Utf8FrameValidator())
        .addLast(new WebSocketFrameAggregator(EchoServer.MAX_MESSAGE_BYTES))
        .addLast(new TunedEcho(handshaker))
        .remove(this);
  }

  /**
   * The decoder takes a frame only when it is whole. Merging, its default, would copy a large frame
   * each time the buffer has to grow; a composite is slow to read small frames from.
   */
  private static ByteBuf cumulate(ByteBufAllocator allocator, ByteBuf rest, ByteBuf in) {
    ByteToMessageDecoder.Cumulator cumulator =
        rest.readableBytes() <= COPIED_REST
            ? ByteToMessageDecoder.MERGE_CUMULATOR
            : ByteToMessageDecoder.COMPOSITE_CUMULATOR;
    return cumulator.cumulate(allocator, rest, in);
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    context
        .writeAndFlush(
            new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1, HttpResponseStatus.BAD_REQUEST, Unpooled.EMPTY_BUFFER))
        .addListener(ChannelFutureListener.CLOSE);
  }
}
