// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker;
import io.netty.util.ReferenceCountUtil;

/** Sends back the very frame that came; what one wake-up brought leaves in one system call. */
final class TunedEcho extends ChannelInboundHandlerAdapter {
  private final WebSocketServerHandshaker handshaker;

  TunedEcho(WebSocketServerHandshaker handshaker) {
    this.handshaker = handshaker;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof BinaryWebSocketFrame || message instanceof TextWebSocketFrame) {
      // No promise for each message: a write that fails arrives at exceptionCaught.
      context.write(message, context.voidPromise());
    } else if (message instanceof PingWebSocketFrame ping) {
      context.write(new PongWebSocketFrame(ping.content()), context.voidPromise());
    } else if (message instanceof CloseWebSocketFrame close) {
      handshaker.close(context, close);
    } else {
      ReferenceCountUtil.release(message);
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    context.flush();
  }

  /** While a peer does not read what is queued for it, nothing more is read from it. */
  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    context.channel().config().setAutoRead(context.channel().isWritable());
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof TooLongFrameException) {
      context
          .writeAndFlush(new CloseWebSocketFrame(WebSocketCloseStatus.MESSAGE_TOO_BIG))
          .addListener(ChannelFutureListener.CLOSE);
    } else {
      context.close();
    }
  }
}
