// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import dev.millrace.Connection;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Who is connected, and what waits for them. Each has a number that pages show. */
final class Traders {
  /** Those besides the asking one that a page is told of. */
  static final int SLOWEST = 4;

  private static final Comparator<Queue> BY_DEPTH =
      Comparator.comparingLong(Queue::bytes).thenComparingLong(Queue::dropped).reversed();

  private final Map<Connection, Integer> numbers = new LinkedHashMap<>();
  private int last;

  /** What waits for one of them. */
  record Queue(int trader, int messages, long bytes, long dropped) {
    boolean isNoted() {
      return messages > 0 || bytes > 0 || dropped > 0;
    }
  }

  void add(Connection connection) {
    numbers.put(connection, ++last);
  }

  void remove(Connection connection) {
    numbers.remove(connection);
  }

  /** The queue of this one first, then the deepest of the others that have or had something. */
  List<Queue> queues(Connection own) {
    List<Queue> others = new ArrayList<>();
    numbers.forEach(
        (connection, number) -> {
          if (connection != own) {
            others.add(queue(connection, number));
          }
        });
    List<Queue> queues = new ArrayList<>();
    queues.add(queue(own, numbers.getOrDefault(own, 0)));
    others.stream().filter(Queue::isNoted).sorted(BY_DEPTH).limit(SLOWEST).forEach(queues::add);
    return queues;
  }

  private static Queue queue(Connection connection, int number) {
    return new Queue(
        number,
        connection.queuedMessages(),
        connection.bufferedBytes(),
        connection.droppedMessages());
  }
}
