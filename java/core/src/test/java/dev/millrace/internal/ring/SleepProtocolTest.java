// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.ring;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class SleepProtocolTest {
  @Test
  void onlyOneProducerWakesASleepingLoop() {
    SleepProtocol sleep = new SleepProtocol();
    assertThat(sleep.claimWake()).isFalse();
    sleep.announce();
    assertThat(sleep.claimWake()).isTrue();
    assertThat(sleep.claimWake()).isFalse();
    sleep.announce();
    sleep.awake();
    assertThat(sleep.claimWake()).isFalse();
  }

  /**
   * The loop waits without a time limit: one lost wake-up and this test hangs until its timeout.
   */
  @Test
  @Timeout(value = 120, unit = TimeUnit.SECONDS)
  void noWakeUpIsLost() throws Exception {
    int producers = 3;
    long perProducer = 100_000;
    Inbox inbox = new Inbox(16);
    SleepProtocol sleep = new SleepProtocol();
    Semaphore wakes = new Semaphore(0);
    AtomicLong waits = new AtomicLong();
    List<Thread> threads = new ArrayList<>();
    for (int id = 0; id < producers; id++) {
      Thread thread =
          new Thread(
              () -> {
                for (long number = 0; number < perProducer; number++) {
                  while (!inbox.offer(number, 0, 0, 0)) {
                    Thread.yield();
                  }
                  if (sleep.claimWake()) {
                    wakes.release();
                  }
                }
              });
      thread.setDaemon(true);
      thread.start();
      threads.add(thread);
    }
    long[] sum = new long[1];
    Inbox.Receiver receiver =
        new Inbox.Receiver() {
          @Override
          public void onRecord(long first, long second, long third, long fourth) {
            sum[0] += first;
          }

          @Override
          public void onTask(Inbox.Task task) {}
        };
    long seen = 0;
    while (seen < producers * perProducer) {
      seen += inbox.drain(receiver);
      if (seen == producers * perProducer) {
        break;
      }
      sleep.announce();
      if (inbox.isEmpty()) {
        waits.incrementAndGet();
        wakes.acquire();
      }
      sleep.awake();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(sum[0]).isEqualTo(producers * (perProducer * (perProducer - 1) / 2));
    assertThat(waits.get()).isPositive();
  }
}
