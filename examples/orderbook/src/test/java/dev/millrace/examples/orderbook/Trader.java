// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import dev.millrace.examples.orderbook.wire.MarketMessage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;

/** A client of the market that sends any bytes, over the JDK's WebSocket. */
final class Trader implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 20;

  /** What arrived; the end of the connection comes last. */
  private sealed interface Arrival {
    record Received(MarketMessage message) implements Arrival {}

    record Closed(int code, String reason) implements Arrival {}

    record Failed(Throwable cause) implements Arrival {}
  }

  private final BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();
  private final WebSocket socket;
  private String closeReason = "";

  Trader(HttpClient client, URI page) {
    URI market = URI.create("ws://" + page.getAuthority() + "/market");
    socket = client.newWebSocketBuilder().buildAsync(market, new Listener()).join();
  }

  void send(byte[] message) {
    try {
      socket.sendBinary(ByteBuffer.wrap(message), true).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      // The server may have closed by now; then the arrivals tell.
      if (!(e.getCause() instanceof IOException)) {
        throw new AssertionError(e);
      }
    } catch (InterruptedException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  void sendText(String text) {
    socket.sendText(text, true).join();
  }

  /** The next message for which that holds; those before it are forgotten. */
  MarketMessage await(Predicate<MarketMessage> wanted) {
    while (true) {
      Arrival arrival = next();
      if (!(arrival instanceof Arrival.Received received)) {
        throw new AssertionError("the connection ended: " + arrival);
      }
      if (wanted.test(received.message())) {
        return received.message();
      }
    }
  }

  /** The close code, or 0 if a message for which that holds comes first. */
  int closeCodeUnless(Predicate<MarketMessage> wanted) {
    while (true) {
      Arrival arrival = next();
      if (arrival instanceof Arrival.Closed closed) {
        closeReason = closed.reason();
        return closed.code();
      }
      if (arrival instanceof Arrival.Failed failed) {
        throw new AssertionError("the connection broke", failed.cause());
      }
      if (arrival instanceof Arrival.Received received && wanted.test(received.message())) {
        return 0;
      }
    }
  }

  /** What the server said when it closed. */
  String closeReason() {
    return closeReason;
  }

  int closeCode() {
    return closeCodeUnless(message -> false);
  }

  private Arrival next() {
    try {
      Arrival arrival = arrivals.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
      if (arrival == null) {
        throw new AssertionError("nothing came for " + PATIENCE_SECONDS + " s");
      }
      return arrival;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    socket.abort();
  }

  private final class Listener implements WebSocket.Listener {
    private final ByteArrayOutputStream parts = new ByteArrayOutputStream();

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      byte[] part = new byte[data.remaining()];
      data.get(part);
      parts.writeBytes(part);
      if (last) {
        ByteBuffer message = ByteBuffer.wrap(parts.toByteArray());
        parts.reset();
        arrivals.add(new Arrival.Received(MarketMessage.getRootAsMarketMessage(message)));
      }
      socket.request(1);
      return CompletableFuture.completedStage(null);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      arrivals.add(new Arrival.Closed(code, reason));
      return CompletableFuture.completedStage(null);
    }

    @Override
    public void onError(WebSocket socket, Throwable cause) {
      arrivals.add(new Arrival.Failed(cause));
    }
  }
}
