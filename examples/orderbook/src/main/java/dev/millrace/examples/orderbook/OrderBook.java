// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Matches orders by price, then by time.
 *
 * <p>An incoming order trades with the best resting order of the other side, at that order's price,
 * for as long as the prices cross; what is left rests. Owners may trade with themselves: this is a
 * toy market, and it lets one person see a trade.
 *
 * <p>Its size is bounded, and no value a peer may send gets past {@link #place} unchecked. It is
 * not thread-safe: it belongs to one loop.
 */
final class OrderBook {
  /** The highest price, in cents. */
  static final int MAX_PRICE = 1_000_000;

  /** The largest order. With {@link #MAX_RESTING_ORDERS} it keeps every sum within an int. */
  static final int MAX_QUANTITY = 1_000;

  /** How many orders one owner may have in the book. */
  static final int MAX_OPEN_ORDERS = 50;

  /** How many orders the book holds in all. */
  static final int MAX_RESTING_ORDERS = 10_000;

  /** The schema's uint. */
  private static final long MAX_ID = 0xFFFF_FFFFL;

  /** Told of every trade, while the book is in the middle of a change: it must not call back. */
  @FunctionalInterface
  interface TradeListener {
    void onTrade(int price, int quantity, Side taker);
  }

  private final NavigableMap<Integer, PriceLevel> bids = new TreeMap<>(Comparator.reverseOrder());
  private final NavigableMap<Integer, PriceLevel> asks = new TreeMap<>();
  private final Map<Long, RestingOrder> orders = new HashMap<>();
  private final Map<Long, Map<Long, RestingOrder>> ordersByOwner = new HashMap<>();
  private final TradeListener trades;
  private long lastId;
  private long revision;

  OrderBook(TradeListener trades) {
    this.trades = trades;
  }

  /** Changes with every change of the book. */
  long revision() {
    return revision;
  }

  /**
   * Buys or sells at a price or better.
   *
   * @param price in cents, 1 to {@link #MAX_PRICE}
   * @param quantity 1 to {@link #MAX_QUANTITY}
   * @return accepted or refused
   */
  Outcome place(long owner, Side side, int price, int quantity) {
    if (price < 1 || price > MAX_PRICE) {
      return new Outcome.Refused(
          "price out of range: price=" + price + ", limit=1 to " + MAX_PRICE);
    }
    if (quantity < 1 || quantity > MAX_QUANTITY) {
      return new Outcome.Refused(
          "quantity out of range: quantity=" + quantity + ", limit=1 to " + MAX_QUANTITY);
    }
    // Checked before anything trades, though a full match would need no room: an order is taken or
    // refused as a whole.
    int open = openOrders(owner).size();
    if (open >= MAX_OPEN_ORDERS) {
      return new Outcome.Refused(
          "too many open orders: count=" + open + ", limit=" + MAX_OPEN_ORDERS);
    }
    if (orders.size() >= MAX_RESTING_ORDERS) {
      return new Outcome.Refused(
          "the book is full: count=" + orders.size() + ", limit=" + MAX_RESTING_ORDERS);
    }
    long id = nextId();
    int rest = match(side, price, quantity);
    if (rest > 0) {
      rest(new RestingOrder(id, owner, side, price, rest));
    }
    revision++;
    return new Outcome.Accepted(id, quantity - rest, rest);
  }

  /**
   * Takes an order out of the book.
   *
   * @return canceled, or refused if the owner has no such order
   */
  Outcome cancel(long owner, long id) {
    RestingOrder order = orders.get(id);
    // Who asks for another's order learns no more than who asks for one that never was.
    if (order == null || order.owner() != owner) {
      return new Outcome.Refused("no such open order of yours: order=" + id);
    }
    int quantity = order.quantity();
    reduce(order, quantity);
    revision++;
    return new Outcome.Canceled(id, quantity);
  }

  /** Takes all orders of an owner out of the book. */
  void cancelAll(long owner) {
    for (RestingOrder order : List.copyOf(openOrders(owner))) {
      cancel(owner, order.id());
    }
  }

  /** The orders of an owner that rest in the book, oldest first; a view. */
  Collection<RestingOrder> openOrders(long owner) {
    return ordersByOwner.getOrDefault(owner, Map.of()).values();
  }

  /** The best levels of one side, best first. */
  List<PriceLevel> best(Side side, int count) {
    List<PriceLevel> best = new ArrayList<>();
    for (PriceLevel level : levels(side).values()) {
      if (best.size() == count) {
        break;
      }
      best.add(level);
    }
    return best;
  }

  /** How many orders rest in the book. */
  int orderCount() {
    return orders.size();
  }

  /** Trades what crosses and returns what is left. */
  private int match(Side side, int price, int quantity) {
    NavigableMap<Integer, PriceLevel> resting = levels(side.opposite());
    int rest = quantity;
    while (rest > 0 && !resting.isEmpty()) {
      PriceLevel best = resting.firstEntry().getValue();
      if (side == Side.BUY ? best.price() > price : best.price() < price) {
        break;
      }
      RestingOrder maker = best.first();
      int traded = Math.min(rest, maker.quantity());
      rest -= traded;
      reduce(maker, traded);
      trades.onTrade(maker.price(), traded, side);
    }
    return rest;
  }

  private void rest(RestingOrder order) {
    levels(order.side()).computeIfAbsent(order.price(), PriceLevel::new).add(order);
    orders.put(order.id(), order);
    ordersByOwner
        .computeIfAbsent(order.owner(), owner -> new LinkedHashMap<>())
        .put(order.id(), order);
  }

  private void reduce(RestingOrder order, int by) {
    NavigableMap<Integer, PriceLevel> levels = levels(order.side());
    PriceLevel level = levels.get(order.price());
    level.reduce(order, by);
    if (level.isEmpty()) {
      levels.remove(order.price());
    }
    if (order.quantity() > 0) {
      return;
    }
    orders.remove(order.id());
    Map<Long, RestingOrder> owned = ordersByOwner.get(order.owner());
    owned.remove(order.id());
    if (owned.isEmpty()) {
      ordersByOwner.remove(order.owner());
    }
  }

  private NavigableMap<Integer, PriceLevel> levels(Side side) {
    return side == Side.BUY ? bids : asks;
  }

  /** Ids wrap after four thousand million orders; one that still rests keeps its own. */
  private long nextId() {
    do {
      lastId = lastId == MAX_ID ? 1 : lastId + 1;
    } while (orders.containsKey(lastId));
    return lastId;
  }
}
