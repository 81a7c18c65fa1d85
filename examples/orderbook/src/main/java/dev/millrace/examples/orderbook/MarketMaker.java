// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import java.util.Collection;
import java.util.List;
import java.util.Random;

/**
 * Makes the market live when one person looks at it: it quotes both sides of a price that wanders,
 * and now and then trades. It is one owner among the others, bound by the same limits, and the same
 * seed gives the same market.
 */
final class MarketMaker {
  /** No connection has this id. */
  static final long OWNER = -1;

  private static final int FAIR_PRICE = 10_000;
  private static final int GRID = 5;
  private static final int MAX_DISTANCE = 20 * GRID;
  private static final int MAX_QUOTES = 44;
  private static final int MAX_QUOTED = 120;
  private static final int MAX_TAKEN = 60;
  private static final double TRADE_PROBABILITY = 0.3;

  private final OrderBook book;
  private final Random random;
  private double fair = FAIR_PRICE;

  MarketMaker(OrderBook book, long seed) {
    this.book = book;
    this.random = new Random(seed);
  }

  /** One small change of the market. */
  void step() {
    // The pull towards the middle keeps the walk within a few hundred cents of it for ever.
    fair += random.nextGaussian() * 3 + (FAIR_PRICE - fair) * 0.01;
    withdrawStale();
    quote(Side.BUY);
    quote(Side.SELL);
    if (random.nextDouble() < TRADE_PROBABILITY) {
      take(random.nextBoolean() ? Side.BUY : Side.SELL);
    }
  }

  /**
   * Takes back what the price has run into or away from, and the oldest beyond the number allowed.
   */
  private void withdrawStale() {
    Collection<RestingOrder> open = book.openOrders(OWNER);
    int excess = open.size() + 2 - MAX_QUOTES;
    for (RestingOrder order : List.copyOf(open)) {
      double distance = order.side() == Side.BUY ? fair - order.price() : order.price() - fair;
      if (excess > 0 || distance < 0 || distance > MAX_DISTANCE) {
        book.cancel(OWNER, order.id());
        excess--;
      }
    }
  }

  private void quote(Side side) {
    // The minimum of two draws: more is offered near the price than far from it.
    int steps = Math.min(random.nextInt(18), random.nextInt(18)) + 1;
    int nearest = (int) (side == Side.BUY ? Math.floor(fair / GRID) : Math.ceil(fair / GRID));
    int price = (side == Side.BUY ? nearest - steps : nearest + steps) * GRID;
    book.place(OWNER, side, price, 10 + random.nextInt(MAX_QUOTED - 9));
  }

  private void take(Side side) {
    List<PriceLevel> best = book.best(side.opposite(), 1);
    if (!best.isEmpty()) {
      PriceLevel level = best.get(0);
      // Never more than the level holds, so that it trades and leaves nothing behind.
      int quantity = Math.min(level.quantity(), 1 + random.nextInt(MAX_TAKEN));
      book.place(OWNER, side, level.price(), quantity);
    }
  }
}
