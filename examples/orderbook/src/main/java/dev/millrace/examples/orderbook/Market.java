// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import java.time.Duration;

/**
 * The one market of a server: the book, its tape and its market maker.
 *
 * <p>It has no lock, because it belongs to one loop: the server is started with a single one, and
 * only handlers and tasks of that loop touch the market. It has no clock of its own either: time
 * passes when a subscriber's beat calls {@link #advance}, so a market nobody looks at costs
 * nothing.
 */
final class Market {
  /** How often the market maker moves. */
  static final Duration STEP = Duration.ofMillis(150);

  private static final int OPENING_STEPS = 60;

  private final Tape tape = new Tape();
  private final Traders traders = new Traders();
  private final OrderBook book =
      new OrderBook(
          (price, quantity, taker) -> tape.add(price, quantity, taker, System.currentTimeMillis()));
  private final MarketMaker maker;
  private long nextStepNanos = System.nanoTime();

  Market(long seed) {
    maker = new MarketMaker(book, seed);
    for (int i = 0; i < OPENING_STEPS; i++) {
      maker.step();
    }
  }

  OrderBook book() {
    return book;
  }

  Tape tape() {
    return tape;
  }

  Traders traders() {
    return traders;
  }

  /** Lets the market maker move if its time has come: one step, however long nobody called. */
  void advance(long nowNanos) {
    if (nowNanos - nextStepNanos >= 0) {
      nextStepNanos = nowNanos + STEP.toNanos();
      maker.step();
    }
  }
}
