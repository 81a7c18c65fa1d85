// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.suite.Deadline;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class InboxTest {
  private static final int CAPACITY = 8;

  private final Inbox inbox = new Inbox(CAPACITY);
  private final List<String> ran = new ArrayList<>();

  private final class Named extends Inbox.Task {
    private final String name;

    Named(String name) {
      this.name = name;
    }

    @Override
    void run() {
      ran.add(name);
    }
  }

  private void drain() {
    inbox.drain(Inbox.Task::run);
  }

  @Test
  void messagesAndTasksKeepTheirOrder() {
    inbox.offer(new Named("one"));
    inbox.post(new Named("two"));
    inbox.offer(new Named("three"));
    assertThat(inbox.isEmpty()).isFalse();
    drain();
    assertThat(ran).containsExactly("one", "two", "three");
    assertThat(inbox.isEmpty()).isTrue();
    drain();
    assertThat(ran).hasSize(3);
  }

  @Test
  void aFullInboxRefusesMessagesAndTakesTasks() {
    for (int i = 0; i < CAPACITY; i++) {
      assertThat(inbox.offer(new Named("message"))).isTrue();
    }
    assertThat(inbox.offer(new Named("refused"))).isFalse();
    inbox.post(new Named("task"));
    drain();
    assertThat(ran).hasSize(CAPACITY + 1).endsWith("task").doesNotContain("refused");
    assertThat(inbox.offer(new Named("room again"))).isTrue();
  }

  @Test
  void whatIsPostedWhileDrainingWaitsForTheNext() {
    inbox.post(
        new Inbox.Task() {
          @Override
          void run() {
            ran.add("first");
            inbox.post(new Named("second"));
          }
        });
    drain();
    assertThat(ran).containsExactly("first");
    drain();
    assertThat(ran).containsExactly("first", "second");
  }

  @Test
  void everyThreadsTasksKeepTheirOrder() {
    int threads = 4;
    int each = 50_000;
    int[] next = new int[threads];
    List<String> wrong = new ArrayList<>();
    List<Thread> producers = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int thread = t;
      Thread producer = new Thread(() -> produce(thread, each, next, wrong));
      producer.start();
      producers.add(producer);
    }
    Deadline.until(
        () -> {
          drain();
          return producers.stream().noneMatch(Thread::isAlive);
        },
        "the producers");
    drain();
    assertThat(wrong).isEmpty();
    assertThat(next).containsOnly(each);
  }

  private void produce(int thread, int each, int[] next, List<String> wrong) {
    for (int i = 0; i < each; i++) {
      int number = i;
      Inbox.Task task =
          new Inbox.Task() {
            @Override
            void run() {
              if (next[thread]++ != number) {
                wrong.add("thread " + thread + " task " + number);
              }
            }
          };
      if (i % 2 == 0) {
        inbox.post(task);
      } else {
        while (!inbox.offer(task)) {
          Thread.onSpinWait();
        }
      }
    }
  }
}
