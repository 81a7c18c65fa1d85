// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import org.jspecify.annotations.Nullable;

/** Which way an order goes. */
enum Side {
  BUY(dev.millrace.examples.orderbook.wire.Side.Buy),
  SELL(dev.millrace.examples.orderbook.wire.Side.Sell);

  private final byte wire;

  Side(byte wire) {
    this.wire = wire;
  }

  /** The number the schema gives it. */
  byte wire() {
    return wire;
  }

  /** The side with that number, or null: a peer may send any byte. */
  static @Nullable Side ofWire(byte wire) {
    for (Side side : values()) {
      if (side.wire == wire) {
        return side;
      }
    }
    return null;
  }

  Side opposite() {
    return this == BUY ? SELL : BUY;
  }
}
