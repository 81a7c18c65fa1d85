// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks.peers.netty;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.util.Version;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** Answers every message with the same bytes and kind, on one I/O thread, until it is ended. */
public final class EchoServer implements AutoCloseable {
  /** Messages up to this size are echoed whole; larger ones close the connection. */
  static final int MAX_MESSAGE_BYTES = 16 << 20;

  private static final int MISUSED = 2;
  private static final int FAILED = 1;

  private final EventLoopGroup group;
  private final Channel listener;

  private EchoServer(EventLoopGroup group, Channel listener) {
    this.group = group;
    this.listener = listener;
  }

  /**
   * Starts the server that the options describe.
   *
   * @param arguments see {@code --help}
   */
  public static void main(String[] arguments) {
    try {
      EchoOptions options = EchoOptions.parse(Arrays.asList(arguments));
      if (options.help()) {
        System.out.print(EchoOptions.USAGE);
        return;
      }
      if (options.tuned()) {
        Tuning.setProperties();
      }
      run(options);
    } catch (UsageException e) {
      System.err.println("netty echo: " + e.getMessage());
      System.exit(MISUSED);
    }
  }

  private static void run(EchoOptions options) {
    EchoServer server;
    try {
      server = start(options);
    } catch (Exception | LinkageError e) { // Netty throws checked exceptions it does not declare
      System.err.println("netty echo: cannot listen on port " + options.port() + ": " + e);
      System.exit(FAILED);
      return;
    }
    System.out.println(
        "listening ws://127.0.0.1:"
            + server.port()
            + "/ mode="
            + (options.tuned() ? "tuned" : "default")
            + " transport="
            + options.transport().name().toLowerCase(Locale.ROOT)
            + " netty="
            + Version.identify().get("netty-transport").artifactVersion()
            + " java="
            + Runtime.version());
    server.listener.closeFuture().syncUninterruptibly();
  }

  /** Returns when it listens. */
  static EchoServer start(EchoOptions options) {
    // One thread accepts and serves, in both modes: more would only take turns on one core.
    EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, options.transport().handlers());
    try {
      ServerBootstrap bootstrap =
          new ServerBootstrap()
              .group(group)
              .channel(options.transport().channel())
              .childHandler(pipeline(options.tuned()));
      if (options.tuned()) {
        Tuning.apply(bootstrap);
      }
      InetSocketAddress address =
          new InetSocketAddress(InetAddress.getLoopbackAddress(), options.port());
      return new EchoServer(group, bootstrap.bind(address).syncUninterruptibly().channel());
    } catch (Throwable e) {
      group.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      throw e;
    }
  }

  private static ChannelInitializer<SocketChannel> pipeline(boolean tuned) {
    return tuned ? new TunedPipeline() : new DefaultPipeline();
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  @Override
  public void close() {
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
  }
}
