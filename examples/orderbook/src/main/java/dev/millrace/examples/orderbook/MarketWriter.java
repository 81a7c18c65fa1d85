// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.Connection;
import dev.millrace.Lease;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import dev.millrace.examples.orderbook.wire.Accepted;
import dev.millrace.examples.orderbook.wire.Canceled;
import dev.millrace.examples.orderbook.wire.Echo;
import dev.millrace.examples.orderbook.wire.Event;
import dev.millrace.examples.orderbook.wire.Level;
import dev.millrace.examples.orderbook.wire.MarketMessage;
import dev.millrace.examples.orderbook.wire.OpenOrder;
import dev.millrace.examples.orderbook.wire.Queue;
import dev.millrace.examples.orderbook.wire.Quote;
import dev.millrace.examples.orderbook.wire.Refused;
import dev.millrace.examples.orderbook.wire.Trade;
import dev.millrace.flatbuffers.FlatBuffers;
import java.util.Collection;
import java.util.List;

/**
 * Builds each message in a lease of its connection and sends it: the bytes the builder writes are
 * the bytes that leave.
 */
final class MarketWriter {
  /** The levels of one side that a quote shows. */
  static final int DEPTH = 10;

  /** Room for everything but vectors and text: tables, their vtables, padding, the identifier. */
  private static final int OVERHEAD_BYTES = 256;

  private static final int LEVEL_BYTES = 12;
  private static final int TRADE_BYTES = 24;
  private static final int OPEN_ORDER_BYTES = 16;
  private static final int QUEUE_BYTES = 16;

  private MarketWriter() {}

  /**
   * Sends the market as a subscriber sees it.
   *
   * @param lastTrade the number of the last trade it was told of
   */
  static SendResult quote(
      Connection connection, Market market, long lastTrade, SendOptions options) {
    OrderBook book = market.book();
    List<PriceLevel> bids = book.best(Side.BUY, DEPTH);
    List<PriceLevel> asks = book.best(Side.SELL, DEPTH);
    List<Execution> trades = market.tape().after(lastTrade);
    Collection<RestingOrder> openOrders = book.openOrders(connection.id());
    List<Traders.Queue> queues = market.traders().queues(connection);
    int capacity =
        OVERHEAD_BYTES
            + LEVEL_BYTES * (bids.size() + asks.size())
            + TRADE_BYTES * trades.size()
            + OPEN_ORDER_BYTES * openOrders.size()
            + QUEUE_BYTES * queues.size();
    try (Lease lease = connection.lease(capacity)) {
      FlatBufferBuilder builder = FlatBuffers.builder(lease);
      int bidsVector = levels(builder, bids);
      int asksVector = levels(builder, asks);
      int tradesVector = trades(builder, trades);
      int openOrdersVector = openOrders(builder, List.copyOf(openOrders));
      int queuesVector = queues(builder, queues);
      int quote =
          Quote.createQuote(
              builder,
              book.revision(),
              bidsVector,
              asksVector,
              tradesVector,
              openOrdersVector,
              queuesVector);
      return connection.send(finish(lease, builder, 0, 0, Event.Quote, quote), options);
    }
  }

  /** Answers an order or a cancellation. */
  static SendResult outcome(
      Connection connection, long correlation, double sentAt, Outcome outcome) {
    try (Lease lease = connection.lease(OVERHEAD_BYTES + textBytes(outcome))) {
      FlatBufferBuilder builder = FlatBuffers.builder(lease);
      byte type;
      int event;
      if (outcome instanceof Outcome.Accepted accepted) {
        type = Event.Accepted;
        event =
            Accepted.createAccepted(
                builder, accepted.order(), accepted.filled(), accepted.rested());
      } else if (outcome instanceof Outcome.Canceled canceled) {
        type = Event.Canceled;
        event = Canceled.createCanceled(builder, canceled.order(), canceled.quantity());
      } else if (outcome instanceof Outcome.Refused refused) {
        type = Event.Refused;
        event = Refused.createRefused(builder, builder.createString(refused.reason()));
      } else {
        throw new AssertionError(outcome);
      }
      return connection.send(finish(lease, builder, correlation, sentAt, type, event));
    }
  }

  /** Answers a probe. */
  static SendResult echo(Connection connection, long correlation, double sentAt) {
    try (Lease lease = connection.lease(OVERHEAD_BYTES)) {
      FlatBufferBuilder builder = FlatBuffers.builder(lease);
      Echo.startEcho(builder);
      int echo = Echo.endEcho(builder);
      return connection.send(finish(lease, builder, correlation, sentAt, Event.Echo, echo));
    }
  }

  private static Lease finish(
      Lease lease,
      FlatBufferBuilder builder,
      long correlation,
      double sentAt,
      byte type,
      int event) {
    int root = MarketMessage.createMarketMessage(builder, correlation, sentAt, type, event);
    MarketMessage.finishMarketMessageBuffer(builder, root);
    return FlatBuffers.finish(builder, lease);
  }

  // A FlatBuffer is written from its end towards its beginning, and so are its vectors.

  private static int levels(FlatBufferBuilder builder, List<PriceLevel> levels) {
    builder.startVector(LEVEL_BYTES, levels.size(), Integer.BYTES);
    for (int i = levels.size() - 1; i >= 0; i--) {
      PriceLevel level = levels.get(i);
      Level.createLevel(builder, level.price(), level.quantity(), level.orderCount());
    }
    return builder.endVector();
  }

  private static int trades(FlatBufferBuilder builder, List<Execution> executions) {
    builder.startVector(TRADE_BYTES, executions.size(), Double.BYTES);
    for (int i = executions.size() - 1; i >= 0; i--) {
      Execution execution = executions.get(i);
      Trade.createTrade(
          builder,
          execution.number(),
          execution.price(),
          execution.quantity(),
          execution.taker().wire(),
          execution.timeMillis());
    }
    return builder.endVector();
  }

  private static int openOrders(FlatBufferBuilder builder, List<RestingOrder> orders) {
    builder.startVector(OPEN_ORDER_BYTES, orders.size(), Integer.BYTES);
    for (int i = orders.size() - 1; i >= 0; i--) {
      RestingOrder order = orders.get(i);
      OpenOrder.createOpenOrder(
          builder, order.id(), order.price(), order.quantity(), order.side().wire());
    }
    return builder.endVector();
  }

  private static int queues(FlatBufferBuilder builder, List<Traders.Queue> queues) {
    builder.startVector(QUEUE_BYTES, queues.size(), Integer.BYTES);
    for (int i = queues.size() - 1; i >= 0; i--) {
      Traders.Queue queue = queues.get(i);
      Queue.createQueue(builder, queue.trader(), queue.messages(), queue.bytes(), queue.dropped());
    }
    return builder.endVector();
  }

  /** How long the text of an outcome can be as UTF-8. */
  private static int textBytes(Outcome outcome) {
    return outcome instanceof Outcome.Refused refused ? 3 * refused.reason().length() : 0;
  }
}
