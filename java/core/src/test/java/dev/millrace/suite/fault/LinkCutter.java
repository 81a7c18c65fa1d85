// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.fault;

import dev.millrace.suite.Deadline;
import dev.millrace.suite.Seed;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Stands between clients and a server on one thread, and cuts as many connections as it is told to:
 * each after a random number of bytes in one direction, by RST or by FIN, some before the first
 * byte. All others it only passes on.
 */
final class LinkCutter implements AutoCloseable {

  /** About the bytes of a handshake, either way. */
  private static final int HANDSHAKE_BYTES = 256;

  /** Cuts in the midst of messages come after up to 2^18 bytes, of every magnitude alike. */
  private static final int MAGNITUDES = 18;

  private static final int BUFFER_BYTES = 64 << 10;

  /** Where a connection is cut. */
  private record Cut(boolean atOnce, boolean towardsServer, long offset, boolean reset) {
    static Cut random(Random random) {
      boolean towardsServer = random.nextBoolean();
      boolean reset = random.nextBoolean();
      int kind = random.nextInt(8);
      long offset =
          kind < 4
              ? random.nextInt(HANDSHAKE_BYTES)
              : random.nextInt(1 << 1 + random.nextInt(MAGNITUDES));
      return new Cut(kind == 0, towardsServer, offset, reset);
    }
  }

  /** One direction of a connection. */
  private static final class Flow {
    final SocketChannel from;
    final SocketChannel to;
    final ByteBuffer unsent = ByteBuffer.allocate(BUFFER_BYTES).flip();
    long passed;

    Flow(SocketChannel from, SocketChannel to) {
      this.from = from;
      this.to = to;
    }
  }

  /** Two sockets; a cut by FIN waits in it for the ends of the others. */
  private final class Pair {
    final Flow toServer;
    final Flow toClient;
    final @Nullable Cut cut;
    boolean finished;

    Pair(SocketChannel client, SocketChannel server, @Nullable Cut cut) {
      toServer = new Flow(client, server);
      toClient = new Flow(server, client);
      this.cut = cut;
    }

    Flow from(SocketChannel channel) {
      return channel == toServer.from ? toServer : toClient;
    }

    /** Whether this direction has all the bytes it gets. */
    boolean isSpent(Flow flow) {
      return cut != null && cut.towardsServer == (flow == toServer) && flow.passed >= cut.offset;
    }

    int allowance(Flow flow) {
      return cut != null && cut.towardsServer == (flow == toServer)
          ? (int) Math.min(BUFFER_BYTES, cut.offset - flow.passed)
          : BUFFER_BYTES;
    }
  }

  private final Selector selector = Selector.open();
  private final ServerSocketChannel listener = ServerSocketChannel.open();
  private final InetSocketAddress server;
  private final Random random = Seed.random("cuts");
  private final Thread thread = new Thread(this::run, "link-cutter");
  private final List<Pair> pairs = new ArrayList<>();
  private final AtomicInteger accepted = new AtomicInteger();
  private final AtomicInteger cuts = new AtomicInteger();
  private final AtomicInteger asked = new AtomicInteger();
  private int planned; // cuts, those that are done included
  private volatile boolean closed;

