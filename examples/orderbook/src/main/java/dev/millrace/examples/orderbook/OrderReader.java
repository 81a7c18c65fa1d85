// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import dev.millrace.examples.orderbook.wire.CancelOrder;
import dev.millrace.examples.orderbook.wire.OrderMessage;
import dev.millrace.examples.orderbook.wire.PlaceOrder;
import dev.millrace.examples.orderbook.wire.Request;
import java.nio.ByteBuffer;

/**
 * Reads orders where they lie: the generated accessors look into the received bytes, and nothing is
 * copied but the few numbers an order consists of.
 *
 * <p>Messages are not verified against their schema in this version. What keeps a hostile one
 * harmless is that the payload is a slice of exactly the message: an offset that points outside it
 * throws {@link IndexOutOfBoundsException} and can show no other peer's bytes. An offset that
 * points inside it, to the wrong place, yields wrong numbers, which the book checks like any
 * others. All numbers are read before the first is acted upon, so an order is taken as a whole or
 * not at all.
 *
 * <p>Accessors are reused, so a reader serves one thread.
 */
final class OrderReader {
  private final OrderMessage message = new OrderMessage();
  private final PlaceOrder placeOrder = new PlaceOrder();
  private final CancelOrder cancelOrder = new CancelOrder();

  private long correlation;
  private double sentAt;
  private byte requestType;
  private byte side;
  private int price;
  private int quantity;
  private long order;

  /**
   * Reads a message into this reader.
   *
   * @param payload exactly the message
   * @return false if it is no order message: another file identifier, a kind of request that the
   *     schema does not have, or none at all
   * @throws IndexOutOfBoundsException if it is too short, or an offset points outside it
   */
  boolean read(ByteBuffer payload) {
    if (!OrderMessage.OrderMessageBufferHasIdentifier(payload)) {
      return false;
    }
    OrderMessage.getRootAsOrderMessage(payload, message);
    correlation = message.correlation();
    sentAt = message.sentAt();
    requestType = message.requestType();
    switch (requestType) {
      case Request.PlaceOrder:
        if (message.request(placeOrder) == null) {
          return false;
        }
        side = placeOrder.side();
        price = placeOrder.price();
        quantity = placeOrder.quantity();
        return true;
      case Request.CancelOrder:
        if (message.request(cancelOrder) == null) {
          return false;
        }
        order = cancelOrder.order();
        return true;
      case Request.Probe:
        return true;
      default:
        return false;
    }
  }

  /** Chosen by the sender; its answer carries it. */
  long correlation() {
    return correlation;
  }

  /** The sender's own clock; its answer carries it. */
  double sentAt() {
    return sentAt;
  }

  /** One of the constants of {@link Request}, never {@code NONE}; it says which fields count. */
  byte requestType() {
    return requestType;
  }

  byte side() {
    return side;
  }

  int price() {
    return price;
  }

  int quantity() {
    return quantity;
  }

  long order() {
    return order;
  }
}
