// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.internal.nio.Deadlines.Due;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The clock is a number: nothing here waits. */
class DeadlinesTest {
  private static final long IDLE = 1000;
  private static final long PING = 300;
  private static final long PONG = 200;
  private static final long WRITE = 500;

  /** Over the end of the numbers on the way: the clock may be anywhere. */
  private long now = Long.MAX_VALUE - 1500;

  private static Deadlines of(long idle, long ping, long maxPing, long pong, long write) {
    return new Deadlines(new Timeouts(50, 60, idle, ping, maxPing, pong, write));
  }

  private Deadlines opened(long idle, long ping, long maxPing, long pong, long write) {
    Deadlines deadlines = of(idle, ping, maxPing, pong, write);
    deadlines.open(now);
    return deadlines;
  }

  /** It is the next, passes then and not a moment before. */
  private void expect(Deadlines deadlines, Due due, long in) {
    assertThat(deadlines.untilNext(now)).isEqualTo(in);
    assertThat(deadlines.due(now + in - 1)).isNull();
    assertThat(deadlines.due(now + in)).isEqualTo(due);
    assertThat(deadlines.isPast(due, now + in)).isTrue();
  }

  private void expectNone(Deadlines deadlines) {
    assertThat(deadlines.untilNext(now)).isEqualTo(Deadlines.NEVER);
    assertThat(deadlines.due(now + (1L << 60))).isNull();
  }

  @ParameterizedTest
  @EnumSource
  void zeroIsNone(Due due) {
    Deadlines deadlines = opened(0, 0, 0, 0, 0);
    deadlines.blocked(false, now);
    deadlines.await(now);
    assertThat(deadlines.isPast(due, now + (1L << 60))).isFalse();
    expectNone(deadlines);
  }

  @Test
  void thePhaseEndsWhateverComes() {
    Deadlines deadlines = of(IDLE, PING, 0, PONG, WRITE);
    expectNone(deadlines);
    deadlines.endIn(50, now);
    now += 20;
    deadlines.received();
    deadlines.moved(now);
    expect(deadlines, Due.END, 30);
    deadlines.open(now);
    expect(deadlines, Due.PING, PING);
  }

  @Test
  void idlenessCountsFromTheLastThatMoved() {
    Deadlines deadlines = opened(IDLE, 0, 0, PONG, WRITE);
    expect(deadlines, Due.IDLE, IDLE);
    now += IDLE - 1;
    deadlines.received(); // a pong, say
    expect(deadlines, Due.IDLE, 1);
    deadlines.moved(now);
    expect(deadlines, Due.IDLE, IDLE);
    deadlines.close();
    expectNone(deadlines);
  }

  @Test
  void progressCountsFromWhatWasTakenLast() {
    Deadlines deadlines = opened(0, 0, 0, PONG, WRITE);
    deadlines.blocked(false, now);
    now += 400;
    deadlines.blocked(false, now);
    expect(deadlines, Due.WRITE, 100);
    deadlines.blocked(true, now);
    expect(deadlines, Due.WRITE, WRITE);
    deadlines.close();
    expect(deadlines, Due.WRITE, WRITE);
    deadlines.unblocked();
    expectNone(deadlines);
    now += 100;
    deadlines.blocked(false, now);
    expect(deadlines, Due.WRITE, WRITE);
  }

  @Test
  void aPingLeavesWithEveryBeat() {
    Deadlines deadlines = opened(0, PING, 0, PONG, 0);
    for (int i = 0; i < 5; i++) {
      expect(deadlines, Due.PING, PING);
      now += PING;
      assertThat(deadlines.beat(now)).isTrue();
      deadlines.pinged(now);
      expect(deadlines, Due.PONG, PONG);
      deadlines.received();
    }
  }

  @Test
  void noPingLeavesWhileOneIsUnansweredOrReadingRests() {
    Deadlines deadlines = opened(0, PING, 0, 0, 0);
    now += PING;
    assertThat(deadlines.beat(now)).isTrue();
    deadlines.pinged(now);
    now += PING;
    assertThat(deadlines.beat(now)).isFalse();
    deadlines.received();
    deadlines.rest(true, now);
    now += PING;
    assertThat(deadlines.beat(now)).isFalse();
    deadlines.rest(false, now);
    now += PING;
    assertThat(deadlines.beat(now)).isTrue();
  }

  /** A loop that was kept does not ping several times at once. */
  @Test
  void beatsThatWereMissedAreNotMadeUpFor() {
    Deadlines deadlines = opened(0, PING, 0, PONG, 0);
    now += 3 * PING + 1;
    assertThat(deadlines.beat(now)).isTrue();
    expect(deadlines, Due.PING, PING);
  }

  @Test
  void anyByteAnswers() {
    Deadlines deadlines = opened(0, 0, 0, PONG, 0);
    deadlines.await(now);
    now += 150;
    deadlines.await(now); // the second gives the first no time
    expect(deadlines, Due.PONG, 50);
    deadlines.received();
    expectNone(deadlines);
  }

  @Test
  void whoMustAnswerHasAllItsTimeAgainBehindARest() {
    Deadlines deadlines = opened(0, 0, 0, PONG, 0);
    deadlines.await(now);
    now += PONG - 1;
    deadlines.rest(true, now);
    expectNone(deadlines);
    now += 10 * PONG;
    deadlines.rest(false, now);
    expect(deadlines, Due.PONG, PONG);
  }

  @Test
  void theIntervalAdapts() {
    Deadlines deadlines = opened(0, PING, 4 * PING + 100, PONG, 0);
    long[] intervals = {PING, 2 * PING, 4 * PING, 4 * PING + 100, 4 * PING + 100};
    for (long interval : intervals) {
      expect(deadlines, Due.PING, interval);
      now += interval;
      assertThat(deadlines.beat(now)).isTrue();
      deadlines.pinged(now);
      deadlines.received();
      deadlines.ponged(now + 1, now); // answers nothing
      deadlines.ponged(now, now + PONG / 2);
      deadlines.ponged(now, now + PONG); // nor does what comes again
    }
    now += intervals[4];
    deadlines.beat(now);
    deadlines.pinged(now);
    deadlines.received();
    deadlines.ponged(now, now + PONG / 2 + 1);
    expect(deadlines, Due.PING, PING);
  }
}
