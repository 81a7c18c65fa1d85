// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TimerHeapTest {
  /** Far from 0, and over the end of the numbers on the way: the clock may be anywhere. */
  private static final long NOW = Long.MAX_VALUE - 500;

  private final TimerHeap heap = new TimerHeap();

  private static final class Timer extends TimerHeap.Entry {
    long deadline;

    @Override
    void expire() {}
  }

  private Timer set(Timer timer, long delay) {
    timer.deadline = delay;
    heap.set(timer, NOW + delay);
    return timer;
  }

  @Test
  void theNextIsTheEarliest() {
    assertThat(heap.untilNext(NOW)).isEqualTo(-1);
    Timer late = set(new Timer(), 900);
    Timer early = set(new Timer(), 100);
    assertThat(heap.untilNext(NOW)).isEqualTo(100);
    assertThat(heap.takeDue(NOW + 99)).isNull();
    assertThat(heap.takeDue(NOW + 100)).isSameAs(early);
    assertThat(early.isSet()).isFalse();
    assertThat(heap.untilNext(NOW + 1000)).isZero();
    assertThat(heap.takeDue(NOW + 1000)).isSameAs(late);
    assertThat(heap.takeDue(NOW + 1000)).isNull();
  }

  @Test
  void aDeadlineCanBeMovedAndTakenAway() {
    Timer one = set(new Timer(), 100);
    Timer other = set(new Timer(), 200);
    set(one, 300);
    assertThat(heap.size()).isEqualTo(2);
    assertThat(heap.untilNext(NOW)).isEqualTo(200);
    heap.cancel(other);
    heap.cancel(other);
    assertThat(other.isSet()).isFalse();
    assertThat(heap.untilNext(NOW)).isEqualTo(300);
    set(one, 50);
    assertThat(heap.takeDue(NOW + 50)).isSameAs(one);
  }

  /** Random settings, movings and takings away, compared with a list that is sorted. */
  @Test
  void agreesWithASortedList() {
    Random random = new Random(3);
    List<Timer> waiting = new ArrayList<>();
    long now = 0;
    for (int step = 0; step < 50_000; step++) {
      int choice = random.nextInt(10);
      if (choice < 4 || waiting.isEmpty()) {
        waiting.add(set(new Timer(), now + random.nextInt(1000)));
      } else if (choice < 6) {
        set(waiting.get(random.nextInt(waiting.size())), now + random.nextInt(1000));
      } else if (choice < 7) {
        heap.cancel(waiting.remove(random.nextInt(waiting.size())));
      } else {
        now += random.nextInt(20);
        expectDue(waiting, now);
      }
      assertThat(heap.size()).isEqualTo(waiting.size());
    }
  }

  private void expectDue(List<Timer> waiting, long now) {
    waiting.sort(Comparator.comparingLong(timer -> timer.deadline));
    while (!waiting.isEmpty() && waiting.get(0).deadline <= now) {
      TimerHeap.Entry due = heap.takeDue(NOW + now);
      assertThat(((Timer) due).deadline).isEqualTo(waiting.get(0).deadline);
      waiting.remove((Timer) due);
    }
    assertThat(heap.takeDue(NOW + now)).isNull();
  }
}
