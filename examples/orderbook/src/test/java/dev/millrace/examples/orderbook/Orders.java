// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.examples.orderbook.wire.CancelOrder;
import dev.millrace.examples.orderbook.wire.OrderMessage;
import dev.millrace.examples.orderbook.wire.PlaceOrder;
import dev.millrace.examples.orderbook.wire.Probe;
import dev.millrace.examples.orderbook.wire.Request;

/** The messages a page sends, for tests. */
final class Orders {
  private Orders() {}

  static byte[] place(long correlation, byte side, int price, int quantity) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int order = PlaceOrder.createPlaceOrder(builder, side, price, quantity);
    return finish(builder, correlation, Request.PlaceOrder, order);
  }

  static byte[] cancel(long correlation, long order) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    return finish(
        builder, correlation, Request.CancelOrder, CancelOrder.createCancelOrder(builder, order));
  }

  static byte[] probe(long correlation) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    Probe.startProbe(builder);
    return finish(builder, correlation, Request.Probe, Probe.endProbe(builder));
  }

  /**
   * A message whose request has the given type and is an order to place, whatever the type says.
   */
  static byte[] ofType(byte type) {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int order = PlaceOrder.createPlaceOrder(builder, (byte) 0, 100, 1);
    return finish(builder, 1, type, order);
  }

  private static byte[] finish(
      FlatBufferBuilder builder, long correlation, byte type, int request) {
    int root = OrderMessage.createOrderMessage(builder, correlation, 12.5, type, request);
    OrderMessage.finishOrderMessageBuffer(builder, root);
    return builder.sizedByteArray();
  }
}
