// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class InboxTest {
  /** Writes down what it receives: records by their first word, tasks by their name. */
  private static final class Log implements Inbox.Receiver {
    final List<Object> entries = new ArrayList<>();

    @Override
    public void onRecord(long first, long second, long third, long fourth) {
      assertThat(second).isEqualTo(first + 1);
      assertThat(third).isEqualTo(first + 2);
      assertThat(fourth).isEqualTo(first + 3);
      entries.add(first);
    }

    @Override
    public void onTask(Inbox.Task task) {
      entries.add(((Named) task).name);
    }

    List<Object> take() {
      List<Object> taken = List.copyOf(entries);
      entries.clear();
      return taken;
    }
  }

  private static final class Named extends Inbox.Task {
    final String name;

    Named(String name) {
      this.name = name;
    }

    @Override
    public void run() {}
  }

  private final Log log = new Log();

  private static boolean offer(Inbox inbox, long value) {
    return inbox.offer(value, value + 1, value + 2, value + 3);
  }

  @Test
  void handsOutRecordsInOrder() {
    Inbox inbox = new Inbox(8);
    for (long value = 0; value < 5; value++) {
      assertThat(offer(inbox, value)).isTrue();
    }
    assertThat(inbox.isEmpty()).isFalse();
    assertThat(inbox.drain(log)).isEqualTo(5);
    assertThat(log.take()).containsExactly(0L, 1L, 2L, 3L, 4L);
    assertThat(inbox.isEmpty()).isTrue();
    assertThat(inbox.drain(log)).isZero();
  }

  @Test
  void refusesWhenFullAndTakesAgainWhenDrained() {
    Inbox inbox = new Inbox(4);
    for (long value = 0; value < 4; value++) {
      assertThat(offer(inbox, value)).isTrue();
    }
    assertThat(offer(inbox, 4)).isFalse();
    assertThat(offer(inbox, 4)).isFalse();
    inbox.drain(log);
    assertThat(log.take()).containsExactly(0L, 1L, 2L, 3L);
    assertThat(offer(inbox, 4)).isTrue();
    inbox.drain(log);
    assertThat(log.take()).containsExactly(4L);
  }

  @Test
  void wrapsAround() {
    Inbox inbox = new Inbox(4);
    long value = 0;
    for (int lap = 0; lap < 1000; lap++) {
      int count = 1 + lap % 4;
      List<Object> expected = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        expected.add(value);
        assertThat(offer(inbox, value++)).isTrue();
      }
      inbox.drain(log);
      assertThat(log.take()).isEqualTo(expected);
    }
  }

  @Test
  void roundsCapacityUp() {
    assertThat(new Inbox(1).capacity()).isEqualTo(2);
    assertThat(new Inbox(2).capacity()).isEqualTo(2);
    assertThat(new Inbox(3).capacity()).isEqualTo(4);
    assertThat(new Inbox(4096).capacity()).isEqualTo(4096);
    assertThat(new Inbox(4097).capacity()).isEqualTo(8192);
    assertThatThrownBy(() -> new Inbox(0)).hasMessageContaining("capacity=0");
    assertThatThrownBy(() -> new Inbox((1 << 24) + 1)).hasMessageContaining("limit=16777216");
  }

  @Test
  void taskDoesNotOvertakeEarlierRecords() {
    Inbox inbox = new Inbox(8);
    offer(inbox, 0);
    offer(inbox, 10);
    inbox.post(new Named("close"));
    offer(inbox, 20);
    inbox.drain(log);
    assertThat(log.take()).containsExactly(0L, 10L, "close", 20L);
  }

  @Test
  void tasksAreNeverRefusedAndKeepTheirOrder() {
    Inbox inbox = new Inbox(2);
    offer(inbox, 0);
    offer(inbox, 10);
    assertThat(offer(inbox, 20)).isFalse();
    List<Object> expected = new ArrayList<>(List.of(0L, 10L));
    for (int i = 0; i < 1000; i++) {
      inbox.post(new Named("task " + i));
      expected.add("task " + i);
    }
    assertThat(inbox.isEmpty()).isFalse();
    inbox.drain(log);
    assertThat(log.take()).isEqualTo(expected);
  }

  @Test
  void whatIsPostedWhileDrainingWaitsForTheNextDrain() {
    Inbox inbox = new Inbox(8);
    offer(inbox, 0);
    Inbox.Receiver posting =
        new Inbox.Receiver() {
          @Override
          public void onRecord(long first, long second, long third, long fourth) {
            log.onRecord(first, second, third, fourth);
            offer(inbox, first + 10);
            inbox.post(new Named("after " + (first + 10)));
          }

          @Override
          public void onTask(Inbox.Task task) {
            log.onTask(task);
          }
        };
    inbox.drain(posting);
    assertThat(log.take()).containsExactly(0L);
    assertThat(inbox.isEmpty()).isFalse();
    inbox.drain(log);
    assertThat(log.take()).containsExactly(10L, "after 10");
  }

  @Test
  void keepsGoingWhenAReceiverThrows() {
    Inbox inbox = new Inbox(8);
    offer(inbox, 0);
    offer(inbox, 10);
    Inbox.Receiver failing =
        new Inbox.Receiver() {
          @Override
          public void onRecord(long first, long second, long third, long fourth) {
            throw new IllegalStateException("first=" + first);
          }

          @Override
          public void onTask(Inbox.Task task) {}
        };
    assertThatThrownBy(() -> inbox.drain(failing)).hasMessage("first=0");
    inbox.drain(log);
    assertThat(log.take()).containsExactly(10L);
  }

  /**
   * Producers number their records and post, every so often, a task that carries the next number;
   * the consumer must see each producer's numbers without a gap, a repeat or a swap, whatever way
   * they came.
   */
  @Test
  @Timeout(value = 120, unit = TimeUnit.SECONDS)
  void manyProducersLoseNothingAndKeepEachThreadsOrder() throws Exception {
    int producers = 4;
    int perProducer = 200_000;
    Inbox inbox = new Inbox(64);
    long[] next = new long[producers];
    List<String> faults = new ArrayList<>();
    CyclicBarrier start = new CyclicBarrier(producers + 1);
    List<Thread> threads = new ArrayList<>();
    for (int id = 0; id < producers; id++) {
      threads.add(startProducer(inbox, id, perProducer, start));
    }

    class Checker implements Inbox.Receiver {
      long seen;

      void check(int producer, long number) {
        seen++;
        if (number != next[producer]) {
          faults.add("producer " + producer + ": got " + number + ", want " + next[producer]);
        }
        next[producer] = number + 1;
      }

      @Override
      public void onRecord(long first, long second, long third, long fourth) {
        if (third != ~first || fourth != (first ^ second)) {
          faults.add("torn record: " + first + ' ' + second + ' ' + third + ' ' + fourth);
        }
        check((int) first, second);
      }

      @Override
      public void onTask(Inbox.Task task) {
        check(((Numbered) task).producer, ((Numbered) task).number);
      }
    }

    Checker checker = new Checker();
    start.await();
    while (checker.seen < (long) producers * perProducer && faults.isEmpty()) {
      if (inbox.drain(checker) == 0) {
        Thread.onSpinWait();
      }
    }
    for (Thread thread : threads) {
      if (!faults.isEmpty()) {
        thread.interrupt();
      }
      thread.join();
    }
    assertThat(faults).isEmpty();
    assertThat(next).containsOnly(perProducer);
    assertThat(inbox.isEmpty()).isTrue();
  }

  private static Thread startProducer(Inbox inbox, int id, int count, CyclicBarrier start) {
    Thread thread =
        new Thread(
            () -> {
              try {
                start.await();
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
              for (long number = 0; number < count; number++) {
                if (number % 7 == 3) {
                  inbox.post(new Numbered(id, number));
                } else {
                  while (!inbox.offer(id, number, ~(long) id, id ^ number)) {
                    if (Thread.currentThread().isInterrupted()) {
                      return;
                    }
                    Thread.yield();
                  }
                }
              }
            },
            "producer-" + id);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private static final class Numbered extends Inbox.Task {
    final int producer;
    final long number;

    Numbered(int producer, long number) {
      this.producer = producer;
      this.number = number;
    }

    @Override
    public void run() {}
  }
}
