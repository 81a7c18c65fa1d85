// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.ListenException;
import dev.millrace.SocketOptions;
import dev.millrace.internal.spi.Errno;
import dev.millrace.internal.spi.ErrorLog;
import dev.millrace.internal.spi.ListenAddress;
import dev.millrace.internal.spi.ListenRefusal;
import dev.millrace.internal.spi.LoopCounter;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketOption;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.NetworkChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * An address that is listened on. Bound by the thread that starts the server; then its loop's.
 *
 * <p>Where no descriptor or no memory is left, the listener stays ready, and asking again at once
 * would spin: it rests for {@link #ACCEPT_PAUSE_NANOS}.
 */
final class Listener extends TimerHeap.Entry {
  /** Who listens on the same port besides. */
  enum Sharing {
    ALONE,
    /** The first of several: binds alone, so that a taken port is an error, and shares then. */
    FIRST,
    /** One of the others, which name the port that the first has got. */
    FURTHER
  }

  private static final long ACCEPT_PAUSE_NANOS = 50_000_000;
  private static final int ACCEPTS_PER_TURN = 64;

  /** The longest queue: who comes meanwhile is not waited for. */
  private static final int ACCEPTS_AT_END = 1 << 16;

  /** Clients of Unix sockets have no name of their own. */
  private static final SocketAddress UNNAMED = UnixDomainSocketAddress.of("");

  private final ServerSocketChannel channel;
  private final SocketOptions options;
  private final boolean isShared;
  private final @Nullable SocketFile file;
  private @Nullable NioLoop loop;
  private @Nullable SelectionKey key;

  private Listener(
      ServerSocketChannel channel,
      SocketOptions options,
      boolean isShared,
      @Nullable SocketFile file) {
    this.channel = channel;
    this.options = options;
    this.isShared = isShared;
    this.file = file;
  }

  // ---- Binding.

  /** A bound listener, or an exception and nothing left behind. */
  static Listener open(ListenAddress address, SocketOptions options, Sharing sharing)
      throws ListenException {
    if (address.abstractName() != null) {
      throw refusal(address, "abstract names need the native engine; use ws+unix:///PATH");
    }
    if (options.congestionControl().isPresent()) {
      throw refusal(
          address,
          "choosing the congestion control needs the native engine: congestionControl="
              + options.congestionControl().get());
    }
    try {
      Path local = address.local();
      return local == null ? openTcp(address, options, sharing) : openLocal(local, options);
    } catch (IOException e) {
      throw new ListenRefusal(address, options, Errno.of(e)).exception(e);
    }
  }

  private static ListenException refusal(ListenAddress address, String why) {
    return new ListenException(
        address.uri(), "cannot listen on " + address.uri() + ": " + why, null);
  }

  private static Listener openTcp(ListenAddress address, SocketOptions options, Sharing sharing)
      throws IOException {
    InetSocketAddress tcp = address.tcp();
    boolean isIpv4 = tcp != null && tcp.getAddress() instanceof Inet4Address;
    ServerSocketChannel channel =
        ServerSocketChannel.open(
            isIpv4 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6);
    try {
      if (sharing == Sharing.FURTHER) {
        channel.setOption(StandardSocketOptions.SO_REUSEPORT, true);
      }
      setBuffer(channel, StandardSocketOptions.SO_RCVBUF, options.receiveBufferBytes());
      tryBuffer(options.sendBufferBytes());
      channel.bind(tcp, options.backlog());
      if (sharing == Sharing.FIRST) {
        channel.setOption(StandardSocketOptions.SO_REUSEPORT, true);
      }
      channel.configureBlocking(false);
      return new Listener(channel, options, sharing != Sharing.ALONE, null);
    } catch (Throwable t) {
      channel.close();
      throw t;
    }
  }

  private static Listener openLocal(Path path, SocketOptions options) throws IOException {
    ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      tryBuffer(options.sendBufferBytes());
      channel.configureBlocking(false);
      SocketFile file = SocketFile.bind(channel, path, options);
      return new Listener(channel, options, false, file);
    } catch (Throwable t) {
      channel.close();
      throw t;
    }
  }

  /** What cannot be had is told now and not with every connection. */
  private static void tryBuffer(int bytes) throws IOException {
    if (bytes > 0) {
      try (SocketChannel probe = SocketChannel.open()) {
        setBuffer(probe, StandardSocketOptions.SO_SNDBUF, bytes);
      }
    }
  }

  /** The system cuts without a word what is over its limit. */
  static void setBuffer(NetworkChannel channel, SocketOption<Integer> option, int bytes)
      throws IOException {
    if (bytes > 0) {
      channel.setOption(option, bytes);
      if (channel.getOption(option) < bytes) {
        throw new IOException("buffer too long: option=" + option.name() + ", bytes=" + bytes);
      }
    }
  }

  /** The port that was bound, 0 for a Unix socket. */
  int port() throws IOException {
    return channel.getLocalAddress() instanceof InetSocketAddress tcp ? tcp.getPort() : 0;
  }

  // ---- Accepting. Loop thread.

  /** Begins to accept. */
  void register(NioLoop loop, Selector selector) throws IOException {
    this.loop = loop;
    SelectionKey registered = channel.register(selector, SelectionKey.OP_ACCEPT);
    registered.attach(this);
    key = registered;
  }

  /** Somebody waits. */
  void accept() {
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
      if (!acceptOne(isShared)) {
        return;
      }
    }
  }

  /**
   * Who was let in by the system is served or told, not reset; here, because others may be gone.
   */
  void acceptLast() {
    int accepted = 0;
    while (accepted < ACCEPTS_AT_END && acceptOne(true)) {
      accepted++;
    }
  }

  private boolean acceptOne(boolean stays) {
    NioLoop mine = loop;
    if (mine == null || !channel.isOpen()) {
      return false;
    }
    SocketChannel accepted;
    try {
      accepted = channel.accept();
    } catch (IOException e) {
      mine.counters().increment(LoopCounter.ACCEPT_FAILURES);
      rest(mine);
      return false;
    }
    if (accepted == null) {
      return false;
    }
    mine.counters().increment(LoopCounter.ACCEPTED);
    NioLoop target = stays ? mine : mine.leastLoaded();
    target.sockets().adopt(accepted, this);
    return true;
  }

  private void rest(NioLoop mine) {
    SelectionKey registered = key;
    if (registered != null && registered.isValid()) {
      registered.interestOps(0);
      mine.timers().set(this, System.nanoTime() + ACCEPT_PAUSE_NANOS);
    }
  }

  @Override
  void expire() {
    SelectionKey registered = key;
    if (registered != null && registered.isValid()) {
      registered.interestOps(SelectionKey.OP_ACCEPT);
    }
  }

  /** The opening handshake of a socket that was accepted here. On the loop that it goes to. */
  Opening opening(Stream stream) throws IOException {
    SocketChannel accepted = stream.channel();
    if (options.sendBufferBytes() > 0) {
      accepted.setOption(StandardSocketOptions.SO_SNDBUF, options.sendBufferBytes());
    }
    if (file != null) {
      return new Opening(stream, UNNAMED, PeerIdentity.of(accepted));
    }
    accepted.setOption(StandardSocketOptions.TCP_NODELAY, true);
    return new Opening(stream, accepted.getRemoteAddress(), null);
  }

  // ---- Closing.

  /** Any thread before the start; then the loop's. The socket's file goes along. */
  void close() {
    NioLoop mine = loop;
    if (mine != null) {
      mine.timers().cancel(this);
    }
    if (!channel.isOpen()) {
      return;
    }
    close(channel);
    if (file != null) {
      file.remove();
    }
  }

  /** Closes whatever comes of it. */
  static void close(NetworkChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      ErrorLog.log("a socket could not be closed", e);
    }
  }

  /** Closes with RST where there is one. */
  static void reset(SocketChannel channel) {
    try {
      if (channel.supportedOptions().contains(StandardSocketOptions.SO_LINGER)) {
        channel.setOption(StandardSocketOptions.SO_LINGER, 0);
      }
    } catch (IOException broken) {
      // Closed it is all the same.
    }
    close(channel);
  }
}
