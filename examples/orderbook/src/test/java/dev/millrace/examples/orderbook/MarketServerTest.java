// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import dev.millrace.CloseCode;
import dev.millrace.ListenException;
import dev.millrace.examples.orderbook.wire.Accepted;
import dev.millrace.examples.orderbook.wire.Canceled;
import dev.millrace.examples.orderbook.wire.Event;
import dev.millrace.examples.orderbook.wire.MarketMessage;
import dev.millrace.examples.orderbook.wire.Queue;
import dev.millrace.examples.orderbook.wire.Quote;
import dev.millrace.examples.orderbook.wire.Refused;
import dev.millrace.examples.orderbook.wire.Side;
import dev.millrace.examples.orderbook.wire.Trade;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

  /** Each is told what was wrong with its message, and where. */
  @Test
  void namesTheFaultWhenItCloses() {
    Map<String, String> closes = new LinkedHashMap<>();
    Storm.malformed().forEach((what, message) -> closes.put(what, closeOf(message)));
    assertThat(closes)
        .containsExactly(
            entry("nothing", "1007 OrderMessage: buffer too short"),
            entry("half an order", closes.get("half an order")),
            entry("another file identifier", "1007 OrderMessage: wrong file identifier"),
            entry("a root far outside", "1007 OrderMessage: table past end"),
            entry("a vtable far outside", "1007 OrderMessage: vtable past end"),
            entry("no request", closes.get("no request")),
            entry("too long a message", closes.get("too long a message")));
    assertThat(closes.get("half an order")).startsWith("1007 OrderMessage");
    assertThat(closes.get("no request"))
        .startsWith("1007 OrderMessage.request")
        .endsWith(": required field missing");
    assertThat(closes.get("too long a message")).startsWith("1009");
    assertThat(closeOf(Orders.ofType((byte) 4)))
        .isEqualTo("1007 OrderMessage.request: no such request: type=4");
  }

  private String closeOf(byte[] message) {
    try (Trader trader = trader()) {
      trader.send(message);
      int code = trader.closeCode();
      return code + " " + trader.closeReason();
    }
  }

  /** Who does not read has at most one quote waiting, the newest, and costs the others nothing. */
  @Test
  void aSlowReaderIsSparedAllButTheNewest() throws Exception {
    try (RawTrader slow = RawTrader.connect(server.page().getPort(), 4 << 10);
        Trader alice = trader()) {
      // Answers that it does not read fill what the kernel keeps for it; quotes come behind them.
      for (int i = 1; i <= 400; i++) {
        slow.send(Orders.probe(i));
      }
      long dropped = 0;
      for (int i = 1; dropped == 0; i++) {
        alice.send(Orders.place(i, Side.Buy, 100 + i % 50, 1));
        MarketMessage message = alice.await(m -> m.eventType() == Event.Quote);
        Quote quote = (Quote) message.event(new Quote());
        assertThat(quote.queues(0).trader()).isEqualTo(2);
        assertThat(quote.queues(0).dropped()).isZero();
        if (quote.queuesLength() > 1) {
          Queue queue = quote.queues(1);
          dropped = queue.dropped();
          assertThat(queue.trader()).isEqualTo(1);
          assertThat(queue.messages()).isLessThanOrEqualTo(1);
          assertThat(queue.bytes()).isLessThanOrEqualTo(2L * MarketServer.MARK_BYTES);
        }
      }
      // It comes to what is new as soon as it reads: in order, and nothing is broken.
      alice.send(Orders.probe(1_000_000));
      assertThat(alice.await(answer(1_000_000)).eventType()).isEqualTo(Event.Echo);
      for (int i = 0; i < 10; i++) {
        assertThat(slow.read()).isTrue();
      }
    }
  }

  @Test
  void theBookGoesOnInAStorm() throws Exception {
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    try (Trader alice = trader()) {
      long before = revision(alice.await(quote -> quote.eventType() == Event.Quote));
      Storm storm = Storm.start(server.page().getPort(), told::add);
      try {
        alice.await(quote -> depth(quote) > 0);
        while (told.size() < 3) {
          alice.send(Orders.probe(5));
          assertThat(alice.await(answer(5)).eventType()).isEqualTo(Event.Echo);
        }
        alice.await(quote -> revision(quote) > before + 100);
      } finally {
        storm.close();
      }
      assertThat(told)
          .contains("nothing: closed with 1007 OrderMessage: buffer too short")
          .noneMatch(line -> line.contains("closed with 1006"));
    }
  }

  /** The most messages that wait for, or were withheld from, anybody else. */
  private static long depth(MarketMessage message) {
    if (message.eventType() != Event.Quote) {
      return -1;
    }
    Quote quote = (Quote) message.event(new Quote());
    long most = 0;
    for (int i = 1; i < quote.queuesLength(); i++) {
      most = Math.max(most, quote.queues(i).messages() + quote.queues(i).dropped());
    }
    return most;
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
      for (int i = 0; i < 2_500; i++) {
        byte[] bytes = good.clone();
        for (int flips = 1 + random.nextInt(8); flips > 0; flips--) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        attack.with(bytes);
      }
      // Both ways out were taken, many times.
      assertThat(attack.closed).isGreaterThan(500);
      assertThat(attack.answered).isGreaterThan(150);

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
