// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import dev.millrace.internal.spi.LoopCounter;
import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** The sockets of a loop. Loop thread only, but for what says otherwise. */
final class Sockets {
  private final NioLoop loop;
  private final Selector selector;
  private final int limit;

  /** Streams here, and those that are on their way here. */
  private final AtomicInteger load = new AtomicInteger();

  Sockets(NioLoop loop, Selector selector, int limit) {
    this.loop = loop;
    this.selector = selector;
    this.limit = limit;
  }

  /** Any thread: streams here, and on their way here. */
  int load() {
    return load.get();
  }

  /** Any thread: takes an accepted socket over. */
  void adopt(SocketChannel channel, Listener listener) {
    load.incrementAndGet();
    if (loop.isCurrent()) {
      register(channel, listener);
      return;
    }
    loop.post(
        new Inbox.Task() {
          @Override
          void run() {
            register(channel, listener);
          }

          @Override
          void drop() {
            super.drop();
            Listener.close(channel);
          }
        });
  }

  private void register(SocketChannel channel, Listener listener) {
    if (loop.counters().get(LoopCounter.CONNECTIONS) >= limit) {
      loop.counters().increment(LoopCounter.ACCEPT_FAILURES);
      load.decrementAndGet();
      Listener.reset(channel);
      return;
    }
    Stream stream;
    try {
      stream = register(channel);
    } catch (IOException e) {
      load.decrementAndGet();
      Listener.close(channel);
      return;
    }
    try {
      stream.begin(listener.opening(stream), loop.timeouts().handshake());
    } catch (IOException e) {
      // It was reset before it was served.
      stream.fail(e);
    } catch (Throwable t) {
      loop.fail(stream, t);
    }
  }

  private Stream register(SocketChannel channel) throws IOException {
    channel.configureBlocking(false);
    SelectionKey key = channel.register(selector, 0);
    Stream stream = new Stream(loop, channel, key);
    key.attach(stream);
    loop.counters().add(LoopCounter.CONNECTIONS, 1);
    return stream;
  }

  /** A stream for a socket of our own, which the caller closes if this fails. */
  Stream add(SocketChannel channel) throws IOException {
    Stream stream = register(channel);
    load.incrementAndGet();
    return stream;
  }

  /** A stream's socket is closed. */
  void ended() {
    loop.counters().add(LoopCounter.CONNECTIONS, -1);
    load.decrementAndGet();
  }

  /** Those that have not ended. */
  List<Stream> streams() {
    List<Stream> streams = new ArrayList<>();
    for (SelectionKey key : selector.keys()) {
      if (key.attachment() instanceof Stream stream && !stream.hasEnded()) {
        streams.add(stream);
      }
    }
    return streams;
  }

  /** Whether there is a request that the application takes its time over. */
  boolean areAnyDecidedOn() {
    for (SelectionKey key : selector.keys()) {
      if (key.attachment() instanceof Stream stream && stream.isDecidedOn()) {
        return true;
      }
    }
    return false;
  }

  /** Those that are connections. */
  List<NioConnection> connections() {
    List<NioConnection> connections = new ArrayList<>();
    for (Stream stream : streams()) {
      NioConnection connection = stream.connection();
      if (connection != null) {
        connections.add(connection);
      }
    }
    return connections;
  }

  /** No memory is left: who holds most gives way, {@code asking} if nobody holds any. */
  void closeHeaviest(Stream asking) {
    loop.counters().increment(LoopCounter.REGION_FULL);
    Stream heaviest = asking;
    long most = 0;
    for (Stream stream : streams()) {
      if (stream.pinnedBytes() > most) {
        heaviest = stream;
        most = stream.pinnedBytes();
      }
    }
    heaviest.giveWay();
  }
}
