// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import dev.millrace.internal.spi.LogText;
import dev.millrace.internal.spi.NamedPeer;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Of all the connections that it is shown, those for which most waits. One thread at a time. */
final class DeepestQueues implements Consumer<Connection> {
  private static final Comparator<Entry> SHALLOW_FIRST =
      Comparator.comparingLong(Entry::queuedBytes).thenComparingLong(Entry::pinnedBytes);

  /**
   * A connection as an operator may see it.
   *
   * @param peer its name, redacted as for a log; null if it has none
   * @param address of the other end
   */
  record Entry(
      long id,
      String path,
      @Nullable String peer,
      String address,
      long queuedBytes,
      int queuedMessages,
      long droppedMessages,
      long pinnedBytes) {

    private static Entry of(Connection connection, long queuedBytes, long pinnedBytes) {
      Handshake handshake = connection.handshake();
      return new Entry(
          connection.id(),
          LogText.of(handshake.path()),
          handshake instanceof NamedPeer named ? named.loggedPeer() : null,
          LogText.of(name(handshake.remoteAddress())),
          queuedBytes,
          connection.queuedMessages(),
          connection.droppedMessages(),
          pinnedBytes);
    }

    private static String name(SocketAddress address) {
      return address instanceof InetSocketAddress inet && inet.getAddress() != null
          ? inet.getAddress().getHostAddress() + ":" + inet.getPort()
          : address.toString();
    }
  }

  private final int limit;
  private final PriorityQueue<Entry> kept = new PriorityQueue<>(SHALLOW_FIRST);

  DeepestQueues(int limit) {
    this.limit = limit;
  }

  @Override
  public void accept(Connection connection) {
    long queued = connection.bufferedBytes();
    long pinned = connection.pinnedBytes();
    Entry shallowest = kept.peek();
    if (kept.size() == limit && shallowest != null) {
      boolean deeper =
          queued > shallowest.queuedBytes
              || queued == shallowest.queuedBytes && pinned > shallowest.pinnedBytes;
      if (!deeper) {
        return;
      }
      kept.remove();
    }
    kept.add(Entry.of(connection, queued, pinned));
  }

  /** The deepest of several, the deepest first. */
  static List<Entry> deepest(int limit, List<DeepestQueues> parts) {
    List<Entry> all = new ArrayList<>();
    parts.forEach(part -> all.addAll(part.kept));
    all.sort(SHALLOW_FIRST.reversed());
    return List.copyOf(all.subList(0, Math.min(limit, all.size())));
  }
}
