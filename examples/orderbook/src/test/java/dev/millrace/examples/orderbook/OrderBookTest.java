// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OrderBookTest {
  private static final long ALICE = 1;
  private static final long BOB = 2;

  private record Fill(int price, int quantity, Side taker) {}

  private final List<Fill> fills = new ArrayList<>();
  private final OrderBook book =
      new OrderBook((price, quantity, taker) -> fills.add(new Fill(price, quantity, taker)));

  @Test
  void restsWhatDoesNotCross() {
    assertThat(book.place(ALICE, Side.BUY, 99, 10)).isEqualTo(new Outcome.Accepted(1, 0, 10));
    assertThat(book.place(BOB, Side.SELL, 100, 5)).isEqualTo(new Outcome.Accepted(2, 0, 5));

    assertThat(fills).isEmpty();
    assertThat(shape(Side.BUY)).containsExactly("99: 10 in 1");
    assertThat(shape(Side.SELL)).containsExactly("100: 5 in 1");
  }

  @Test
  void tradesAtTheRestingOrdersPrice() {
    book.place(ALICE, Side.SELL, 100, 10);

    assertThat(book.place(BOB, Side.BUY, 105, 10)).isEqualTo(new Outcome.Accepted(2, 10, 0));

    assertThat(fills).containsExactly(new Fill(100, 10, Side.BUY));
    assertThat(book.orderCount()).isZero();
  }

  @Test
  void fillsTheRestingOrderInParts() {
    book.place(ALICE, Side.BUY, 100, 10);

    assertThat(book.place(BOB, Side.SELL, 100, 4)).isEqualTo(new Outcome.Accepted(2, 4, 0));
    assertThat(shape(Side.BUY)).containsExactly("100: 6 in 1");
    assertThat(book.place(BOB, Side.SELL, 100, 6)).isEqualTo(new Outcome.Accepted(3, 6, 0));

    assertThat(book.orderCount()).isZero();
    assertThat(book.openOrders(ALICE)).isEmpty();
  }

  @Test
  void restsWhatIsLeftOfTheIncomingOrder() {
    book.place(ALICE, Side.SELL, 100, 4);

    assertThat(book.place(BOB, Side.BUY, 101, 10)).isEqualTo(new Outcome.Accepted(2, 4, 6));

    assertThat(shape(Side.SELL)).isEmpty();
    assertThat(shape(Side.BUY)).containsExactly("101: 6 in 1");
  }

  @Test
  void takesTheBestPriceFirstAndStopsAtTheLimit() {
    book.place(ALICE, Side.SELL, 103, 5);
    book.place(ALICE, Side.SELL, 101, 5);
    book.place(ALICE, Side.SELL, 102, 5);

    assertThat(book.place(BOB, Side.BUY, 102, 20)).isEqualTo(new Outcome.Accepted(4, 10, 10));

    assertThat(fills).containsExactly(new Fill(101, 5, Side.BUY), new Fill(102, 5, Side.BUY));
    assertThat(shape(Side.SELL)).containsExactly("103: 5 in 1");
    assertThat(shape(Side.BUY)).containsExactly("102: 10 in 1");
  }

  @Test
  void sellsToTheHighestBid() {
    book.place(ALICE, Side.BUY, 98, 5);
    book.place(ALICE, Side.BUY, 99, 5);

    book.place(BOB, Side.SELL, 98, 7);

    assertThat(fills).containsExactly(new Fill(99, 5, Side.SELL), new Fill(98, 2, Side.SELL));
  }

  @Test
  void firstComeFirstServedAtOnePrice() {
    book.place(ALICE, Side.SELL, 100, 5);
    book.place(BOB, Side.SELL, 100, 5);
    book.place(ALICE, Side.SELL, 100, 5);

    book.place(BOB, Side.BUY, 100, 7);

    assertThat(ids(ALICE)).containsExactly(3L);
    assertThat(book.openOrders(BOB)).extracting(RestingOrder::quantity).containsExactly(3);
    assertThat(shape(Side.SELL)).containsExactly("100: 8 in 2");
  }

  @Test
  void anOrderThatWasFilledInPartKeepsItsPlace() {
    book.place(ALICE, Side.SELL, 100, 5);
    book.place(BOB, Side.SELL, 100, 5);
    book.place(BOB, Side.BUY, 100, 2);

    book.place(BOB, Side.BUY, 100, 3);

    assertThat(book.openOrders(ALICE)).isEmpty();
    assertThat(book.openOrders(BOB)).extracting(RestingOrder::quantity).containsExactly(5);
  }

  @Test
  void cancelGivesBackWhatIsLeft() {
    book.place(ALICE, Side.BUY, 100, 10);
    book.place(BOB, Side.SELL, 100, 3);

    assertThat(book.cancel(ALICE, 1)).isEqualTo(new Outcome.Canceled(1, 7));

    assertThat(shape(Side.BUY)).isEmpty();
    assertThat(book.cancel(ALICE, 1))
        .isEqualTo(new Outcome.Refused("no such open order of yours: order=1"));
  }

  @Test
  void onlyTheOwnerCancels() {
    book.place(ALICE, Side.BUY, 100, 10);

    assertThat(book.cancel(BOB, 1))
        .isEqualTo(new Outcome.Refused("no such open order of yours: order=1"));

    assertThat(shape(Side.BUY)).containsExactly("100: 10 in 1");
  }

  @Test
  void cancelAllTakesOneOwnersOrdersOnly() {
    book.place(ALICE, Side.BUY, 100, 10);
    book.place(BOB, Side.BUY, 100, 2);
    book.place(ALICE, Side.SELL, 105, 1);

    book.cancelAll(ALICE);

    assertThat(shape(Side.BUY)).containsExactly("100: 2 in 1");
    assertThat(shape(Side.SELL)).isEmpty();
    assertThat(book.orderCount()).isOne();
  }

  @ParameterizedTest
  @CsvSource({"0", "-1", "1001", "2147483647", "-2147483648"})
  void refusesQuantitiesOutOfRange(int quantity) {
    book.place(BOB, Side.SELL, 100, 5);

    assertThat(book.place(ALICE, Side.BUY, 100, quantity))
        .isEqualTo(
            new Outcome.Refused(
                "quantity out of range: quantity=" + quantity + ", limit=1 to 1000"));

    assertThat(shape(Side.SELL)).containsExactly("100: 5 in 1");
  }

  @ParameterizedTest
  @CsvSource({"0", "-1", "1000001", "2147483647", "-2147483648"})
  void refusesPricesOutOfRange(int price) {
    assertThat(book.place(ALICE, Side.BUY, price, 1))
        .isEqualTo(
            new Outcome.Refused("price out of range: price=" + price + ", limit=1 to 1000000"));

    assertThat(book.orderCount()).isZero();
  }

  @Test
  void acceptsTheLimitsThemselves() {
    assertThat(book.place(ALICE, Side.BUY, 1, 1)).isInstanceOf(Outcome.Accepted.class);
    assertThat(book.place(ALICE, Side.SELL, 1_000_000, 1_000)).isInstanceOf(Outcome.Accepted.class);
  }

  @Test
  void boundsTheOrdersOfOneOwner() {
    for (int i = 0; i < OrderBook.MAX_OPEN_ORDERS; i++) {
      book.place(ALICE, Side.BUY, 100, 1);
    }

    assertThat(book.place(ALICE, Side.BUY, 100, 1))
        .isEqualTo(new Outcome.Refused("too many open orders: count=50, limit=50"));
    assertThat(book.place(BOB, Side.BUY, 100, 1)).isInstanceOf(Outcome.Accepted.class);
  }

  @Test
  void boundsTheBook() {
    for (int i = 0; i < OrderBook.MAX_RESTING_ORDERS; i++) {
      book.place(10 + i / OrderBook.MAX_OPEN_ORDERS, Side.BUY, 100, OrderBook.MAX_QUANTITY);
    }

    assertThat(book.place(ALICE, Side.BUY, 100, 1))
        .isEqualTo(new Outcome.Refused("the book is full: count=10000, limit=10000"));
    assertThat(shape(Side.BUY)).containsExactly("100: 10000000 in 10000");
  }

  @Test
  void theRevisionFollowsEveryChangeAndNothingElse() {
    long before = book.revision();
    book.place(ALICE, Side.BUY, 100, 0);
    book.cancel(ALICE, 7);
    assertThat(book.revision()).isEqualTo(before);

    book.place(ALICE, Side.BUY, 100, 1);
    long placed = book.revision();
    assertThat(placed).isNotEqualTo(before);

    book.cancel(ALICE, 1);
    assertThat(book.revision()).isNotEqualTo(placed);
  }

  /** Against a book so simple that it is plainly right: a list in order of arrival. */
  @Test
  void agreesWithTheObviousBookOnRandomOrders() {
    Random random = new Random(7);
    ObviousBook obvious = new ObviousBook();
    for (int i = 0; i < 6_000; i++) {
      long owner = random.nextInt(40);
      if (random.nextInt(4) == 0) {
        long id = 1 + random.nextInt(i + 1);
        boolean canceled = book.cancel(owner, id) instanceof Outcome.Canceled;
        assertThat(obvious.cancel(owner, id)).isEqualTo(canceled);
        continue;
      }
      Side side = random.nextBoolean() ? Side.BUY : Side.SELL;
      int price = 90 + random.nextInt(21);
      int quantity = 1 + random.nextInt(30);
      if (book.place(owner, side, price, quantity) instanceof Outcome.Accepted accepted) {
        obvious.place(accepted.order(), owner, side, price, quantity);
      }
      assertThat(fills).isEqualTo(obvious.fills);
      fills.clear();
      obvious.fills.clear();
      assertThat(book.orderCount()).isEqualTo(obvious.orders.size());
      assertThat(shape(Side.BUY)).isEqualTo(obvious.shape(Side.BUY));
      assertThat(shape(Side.SELL)).isEqualTo(obvious.shape(Side.SELL));
    }
  }

  private List<Long> ids(long owner) {
    return book.openOrders(owner).stream().map(RestingOrder::id).toList();
  }

  private List<String> shape(Side side) {
    return book.best(side, Integer.MAX_VALUE).stream()
        .map(level -> level.price() + ": " + level.quantity() + " in " + level.orderCount())
        .toList();
  }

  private static final class ObviousBook {
    final List<RestingOrder> orders = new ArrayList<>();
    final List<Fill> fills = new ArrayList<>();

    void place(long id, long owner, Side side, int price, int quantity) {
      int rest = quantity;
      while (rest > 0) {
        RestingOrder best = null;
        for (RestingOrder order : orders) {
          boolean crosses =
              order.side() != side
                  && (side == Side.BUY ? order.price() <= price : order.price() >= price);
          boolean better =
              best == null
                  || (side == Side.BUY
                      ? order.price() < best.price()
                      : order.price() > best.price());
          if (crosses && better) {
            best = order;
          }
        }
        if (best == null) {
          break;
        }
        int traded = Math.min(rest, best.quantity());
        fills.add(new Fill(best.price(), traded, side));
        best.reduce(traded);
        rest -= traded;
        orders.removeIf(order -> order.quantity() == 0);
      }
      if (rest > 0) {
        orders.add(new RestingOrder(id, owner, side, price, rest));
      }
    }

    boolean cancel(long owner, long id) {
      return orders.removeIf(order -> order.id() == id && order.owner() == owner);
    }

    List<String> shape(Side side) {
      return orders.stream()
          .filter(order -> order.side() == side)
          .map(RestingOrder::price)
          .distinct()
          .sorted(
              side == Side.BUY
                  ? Comparator.<Integer>reverseOrder()
                  : Comparator.<Integer>naturalOrder())
          .map(this::describe)
          .toList();
    }

    private String describe(int price) {
      List<RestingOrder> level = orders.stream().filter(order -> order.price() == price).toList();
      int quantity = level.stream().mapToInt(RestingOrder::quantity).sum();
      return price + ": " + quantity + " in " + level.size();
    }
  }
}
