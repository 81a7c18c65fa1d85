// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.MillraceException;
import dev.millrace.Server;
import dev.millrace.SocketOptions;
import dev.millrace.examples.orderbook.wire.OrderMessage;
import dev.millrace.flatbuffers.Schema;
import dev.millrace.flatbuffers.TypedHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.Duration;

/** The order book's server: the page, and the market it talks to, on one port. */
final class MarketServer implements AutoCloseable {
  /** Larger than any order message can be that is not padded on purpose. */
  static final int MAX_MESSAGE_BYTES = 4096;

  /** Market data is worth something while it is new: no more of it waits than a moment's. */
  static final int MARK_BYTES = 16 << 10;

  /** More than a person clicks and a program needs; whoever sends more is read later. */
  static final int ORDERS_PER_SECOND = 500;

  private static final Duration DRAIN = Duration.ofSeconds(2);
  private static final long SEED = 20;

  private final Server server;

  private MarketServer(Server server) {
    this.server = server;
  }

  /**
   * Starts on the loopback address.
   *
   * @param port 0 takes any that is free
   * @throws MillraceException if the port is taken or the engine cannot run; one sentence that says
   *     what to do
   */
  static MarketServer start(int port) throws MillraceException {
    return start(port, Engine.AUTO);
  }

  /** As {@link #start(int)}, on an engine. */
  static MarketServer start(int port, Engine engine) throws MillraceException {
    Market market = new Market(SEED);
    Schema<OrderMessage> orders =
        Schema.load(resource("orders.bfbs"), OrderMessage::getRootAsOrderMessage);
    byte[] page = resource("web/index.html");
    byte[] style = resource("web/style.css");
    byte[] script = resource("web/page.js");
    byte[] icon = resource("web/icon.svg");
    return new MarketServer(
        Server.builder()
            .engine(engine)
            .listen("ws://127.0.0.1:" + port)
            // The book belongs to one loop, which is why nothing in this program needs a lock.
            .loops(1)
            .limits(
                Limits.defaults()
                    .withMaxMessageBytes(MAX_MESSAGE_BYTES)
                    .withHighWaterMarkBytes(MARK_BYTES)
                    .withMaxMessagesPerSecond(ORDERS_PER_SECOND))
            // What the kernel keeps for a slow reader nobody can replace by something newer.
            .socketOptions(SocketOptions.defaults().withSendBufferBytes(MARK_BYTES))
            .route("/market", () -> TypedHandler.of(orders, new Subscriber(market)))
            .getBytes("/", "text/html; charset=utf-8", () -> page)
            .getBytes("/style.css", "text/css; charset=utf-8", () -> style)
            .getBytes("/page.js", "text/javascript; charset=utf-8", () -> script)
            .getBytes("/icon.svg", "image/svg+xml", () -> icon)
            .start());
  }

  /** Where the page is, with the port really bound. */
  URI page() {
    URI address = server.addresses().get(0);
    return URI.create("http://" + address.getHost() + ":" + address.getPort() + "/");
  }

  /** Tells every page that the server goes away, and returns when it has. May be called again. */
  @Override
  public void close() {
    server.shutdown(DRAIN);
  }

  void awaitShutdown() throws InterruptedException {
    server.awaitShutdown();
  }

  private static byte[] resource(String path) {
    try (InputStream in = MarketServer.class.getResourceAsStream(path)) {
      if (in == null) {
        throw new IllegalStateException("not on the class path: " + path + "; build the example");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + path, e);
    }
  }
}
