// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.suite.Deadline;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ConnectionCountTest {

  @Test
  void thereAreNeverMoreThanTheLimit() {
    ConnectionCount count = new ConnectionCount(2);
    assertThat(count.tryAdd()).isTrue();
    assertThat(count.isFull()).isFalse();
    assertThat(count.tryAdd()).isTrue();
    assertThat(count.isFull()).isTrue();
    assertThat(count.tryAdd()).isFalse();
    assertThat(count.get()).isEqualTo(2);
    count.remove();
    assertThat(count.tryAdd()).isTrue();
  }

  /** One loop more than there are places for. */
  @Test
  void severalLoopsAtOnce() throws Exception {
    int limit = 3;
    ConnectionCount count = new ConnectionCount(limit);
    AtomicInteger held = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    List<Thread> loops = new ArrayList<>();
    for (int i = 0; i <= limit; i++) {
      loops.add(
          new Thread(
              () -> {
                for (int turn = 0; turn < 50_000; turn++) {
                  if (count.tryAdd()) {
                    most.accumulateAndGet(held.incrementAndGet(), Math::max);
                    held.decrementAndGet();
                    count.remove();
                  }
                }
              }));
    }
    loops.forEach(Thread::start);
    for (Thread loop : loops) {
      Deadline.join(loop);
    }
    assertThat(most.get()).isBetween(1, limit);
    assertThat(count.get()).isZero();
  }
}
