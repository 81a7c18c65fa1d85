// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Connection;
import dev.millrace.Lease;
import dev.millrace.SendResult;
import dev.millrace.examples.orderbook.wire.MarketMessage;
import dev.millrace.examples.orderbook.wire.Quote;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The beat of a subscriber, on a connection that the test makes slow. */
class SubscriberTest {
  private final Market market = new Market(1);
  private final List<ByteBuffer> sent = new ArrayList<>();
  private final Connection connection = fake(Connection.class, this::call);
  private Runnable beat = () -> {};
  private long dropped;

  private static <T> T fake(Class<T> type, InvocationHandler calls) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, calls));
  }

  private Object call(Object proxy, Method method, Object[] arguments) {
    return switch (method.getName()) {
      case "isOpen" -> true;
      case "schedule" -> {
        beat = (Runnable) arguments[0];
        yield null;
      }
      case "lease" -> lease((int) arguments[0]);
      case "send" -> {
        sent.add(((Lease) arguments[0]).buffer());
        yield SendResult.ACCEPTED;
      }
      case "droppedMessages" -> dropped;
      case "id", "bufferedBytes" -> 0L;
      case "queuedMessages", "hashCode" -> 0;
      case "equals" -> proxy == arguments[0];
      default -> throw new AssertionError(method);
    };
  }

  private static Lease lease(int capacity) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(capacity);
    return fake(
        Lease.class,
        (proxy, method, arguments) ->
            switch (method.getName()) {
              case "buffer" -> buffer;
              case "capacity" -> capacity;
              case "range" -> {
                buffer.limit((int) arguments[0] + (int) arguments[1]).position((int) arguments[0]);
                yield proxy;
              }
              case "close" -> null;
              default -> throw new AssertionError(method);
            });
  }

  /** Those of the one quote that was sent since the last look. */
  private List<Long> tradesSent() {
    assertThat(sent).hasSize(1);
    ByteBuffer latest = sent.remove(0).slice();
    Quote quote = new Quote();
    MarketMessage.getRootAsMarketMessage(latest).event(quote);
    return IntStream.range(0, quote.tradesLength())
        .mapToObj(i -> quote.trades(i).number())
        .toList();
  }

  @Test
  void tradesOfAQuoteThatWasDroppedAreToldAgain() {
    new Subscriber(market).onOpen(connection);
    tradesSent();
    // Above every ask of the market maker.
    market.book().place(99, Side.BUY, 20_000, 1);
    long trade = market.tape().lastNumber();
    beat.run();
    assertThat(tradesSent()).contains(trade);
    dropped++;
    beat.run();
    assertThat(tradesSent()).contains(trade);
    market.book().place(99, Side.BUY, 20_000, 1);
    beat.run();
    assertThat(tradesSent()).doesNotContain(trade).isNotEmpty();
  }
}
