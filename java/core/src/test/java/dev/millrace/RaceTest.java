// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.FakeLoop.FakeAttempt;
import dev.millrace.internal.spi.Attempt;
import dev.millrace.internal.spi.AttemptFailures;
import dev.millrace.internal.spi.ResponseHead;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** RFC 8305 on a loop whose time stands still. */
class RaceTest {

  private static final Duration ALMOST = Race.STAGGER.minusNanos(1);

  private final FakeLoop loop = new FakeLoop();
  private final List<Object> told = new ArrayList<>();
  private final Race.Listener listener =
      new Race.Listener() {
        @Override
        public void onConnected(Attempt winner) {
          told.add(winner);
        }

        @Override
        public void onResponse(Attempt winner, ResponseHead head) {
          told.add(head);
        }

        @Override
        public void onFailed(IOException failure) {
          told.add(failure);
        }
      };

  private static InetAddress ip(String literal) {
    try {
      return InetAddress.getByName(literal);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private Race race(String... addresses) {
    List<InetSocketAddress> all =
        Arrays.stream(addresses).map(a -> new InetSocketAddress(ip(a), 9)).toList();
    Race race = new Race(loop, "h:9", all, SocketOptions.defaults(), listener);
    loop.call(race::start);
    return race;
  }

  private static IOException refused() {
    return AttemptFailures.notConnected(new InetSocketAddress(ip("::1"), 9), 111, null);
  }

  @Test
  void familiesTakeTurns() {
    InetAddress[] found = {ip("10.0.0.1"), ip("10.0.0.2"), ip("10.0.0.3"), ip("::1"), ip("::2")};

    assertThat(NameService.interleaved(found, true))
        .containsExactly(ip("::1"), ip("10.0.0.1"), ip("::2"), ip("10.0.0.2"), ip("10.0.0.3"));
    assertThat(NameService.interleaved(found, false))
        .containsExactly(ip("10.0.0.1"), ip("::1"), ip("10.0.0.2"), ip("::2"), ip("10.0.0.3"));
    assertThat(NameService.interleaved(new InetAddress[] {ip("::1"), ip("::1")}, true)).hasSize(1);
  }

  @Test
  void theNextStartsAfterTheStagger() {
    race("::1", "10.0.0.1", "::2");
    assertThat(loop.dialled()).containsExactly("[0:0:0:0:0:0:0:1]:9");

    loop.advance(ALMOST);
    assertThat(loop.attempts).hasSize(1);
    loop.advance(Duration.ofNanos(1));
    assertThat(loop.attempts).hasSize(2);
    loop.advance(Race.STAGGER);
    assertThat(loop.attempts).hasSize(3);
    assertThat(loop.waiting()).isZero();
  }

  @Test
  void theNextStartsAtOnceWhenOneFails() {
    race("::1", "10.0.0.1", "::2");

    loop.attempts.get(0).fails(refused());
    assertThat(loop.attempts).hasSize(2);
    loop.advance(ALMOST);
    assertThat(loop.attempts).hasSize(2); // a new stagger has begun with it
    loop.advance(Duration.ofNanos(1));
    assertThat(loop.attempts).hasSize(3);
  }

  @Test
  void theFirstThatConnectsWinsAndTheOthersAreCancelled() {
    race("::1", "10.0.0.1", "::2", "::3");
    loop.advance(Race.STAGGER.multipliedBy(2));
    FakeAttempt winner = loop.attempts.get(1);

    winner.connected();

    assertThat(told).containsExactly(winner);
    assertThat(loop.attempts.get(0).cancelled).isTrue();
    assertThat(loop.attempts.get(2).cancelled).isTrue();
    assertThat(winner.cancelled).isFalse();
    loop.advance(Duration.ofSeconds(1));
    assertThat(loop.attempts).hasSize(3);
    assertThat(loop.waiting()).isZero();
  }

  @Test
  void whoConnectsOrFailsBehindTheWinnerChangesNothing() {
    race("::1", "10.0.0.1");
    loop.advance(Race.STAGGER);
    loop.attempts.get(1).connected();
    loop.attempts.get(0).connected();
    loop.attempts.get(0).fails(refused());

    assertThat(told).hasSize(1);
    loop.attempts.get(1).responds("HTTP/1.1 101 x\r\n\r\n");
    loop.attempts.get(0).responds("HTTP/1.1 101 x\r\n\r\n");
    assertThat(told).hasSize(2);
    loop.attempts.get(1).fails(refused());
    loop.attempts.get(1).fails(refused());
    assertThat(told).hasSize(3);
  }

  @Test
  void allAddressesStandInTheFailure() {
    race("::1", "10.0.0.1");
    loop.advance(Race.STAGGER);
    loop.attempts.get(1).fails(new ConnectException("no route to host"));
    assertThat(told).isEmpty();
    loop.attempts.get(0).fails(refused());

    assertThat(told).hasSize(1);
    assertThat((IOException) told.get(0))
        .isInstanceOf(ConnectException.class)
        .hasMessage(
            "cannot connect: to=h:9: address=/[0:0:0:0:0:0:0:1]:9: connection refused:"
                + " errno=111; no route to host")
        .satisfies(failure -> assertThat(failure.getSuppressed()).hasSize(2));
  }

  @Test
  void aCancelledRaceLeavesNothing() {
    Race race = race("::1", "10.0.0.1", "::2");
    loop.advance(Race.STAGGER);

    loop.call(race::cancel);

    assertThat(loop.attempts).allMatch(a -> a.cancelled);
    assertThat(loop.waiting()).isZero();
    loop.attempts.get(0).fails(refused());
    assertThat(loop.attempts).hasSize(2);
    assertThat(told).isEmpty();
  }

  @Test
  void literalAddressesAreNotLookedUp() {
    NameService names =
        new NameService(
            task -> {
              throw new AssertionError("looked up");
            });

    for (String literal : new String[] {"127.0.0.1", "::1", "fe80::1"}) {
      assertThat(names.resolve(literal).toCompletableFuture().join()).containsExactly(ip(literal));
    }
  }
}
