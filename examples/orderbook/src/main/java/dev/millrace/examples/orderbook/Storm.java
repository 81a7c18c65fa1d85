// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.millrace.examples.orderbook.wire.OrderMessage;
import dev.millrace.examples.orderbook.wire.PlaceOrder;
import dev.millrace.examples.orderbook.wire.Request;
import dev.millrace.examples.orderbook.wire.Side;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Traders that a market must survive: one that reads a message a second, one that never reads, one
 * that floods it with orders, and one whose messages are none. Each has a thread, and comes again
 * when its connection ends.
 */
final class Storm implements AutoCloseable {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final int PRICE = 9_000;

  /** So few bytes at once that the kernel keeps little for a reader that is slow. */
  private static final int RECEIVE_BUFFER_BYTES = 4 << 10;

  private final int port;
  private final Consumer<String> out;
  private volatile boolean isOver;

  private Storm(int port, Consumer<String> out) {
    this.port = port;
    this.out = out;
  }

  /**
   * Begins.
   *
   * @param port of a market on this machine
   * @param out is told a line whenever one of them is closed
   */
  static Storm start(int port, Consumer<String> out) {
    Storm storm = new Storm(port, out);
    storm.play("slow", storm::readSlowly);
    storm.play("deaf", storm::neverRead);
    storm.play("flooding", storm::flood);
    storm.play("malformed", storm::sendMalformed);
    return storm;
  }

  /** One visit to the market. */
  private interface Role {
    void play(RawTrader trader) throws IOException;
  }

  private void play(String name, Role role) {
    Thread thread = new Thread(() -> playAgain(name, role), "storm-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  private void playAgain(String name, Role role) {
    while (!isOver) {
      try (RawTrader trader = RawTrader.connect(port, RECEIVE_BUFFER_BYTES)) {
        role.play(trader);
      } catch (IOException e) {
        // Cut, or the market is closed: it comes again.
        if (!isOver) {
          out.accept("the " + name + " trader was cut: " + e.getMessage());
        }
      }
      LockSupport.parkNanos(SECOND / 2);
    }
  }

  private void readSlowly(RawTrader trader) throws IOException {
    while (!isOver && trader.read()) {
      LockSupport.parkNanos(SECOND);
    }
  }

  private void neverRead(RawTrader trader) throws IOException {
    while (!isOver) {
      trader.send(order(PRICE, 1)); // blocks when the market reads no more
      LockSupport.parkNanos(SECOND / 100);
    }
  }

  private void flood(RawTrader trader) throws IOException {
    byte[] order = order(PRICE, 1);
    Thread reader = new Thread(() -> readAll(trader), "storm-flooding-reader");
    reader.setDaemon(true);
    reader.start();
    while (!isOver) {
      trader.send(order);
    }
  }

  private void readAll(RawTrader trader) {
    try {
      while (!isOver && trader.read()) {
        // whatever it is
      }
    } catch (IOException gone) {
      return; // which the writer notices as well
    }
  }

  /** One message that is none for each connection: the market says why it closes. */
  private void sendMalformed(RawTrader first) throws IOException {
    for (Map.Entry<String, byte[]> message : malformed().entrySet()) {
      if (isOver) {
        return;
      }
      try (RawTrader trader = RawTrader.connect(port, RECEIVE_BUFFER_BYTES)) {
        trader.send(message.getValue());
        while (trader.read()) {
          // quotes, until the market has closed
        }
        out.accept(message.getKey() + ": closed with " + trader.reason());
      }
      LockSupport.parkNanos(SECOND / 4);
    }
  }

  /** Messages that no market may read, by what is wrong with them. */
  static Map<String, byte[]> malformed() {
    Map<String, byte[]> messages = new LinkedHashMap<>();
    messages.put("nothing", new byte[0]);
    byte[] cut = order(PRICE, 1);
    messages.put("half an order", Arrays.copyOf(cut, cut.length / 2));
    byte[] stranger = order(PRICE, 1);
    stranger[4] ^= 1;
    messages.put("another file identifier", stranger);
    byte[] wild = order(PRICE, 1);
    wild[2] = 0x7F; // the root lies 8 MB away
    messages.put("a root far outside", wild);
    byte[] vtable = order(PRICE, 1);
    vtable[root(vtable) + 2] = 0x70;
    messages.put("a vtable far outside", vtable);
    messages.put("no request", withoutRequest());
    messages.put("too long a message", new byte[MarketServer.MAX_MESSAGE_BYTES + 1]);
    return messages;
  }

  private static int root(byte[] message) {
    return message[0] & 0xFF;
  }

  private static byte[] order(int price, int quantity) {
    FlatBufferBuilder builder = new FlatBufferBuilder(128);
    int place = PlaceOrder.createPlaceOrder(builder, Side.Buy, price, quantity);
    int order = OrderMessage.createOrderMessage(builder, 1, 0, Request.PlaceOrder, place);
    OrderMessage.finishOrderMessageBuffer(builder, order);
    return builder.sizedByteArray();
  }

  private static byte[] withoutRequest() {
    FlatBufferBuilder builder = new FlatBufferBuilder(128);
    builder.startTable(4);
    OrderMessage.addCorrelation(builder, 1);
    OrderMessage.finishOrderMessageBuffer(builder, builder.endTable());
    return builder.sizedByteArray();
  }

  @Override
  public void close() {
    isOver = true;
  }
}
