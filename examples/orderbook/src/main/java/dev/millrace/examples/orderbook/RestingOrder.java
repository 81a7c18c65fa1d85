// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

/** An order that waits in the book. Only the book changes it. */
final class RestingOrder {
  private final long id;
  private final long owner;
  private final Side side;
  private final int price;
  private int quantity;

  RestingOrder(long id, long owner, Side side, int price, int quantity) {
    this.id = id;
    this.owner = owner;
    this.side = side;
    this.price = price;
    this.quantity = quantity;
  }

  long id() {
    return id;
  }

  long owner() {
    return owner;
  }

  Side side() {
    return side;
  }

  int price() {
    return price;
  }

  /** What is left of it. */
  int quantity() {
    return quantity;
  }

  void reduce(int by) {
    quantity -= by;
  }
}
