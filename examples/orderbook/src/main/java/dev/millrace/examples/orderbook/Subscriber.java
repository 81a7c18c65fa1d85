// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.SendOptions;
import dev.millrace.SendResult;
import dev.millrace.examples.orderbook.wire.CancelOrder;
import dev.millrace.examples.orderbook.wire.OrderMessage;
import dev.millrace.examples.orderbook.wire.PlaceOrder;
import dev.millrace.examples.orderbook.wire.Request;
import dev.millrace.flatbuffers.TypedHandler;
import java.time.Duration;

/**
 * The handler of one connection: takes its orders, answers each at once, and sends it quotes.
 *
 * <p>Orders were verified against their schema before they come here, and are read where they were
 * received. Their values were not: the book checks prices and quantities, this class the rest.
 *
 * <p>Quotes keep a beat instead of following every change: a flood of orders from one peer costs
 * the others nothing. They have a key, so that for a subscriber that reads slowly the newest takes
 * the place of one that still waits, and a policy, so that they never stop anything else. Orders
 * live as long as their connection.
 */
final class Subscriber implements TypedHandler<OrderMessage> {
  /** Fast enough to look immediate. */
  static final Duration BEAT = Duration.ofMillis(40);

  /** At most one quote waits for each subscriber, the newest. */
  private static final SendOptions NEWEST =
      SendOptions.defaults().withReplacementKey("quote").withPolicy(SendOptions.Policy.DROP_OLDEST);

  private static final long NONE = -1;

  private final Market market;
  private final PlaceOrder placeOrder = new PlaceOrder();
  private final CancelOrder cancelOrder = new CancelOrder();
  private long quotedRevision = NONE;
  private long quotedTrade;
  private long deliveredTrade;
  private long droppedBefore;

  Subscriber(Market market) {
    this.market = market;
  }

  @Override
  public void onOpen(Connection connection) {
    market.traders().add(connection);
    beat(connection);
  }

  @Override
  public void onMessage(Connection connection, OrderMessage order) {
    if (answer(connection, order) == SendResult.REFUSED) {
      // Reading stops before this point for a peer that is merely slow.
      connection.close(CloseCode.POLICY_VIOLATION, "answers are not being read");
    }
  }

  @Override
  public void onClose(Connection connection, CloseReason reason) {
    market.traders().remove(connection);
    market.book().cancelAll(connection.id());
  }

  private SendResult answer(Connection connection, OrderMessage order) {
    long owner = connection.id();
    long correlation = order.correlation();
    double sentAt = order.sentAt();
    return switch (order.requestType()) {
      case Request.PlaceOrder -> {
        order.request(placeOrder);
        yield MarketWriter.outcome(connection, correlation, sentAt, place(owner));
      }
      case Request.CancelOrder -> {
        order.request(cancelOrder);
        Outcome outcome = market.book().cancel(owner, cancelOrder.order());
        yield MarketWriter.outcome(connection, correlation, sentAt, outcome);
      }
      case Request.Probe -> MarketWriter.echo(connection, correlation, sentAt);
      default -> {
        // A request of a newer schema is no fault in a buffer; that this server has none is.
        connection.close(
            CloseCode.INVALID_FRAME_PAYLOAD_DATA,
            "OrderMessage.request: no such request: type=" + order.requestType());
        yield SendResult.CLOSED;
      }
    };
  }

  private Outcome place(long owner) {
    Side side = Side.ofWire(placeOrder.side());
    if (side == null) {
      return new Outcome.Refused(
          "no such side: side=" + placeOrder.side() + ", limit=0 (buy) to 1 (sell)");
    }
    return market.book().place(owner, side, placeOrder.price(), placeOrder.quantity());
  }

  /**
   * Lets time pass in the market, sends what is new, and comes again while the connection lives.
   */
  private void beat(Connection connection) {
    if (!connection.isOpen()) {
      return;
    }
    connection.schedule(() -> beat(connection), BEAT);
    market.advance(System.nanoTime());
    if (connection.droppedMessages() > droppedBefore) {
      // An answer has taken the place of the quote: its trades are still to be told.
      droppedBefore = connection.droppedMessages();
      quotedRevision = NONE;
      quotedTrade = deliveredTrade;
    }
    long revision = market.book().revision();
    if (revision == quotedRevision) {
      return;
    }
    if (connection.queuedMessages() == 0) {
      // No quote waits that this one could replace: the trades in them are on their way.
      deliveredTrade = quotedTrade;
    }
    long lastTrade = market.tape().lastNumber();
    if (MarketWriter.quote(connection, market, deliveredTrade, NEWEST) == SendResult.ACCEPTED) {
      quotedRevision = revision;
      quotedTrade = lastTrade;
    }
    droppedBefore = connection.droppedMessages(); // a quote that replaced one has its trades
  }
}
