// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * All orders at one price, in the order in which they came: the first to come is the first to
 * trade.
 */
final class PriceLevel {
  private final int price;
  private final Map<Long, RestingOrder> orders = new LinkedHashMap<>();
  private int quantity;

  PriceLevel(int price) {
    this.price = price;
  }

  int price() {
    return price;
  }

  /** The sum over all its orders. */
  int quantity() {
    return quantity;
  }

  int orderCount() {
    return orders.size();
  }

  boolean isEmpty() {
    return orders.isEmpty();
  }

  void add(RestingOrder order) {
    orders.put(order.id(), order);
    quantity += order.quantity();
  }

  RestingOrder first() {
    return orders.values().iterator().next();
  }

  /** Takes {@code by} off an order, and the order off the level when nothing is left of it. */
  void reduce(RestingOrder order, int by) {
    order.reduce(by);
    quantity -= by;
    if (order.quantity() == 0) {
      orders.remove(order.id());
    }
  }
}
