// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.SocketOptions;
import dev.millrace.internal.spi.AbstractSocketAddress;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import org.jspecify.annotations.Nullable;

/** Sockets that are about to connect. */
final class ClientSocket {
  private ClientSocket() {}

  /** Why this engine has no such socket, or null. */
  static @Nullable String refusal(SocketAddress remote, SocketOptions options) {
    if (options.congestionControl().isPresent()) {
      return "choosing the congestion control needs the native engine: congestionControl="
          + options.congestionControl().get();
    }
    if (remote instanceof AbstractSocketAddress) {
      return "abstract names need the native engine; use ws+unix:///PATH";
    }
    return remote instanceof InetSocketAddress tcp && tcp.isUnresolved()
        ? "the host name is not resolved"
        : null;
  }

  /** A socket for that address with these options. */
  static SocketChannel open(SocketAddress remote, SocketOptions options) throws IOException {
    SocketChannel channel = open(remote);
    try {
      Listener.setBuffer(channel, StandardSocketOptions.SO_RCVBUF, options.receiveBufferBytes());
      Listener.setBuffer(channel, StandardSocketOptions.SO_SNDBUF, options.sendBufferBytes());
      if (remote instanceof InetSocketAddress) {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      }
      return channel;
    } catch (Throwable t) {
      Listener.close(channel);
      throw t;
    }
  }

  private static SocketChannel open(SocketAddress remote) throws IOException {
    if (remote instanceof UnixDomainSocketAddress) {
      return SocketChannel.open(StandardProtocolFamily.UNIX);
    }
    boolean isIpv4 =
        remote instanceof InetSocketAddress tcp && tcp.getAddress() instanceof Inet4Address;
    return SocketChannel.open(isIpv4 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6);
  }
}
