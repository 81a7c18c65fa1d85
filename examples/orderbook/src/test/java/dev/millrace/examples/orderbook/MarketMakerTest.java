// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MarketMakerTest {

  @Test
  void quotesBothSidesAndTradesWithinItsBoundsForAsLongAsOneLikes() {
    List<Integer> prices = new ArrayList<>();
    OrderBook book = new OrderBook((price, quantity, taker) -> prices.add(price));
    MarketMaker maker = new MarketMaker(book, 1);
    for (int i = 0; i < 50_000; i++) {
      maker.step();
      assertThat(book.orderCount()).isLessThanOrEqualTo(OrderBook.MAX_OPEN_ORDERS);
      if (i > 20) {
        assertThat(book.best(Side.BUY, 1)).isNotEmpty();
        assertThat(book.best(Side.SELL, 1)).isNotEmpty();
      }
    }
    assertThat(prices.size()).isGreaterThan(5_000);
    assertThat(prices).allSatisfy(price -> assertThat(price).isBetween(9_000, 11_000));
  }

  @Test
  void theSameSeedGivesTheSameMarket() {
    assertThat(trades(5)).isEqualTo(trades(5)).isNotEqualTo(trades(6)).isNotEmpty();
  }

  private static List<String> trades(long seed) {
    List<String> trades = new ArrayList<>();
    OrderBook book =
        new OrderBook((price, quantity, taker) -> trades.add(price + " " + quantity + " " + taker));
    MarketMaker maker = new MarketMaker(book, seed);
    for (int i = 0; i < 500; i++) {
      maker.step();
    }
    return trades;
  }
}
