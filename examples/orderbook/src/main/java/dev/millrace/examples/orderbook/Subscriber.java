// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import dev.millrace.CloseCode;
import dev.millrace.CloseReason;
import dev.millrace.Connection;
import dev.millrace.Handler;
import dev.millrace.Message;
import dev.millrace.SendResult;
import dev.millrace.examples.orderbook.wire.Request;
import java.time.Duration;

/**
 * The handler of one connection: takes its orders, answers each at once, and sends it quotes.
 *
 * <p>Quotes keep a beat instead of following every change: a flood of orders from one peer costs
 * the others nothing, and a subscriber that reads slowly is skipped until it takes bytes again,
 * when the newest quote is all it needs. Orders live as long as their connection.
 */
final class Subscriber implements Handler {
  /** Fast enough to look immediate. */
  static final Duration BEAT = Duration.ofMillis(40);

  private static final long NONE = -1;

  private final Market market;
  private final OrderReader reader = new OrderReader();
  private long quotedRevision = NONE;
  private long quotedTrade;

  Subscriber(Market market) {
    this.market = market;
  }

  @Override
  public void onOpen(Connection connection) {
    beat(connection);
  }

  @Override
  public void onMessage(Connection connection, Message message) {
    if (message.kind() != Message.Kind.BINARY) {
      connection.close(CloseCode.UNSUPPORTED_DATA, "orders are binary messages");
      return;
    }
    boolean read;
    try {
      read = reader.read(message.payload());
    } catch (IndexOutOfBoundsException e) {
      // What an unverified message with a wrong offset or a missing end looks like: the peer's
      // fault, told to the peer by the same close code as any other malformed payload.
      read = false;
    }
    if (!read) {
      connection.close(CloseCode.INVALID_FRAME_PAYLOAD_DATA, "not an order message");
      return;
    }
    if (answer(connection) == SendResult.REFUSED) {
      // Reading stops before this point for a peer that is merely slow.
      connection.close(CloseCode.POLICY_VIOLATION, "answers are not being read");
    }
  }

  @Override
  public void onClose(Connection connection, CloseReason reason) {
    market.book().cancelAll(connection.id());
  }

  private SendResult answer(Connection connection) {
    long owner = connection.id();
    long correlation = reader.correlation();
    double sentAt = reader.sentAt();
    return switch (reader.requestType()) {
      case Request.PlaceOrder ->
          MarketWriter.outcome(connection, correlation, sentAt, place(owner));
      case Request.CancelOrder ->
          MarketWriter.outcome(
              connection, correlation, sentAt, market.book().cancel(owner, reader.order()));
      case Request.Probe -> MarketWriter.echo(connection, correlation, sentAt);
      default -> throw new AssertionError("requestType=" + reader.requestType());
    };
  }

  private Outcome place(long owner) {
    Side side = Side.ofWire(reader.side());
    if (side == null) {
      return new Outcome.Refused(
          "no such side: side=" + reader.side() + ", limit=0 (buy) to 1 (sell)");
    }
    return market.book().place(owner, side, reader.price(), reader.quantity());
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
    long revision = market.book().revision();
    long lastTrade = market.tape().lastNumber();
    if (revision == quotedRevision || !connection.isWritable()) {
      return;
    }
    if (MarketWriter.quote(connection, market, connection.id(), quotedTrade)
        == SendResult.ACCEPTED) {
      quotedRevision = revision;
      quotedTrade = lastTrade;
    }
  }
}
