// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.millrace.CloseCode;
import dev.millrace.ListenException;
import dev.millrace.examples.orderbook.wire.Accepted;
import dev.millrace.examples.orderbook.wire.Canceled;
import dev.millrace.examples.orderbook.wire.Event;
import dev.millrace.examples.orderbook.wire.MarketMessage;
import dev.millrace.examples.orderbook.wire.Quote;
import dev.millrace.examples.orderbook.wire.Refused;
import dev.millrace.examples.orderbook.wire.Side;
import dev.millrace.examples.orderbook.wire.Trade;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class MarketServerTest {
  private final HttpClient client = HttpClient.newHttpClient();
  private MarketServer server;

  @BeforeEach
  void start() throws Exception {
    server = MarketServer.start(0);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void servesThePage() throws Exception {
    assertThat(get("").body()).contains("<title>Order book</title>");
    assertThat(get("style.css").headers().firstValue("content-type"))
        .hasValue("text/css; charset=utf-8");
    assertThat(get("page.js").body()).contains("market message");
    assertThat(get("icon.svg").statusCode()).isEqualTo(200);
    assertThat(get("absent").statusCode()).isEqualTo(404);
  }

  @Test
  void aTakenPortIsOneSentence() {
    assertThatThrownBy(() -> MarketServer.start(server.page().getPort()))
        .isInstanceOf(ListenException.class)
        .hasMessageContaining(String.valueOf(server.page().getPort()));
  }

  @Test
  void tradesAndTellsEverybody() {
    try (Trader alice = trader();
        Trader bob = trader()) {
      long before = lastTrade(alice.await(message -> message.eventType() == Event.Quote));
      // Above every ask of the market maker: it trades one unit at the best of them.
      alice.send(Orders.place(7, Side.Buy, 20_000, 1));

      MarketMessage answer = alice.await(answer(7));
      Accepted accepted = new Accepted();
      answer.event(accepted);
      assertThat(answer.sentAt()).isEqualTo(12.5);
      assertThat(accepted.filled()).isOne();
      assertThat(accepted.rested()).isZero();
      Predicate<MarketMessage> trade = showsTrade(before, 1, Side.Buy);
      alice.await(trade);
      bob.await(trade);
    }
  }

  @Test
  void ordersEndWithTheirConnection() {
    try (Trader bob = trader()) {
      try (Trader alice = trader()) {
        // More than the market maker offers, so that this is the best bid for a while.
        for (int i = 1; i <= 5; i++) {
          alice.send(Orders.place(i, Side.Buy, 10_500, 1_000));
        }
        alice.await(answer(5));
        bob.await(quote -> bestBid(quote) == 10_500);
      }
      bob.await(quote -> bestBid(quote) != 0 && bestBid(quote) < 10_500);
    }
  }

  @Test
  void cancelsOnlyOwnOrders() {
    try (Trader alice = trader();
        Trader bob = trader()) {
      alice.send(Orders.place(1, Side.Sell, 900_000, 5));
      Accepted accepted = new Accepted();
      alice.await(answer(1)).event(accepted);

      bob.send(Orders.cancel(2, accepted.order()));
      MarketMessage refusal = bob.await(answer(2));
      assertThat(refusal.eventType()).isEqualTo(Event.Refused);

      alice.send(Orders.cancel(3, accepted.order()));
      Canceled canceled = new Canceled();
      alice.await(answer(3)).event(canceled);
      assertThat(canceled.quantity()).isEqualTo(5);
    }
  }

  @Test
  void refusesWithTheValueAndTheLimit() {
    try (Trader alice = trader()) {
      alice.send(Orders.place(1, Side.Buy, 100, Integer.MIN_VALUE));
      assertThat(refusal(alice, 1))
          .isEqualTo("quantity out of range: quantity=-2147483648, limit=1 to 1000");
      alice.send(Orders.place(2, Side.Buy, 0, 1));
      assertThat(refusal(alice, 2)).isEqualTo("price out of range: price=0, limit=1 to 1000000");
      alice.send(Orders.place(3, (byte) 2, 100, 1));
      assertThat(refusal(alice, 3)).isEqualTo("no such side: side=2, limit=0 (buy) to 1 (sell)");
    }
  }

  @Test
  void closesWhatIsNoOrderMessage() {
    try (Trader text = trader()) {
      text.sendText("buy");
      assertThat(text.closeCode()).isEqualTo(CloseCode.UNSUPPORTED_DATA);
    }
    try (Trader empty = trader()) {
      empty.send(new byte[0]);
      assertThat(empty.closeCode()).isEqualTo(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
    }
    try (Trader large = trader()) {
      large.send(new byte[MarketServer.MAX_MESSAGE_BYTES + 1]);
      assertThat(large.closeCode()).isEqualTo(CloseCode.MESSAGE_TOO_BIG);
    }
  }

  @Test
  void hostileOrdersHurtNobodyElse() throws Exception {
    Random random = new Random(42);
    byte[] good = Orders.place(1, Side.Buy, 10_000, 10);
    try (Trader bystander = trader();
        Attack attack = new Attack()) {
      for (int length = 0; length < good.length; length++) {
        attack.with(Arrays.copyOf(good, length));
      }
      for (int i = 0; i < 4_000; i++) {
        byte[] bytes = good.clone();
        for (int flips = 1 + random.nextInt(8); flips > 0; flips--) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        attack.with(bytes);
      }
      // Both ways out were taken, many times.
      assertThat(attack.closed).isGreaterThan(500);
      assertThat(attack.answered).isGreaterThan(500);

      bystander.send(Orders.probe(77));
      assertThat(bystander.await(answer(77)).eventType()).isEqualTo(Event.Echo);
      long revision = revision(bystander.await(quote -> quote.eventType() == Event.Quote));
      bystander.await(quote -> revision(quote) > revision);
      assertThat(get("").statusCode()).isEqualTo(200);
    }
  }

  /** Sends hostile messages, on a new connection whenever the server has closed the last. */
  private final class Attack implements AutoCloseable {
    private static final long AFTER = 0xABCD_EF01L;

    private Trader trader = trader();
    private int closed;
    private int answered;

    void with(byte[] message) {
      trader.send(message);
      trader.send(Orders.probe(AFTER));
      int code = trader.closeCodeUnless(answer(AFTER));
      if (code == 0) {
        answered++;
        return;
      }
      assertThat(code).isEqualTo(CloseCode.INVALID_FRAME_PAYLOAD_DATA);
      closed++;
      trader.close();
      trader = trader();
    }

    @Override
    public void close() {
      trader.close();
    }
  }

  private Trader trader() {
    return new Trader(client, server.page());
  }

  private HttpResponse<String> get(String path) throws Exception {
    return client.send(
        HttpRequest.newBuilder(server.page().resolve(path)).build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static Predicate<MarketMessage> answer(long correlation) {
    return message -> message.eventType() != Event.Quote && message.correlation() == correlation;
  }

  private static String refusal(Trader trader, long correlation) {
    Refused refused = new Refused();
    trader.await(answer(correlation)).event(refused);
    return refused.reason();
  }

  private static Predicate<MarketMessage> showsTrade(long after, int quantity, byte taker) {
    return message -> {
      if (message.eventType() != Event.Quote) {
        return false;
      }
      Quote quote = new Quote();
      message.event(quote);
      for (int i = 0; i < quote.tradesLength(); i++) {
        Trade trade = quote.trades(i);
        if (trade.number() > after && trade.quantity() == quantity && trade.taker() == taker) {
          return true;
        }
      }
      return false;
    };
  }

  private static long lastTrade(MarketMessage message) {
    Quote quote = new Quote();
    message.event(quote);
    return quote.trades(quote.tradesLength() - 1).number();
  }

  private static int bestBid(MarketMessage message) {
    if (message.eventType() != Event.Quote) {
      return 0;
    }
    Quote quote = new Quote();
    message.event(quote);
    return quote.bidsLength() == 0 ? 0 : quote.bids(0).price();
  }

  private static long revision(MarketMessage message) {
    if (message.eventType() != Event.Quote) {
      return -1;
    }
    Quote quote = new Quote();
    message.event(quote);
    return quote.revision();
  }
}