  LinkCutter(URI server) throws IOException {
    this.server = new InetSocketAddress(server.getHost(), server.getPort());
    listener.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 1024);
    listener.configureBlocking(false);
    listener.register(selector, SelectionKey.OP_ACCEPT);
    thread.setDaemon(true);
    thread.start();
  }

  URI address() throws IOException {
    int port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
    return URI.create("ws://127.0.0.1:" + port + "/");
  }

  /** How many connections came. */
  int accepted() {
    return accepted.get();
  }

  /** How many were cut. */
  int cuts() {
    return cuts.get();
  }

  /** Cuts the connections there are, and then those that come, until so many more are cut. */
  void cut(int count) {
    asked.addAndGet(count);
    selector.wakeup();
  }

  private void run() {
    try {
      while (!closed) {
        selector.select();
        cutPresent();
        for (SelectionKey key : selector.selectedKeys()) {
          if (key.isValid() && key.isAcceptable()) {
            accept();
          } else if (key.isValid()) {
            pump((Pair) key.attachment());
          }
        }
        selector.selectedKeys().clear();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private boolean plan() {
    boolean more = planned < asked.get();
    planned += more ? 1 : 0;
    return more;
  }

  private void cutPresent() throws IOException {
    for (Pair pair : List.copyOf(pairs)) {
      if (pair.cut == null && !pair.finished && plan()) {
        cut(pair, random.nextBoolean());
      }
    }
  }

  private void accept() throws IOException {
    for (SocketChannel client; (client = listener.accept()) != null; ) {
      accepted.incrementAndGet();
      Cut cut = plan() ? Cut.random(random) : null;
      if (cut != null && cut.atOnce) {
        end(client, cut.reset);
        cuts.incrementAndGet();
        continue;
      }
      SocketChannel onward = SocketChannel.open(server);
      Pair pair = new Pair(client, onward, cut);
      pairs.add(pair);
      for (SocketChannel channel : List.of(client, onward)) {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.configureBlocking(false);
        channel.register(selector, SelectionKey.OP_READ, pair);
      }
      pump(pair);
    }
  }

  /** Takes what there is in both directions, and cuts where it is time. */
  private void pump(Pair pair) throws IOException {
    for (Flow flow : List.of(pair.toServer, pair.toClient)) {
      try {
        if (!pair.finished && !pass(pair, flow)) {
          cut(pair, pair.cut.reset);
        }
        if (pair.finished && !drain(flow.from)) {
          close(pair);
          return;
        }
      } catch (IOException gone) {
        close(pair); // one of the two has left
        return;
      }
    }
    for (Flow flow : List.of(pair.toServer, pair.toClient)) {
      Flow other = flow == pair.toServer ? pair.toClient : pair.toServer;
      boolean stuck = flow.unsent.hasRemaining() && !pair.finished;
      int writing = other.unsent.hasRemaining() && !pair.finished ? SelectionKey.OP_WRITE : 0;
      flow.from.keyFor(selector).interestOps((stuck ? 0 : SelectionKey.OP_READ) | writing);
    }
  }

  /** False when it is time to cut. Throws when one side has ended. */
  private static boolean pass(Pair pair, Flow flow) throws IOException {
    while (true) {
      flow.passed += flow.to.write(flow.unsent);
      if (flow.unsent.hasRemaining()) {
        return true;
      }
      if (pair.isSpent(flow)) {
        return false;
      }
      flow.unsent.clear().limit(pair.allowance(flow));
      int read = flow.from.read(flow.unsent);
      flow.unsent.flip();
      if (read < 0) {
        throw new IOException("ended");
      }
      if (read == 0) {
        return true;
      }
    }
  }

  /** What comes behind a FIN is not passed on; unread, it would make a RST of it. */
  private static boolean drain(SocketChannel channel) throws IOException {
    ByteBuffer nobody = ByteBuffer.allocate(BUFFER_BYTES);
    int read;
    while ((read = channel.read(nobody)) > 0) {
      nobody.clear();
    }
    return read == 0;
  }

  private void cut(Pair pair, boolean reset) throws IOException {
    pair.finished = true;
    cuts.incrementAndGet();
    if (reset) {
      pairs.remove(pair);
      end(pair.toServer.from, true);
      end(pair.toClient.from, true);
    } else {
      pair.toServer.from.shutdownOutput();
      pair.toClient.from.shutdownOutput();
    }
  }

  private void close(Pair pair) throws IOException {
    pairs.remove(pair);
    end(pair.toServer.from, false);
    end(pair.toClient.from, false);
  }

  private static void end(SocketChannel channel, boolean reset) throws IOException {
    if (reset && channel.isOpen()) {
      channel.setOption(StandardSocketOptions.SO_LINGER, 0);
    }
    channel.close();
  }

  @Override
  public void close() throws IOException {
    closed = true;
    selector.wakeup();
    try {
      Deadline.join(thread);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (Pair pair : List.copyOf(pairs)) {
      close(pair);
    }
    listener.close();
    selector.close();
  }
}
