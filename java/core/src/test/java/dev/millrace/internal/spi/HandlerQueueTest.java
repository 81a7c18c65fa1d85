// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class HandlerQueueTest {

  private static final long HIGH = 100;
  private static final long LOW = 50;

  private final LoopMeter meter = new LoopMeter();
  private final Deque<Runnable> tasks = new ArrayDeque<>();
  private final List<String> log = Collections.synchronizedList(new ArrayList<>());

  /** An engine that writes down what it is asked, and does it when the test says so. */
  private final class FakeQueue extends HandlerQueue {
    volatile boolean mayHandle = true;

    /** What is answered before {@link #mayHandle} is. */
    final Deque<BooleanSupplier> answers = new ArrayDeque<>();

    FakeQueue(Executor executor) {
      super(executor, HIGH, LOW, meter);
    }

    @Override
    protected boolean mayHandle() {
      return answers.isEmpty() ? mayHandle : answers.remove().getAsBoolean();
    }

    @Override
    protected void awaitMayHandle() {
      log.add("await");
    }

    @Override
    protected void pauseReading() {
      log.add("pause");
    }

    @Override
    protected void requestResume() {
      log.add("request resume");
    }

    @Override
    protected void rejected(Throwable cause) {
      log.add("rejected " + cause.getMessage());
    }

    void call(String name) {
      add(
          new Call() {
            @Override
            protected void run() {
              log.add(name);
            }

            @Override
            protected void drop() {
              log.add("drop " + name);
            }
          });
    }

    void message(String name, long bytes) {
      add(
          new MessageCall(bytes) {
            @Override
            protected void run() {
              log.add(name);
            }

            @Override
            protected void drop() {
              log.add("drop " + name);
            }
          });
    }

    void last(Runnable action) {
      add(
          new Call() {
            @Override
            protected void run() {
              action.run();
            }

            @Override
            protected boolean isLast() {
              return true;
            }
          });
    }
  }

  private final FakeQueue queue = new FakeQueue(tasks::add);

  private void runTasks() {
    while (!tasks.isEmpty()) {
      tasks.remove().run();
    }
  }

  @Test
  void runsCallsInOrderInOneTurn() {
    queue.call("a");
    queue.message("b", 1);
    queue.call("c");

    assertThat(tasks).hasSize(1);
    runTasks();
    assertThat(log).containsExactly("a", "b", "c");

    queue.call("d");
    assertThat(tasks).hasSize(1);
    runTasks();
    assertThat(log).endsWith("d");
    assertThat(queue.pinnedBytes()).isZero();
  }

  /** The turn after a slow one has come to its own wait while the slow one still asks. */
  @Test
  void turnDoesNotTakeBackTheWaitOfTheNextOne() {
    queue.answers.add(() -> false);
    queue.answers.add(
        () -> {
          queue.answers.addAll(List.of(() -> true, () -> false, () -> false));
          queue.proceed();
          tasks.remove().run();
          return true;
        });
    queue.message("a", 1);
    queue.message("b", 1);
    runTasks();
    assertThat(log).containsExactly("a", "await", "await");
    assertThat(queue.isWaiting()).isTrue();

    queue.proceed();
    runTasks();
    assertThat(log).containsExactly("a", "await", "await", "b");
    assertThat(queue.pinnedBytes()).isZero();
  }

  @Test
  void handsOverAfterItsShare() {
    for (int i = 0; i < 2 * HandlerQueue.CALLS_PER_TURN + 1; i++) {
      queue.call("" + i);
    }

    tasks.remove().run();
    assertThat(log).hasSize(HandlerQueue.CALLS_PER_TURN);
    assertThat(tasks).hasSize(1);
    runTasks();
    assertThat(log).hasSize(2 * HandlerQueue.CALLS_PER_TURN + 1).doesNotHaveDuplicates();
  }

  @Test
  void goesOnByItselfWhereTheHandOverIsRejected() {
    AtomicInteger given = new AtomicInteger();
    FakeQueue once =
        new FakeQueue(
            task -> {
              if (given.getAndIncrement() > 0) {
                throw new RejectedExecutionException("full");
              }
              tasks.add(task);
            });
    for (int i = 0; i < 200; i++) {
      once.call("" + i);
    }

    runTasks();
    assertThat(log).hasSize(200).doesNotHaveDuplicates();
  }

  /** A task that the executor runs on the caller's thread must not nest a turn in a turn. */
  @Test
  void staysFlatOnAnExecutorThatRunsOnTheCaller() {
    AtomicInteger depth = new AtomicInteger();
    AtomicInteger deepest = new AtomicInteger();
    FakeQueue direct =
        new FakeQueue(
            task -> {
              deepest.accumulateAndGet(depth.incrementAndGet(), Math::max);
              task.run();
              depth.decrementAndGet();
            });
    direct.mayHandle = false;
    for (int i = 0; i < 100_000; i++) {
      direct.message("" + i, 1);
    }
    direct.mayHandle = true;
    direct.proceed();

    assertThat(log.stream().filter(line -> Character.isDigit(line.charAt(0)))).hasSize(100_000);
    assertThat(deepest.get()).isEqualTo(2);
  }

  @Test
  void aTurnThatIsRunTwiceRunsOnce() {
    queue.call("a");
    Runnable turn = tasks.remove();
    turn.run();
    queue.call("b");
    turn.run();
    assertThat(log).containsExactly("a");

    runTasks();
    assertThat(log).containsExactly("a", "b");
  }

  @Test
  void aTurnThatRanAndIsRejectedWasNotRejected() {
    FakeQueue liar =
        new FakeQueue(
            task -> {
              task.run();
              throw new RejectedExecutionException("too late");
            });
    liar.call("a");
    liar.call("b");

    assertThat(log).containsExactly("a", "b");
  }

  @Test
  void messagesWaitUntilTheyMayBeHandled() {
    queue.mayHandle = false;
    queue.call("open");
    queue.message("a", 1);
    queue.call("after");

    runTasks();
    assertThat(log).containsExactly("open", "await");
    assertThat(queue.isWaiting()).isTrue();

    queue.proceed();
    runTasks();
    assertThat(log).containsExactly("open", "await", "await");

    queue.mayHandle = true;
    queue.proceed();
    queue.proceed();
    assertThat(tasks).hasSize(1);
    runTasks();
    assertThat(log).containsExactly("open", "await", "await", "a", "after");
  }

  @Test
  void pausesAtTheHighMarkAndResumesAtTheLowOne() {
    queue.message("a", 40);
    queue.message("b", 59);
    assertThat(log).isEmpty();
    queue.message("c", 1);
    queue.message("d", 50);
    assertThat(log).containsExactly("pause");
    assertThat(queue.pinnedBytes()).isEqualTo(150);
    assertThat(meter.executorBytes()).isEqualTo(150);

    runTasks();
    assertThat(log).containsExactly("pause", "a", "b", "c", "request resume", "d");
    assertThat(queue.mayResumeReading()).isTrue();

    queue.message("e", 100);
    assertThat(log).endsWith("pause");
  }

  @Test
  void staysPausedIfItIsFullAgainBeforeItResumes() {
    queue.message("a", 100);
    runTasks();
    assertThat(log).containsExactly("pause", "a", "request resume");
    queue.message("b", 100);
    assertThat(log).containsExactly("pause", "a", "request resume");

    assertThat(queue.mayResumeReading()).isFalse();
    runTasks();
    assertThat(log).endsWith("b", "request resume");
    assertThat(queue.mayResumeReading()).isTrue();
  }

  @Test
  void unwantedMessagesAreDroppedAndNothingElse() {
    queue.message("a", 60);
    queue.call("b");
    queue.refuseMessages();
    queue.message("c", 60);
    queue.mayHandle = false;

    runTasks();
    assertThat(log).containsExactly("pause", "drop a", "b", "drop c", "request resume");
    assertThat(queue.pinnedBytes()).isZero();
    assertThat(meter.executorBytes()).isZero();
  }

  @Test
  void rejectionDropsEverything() {
    AtomicBoolean rejecting = new AtomicBoolean();
    FakeQueue rejected =
        new FakeQueue(
            task -> {
              if (rejecting.get()) {
                throw new RejectedExecutionException("no more");
              }
              tasks.add(task);
            });
    rejected.mayHandle = false;
    rejected.message("a", 60);
    rejected.call("b");
    rejected.message("c", 60);
    runTasks();
    rejecting.set(true);
    rejected.proceed();

    assertThat(log)
        .containsExactly("pause", "await", "drop a", "drop b", "drop c", "rejected no more");
    assertThat(rejected.pinnedBytes()).isZero();
    assertThat(meter.executorBytes()).isZero();

    rejecting.set(false);
    rejected.call("d");
    runTasks();
    assertThat(log).endsWith("d");
  }

  @Test
  void theLastCallRunsWhateverTheExecutorSays() throws Exception {
    FakeQueue rejected =
        new FakeQueue(
            task -> {
              throw new RejectedExecutionException("no");
            });
    CountDownLatch ran = new CountDownLatch(1);
    Thread loop = Thread.currentThread();
    AtomicBoolean elsewhere = new AtomicBoolean();
    rejected.last(
        () -> {
          elsewhere.set(Thread.currentThread() != loop);
          ran.countDown();
        });

    assertThat(ran.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(elsewhere).isTrue();
    assertThat(log).containsExactly("rejected no");
  }

  @Test
  void knowsItsOwnThread() {
    List<Boolean> current = new ArrayList<>();
    queue.last(() -> current.add(queue.isCurrent()));
    assertThat(queue.isCurrent()).isFalse();
    runTasks();
    assertThat(current).containsExactly(true);
    assertThat(queue.isCurrent()).isFalse();
  }

  /**
   * One loop, several executor threads, a gate that opens and closes, reading that stops and goes
   * on: each call runs once, in order, never two at once, and nothing is left waiting.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void nothingIsLostOrReorderedUnderLoad(int threads) throws Exception {
    int calls = 50_000;
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    ExecutorService loop = Executors.newSingleThreadExecutor();
    CountDownLatch done = new CountDownLatch(1);
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger paused = new AtomicInteger();
    List<String> wrong = Collections.synchronizedList(new ArrayList<>());
    int[] next = new int[1];
    class LoadedQueue extends HandlerQueue {
      private final AtomicInteger unsent = new AtomicInteger();

      LoadedQueue() {
        super(pool, HIGH, LOW, meter);
      }

      @Override
      protected boolean mayHandle() {
        return unsent.get() < 8;
      }

      @Override
      protected void awaitMayHandle() {
        loop.execute(this::sendSome);
      }

      private void sendSome() {
        unsent.set(0);
        proceed();
      }

      @Override
      protected void pauseReading() {
        paused.incrementAndGet();
      }

      @Override
      protected void requestResume() {
        loop.execute(
            () -> {
              if (mayResumeReading()) {
                paused.decrementAndGet();
              }
            });
      }

      @Override
      protected void rejected(Throwable cause) {
        wrong.add("rejected: " + cause);
      }

      void handle(int number) {
        if (inside.getAndIncrement() != 0) {
          wrong.add("two at once at " + number);
        }
        if (next[0]++ != number) {
          wrong.add("out of order at " + number);
        }
        unsent.incrementAndGet();
        inside.decrementAndGet();
      }
    }
    LoadedQueue loaded = new LoadedQueue();
    class Numbered extends HandlerQueue.MessageCall {
      private final int number;

      Numbered(int number) {
        super(7);
        this.number = number;
      }

      @Override
      protected void run() {
        loaded.handle(number);
        if (number == calls - 1) {
          done.countDown();
        }
      }

      @Override
      protected void drop() {
        wrong.add("dropped " + number);
      }
    }
    class Reader implements Runnable {
      private int number;

      @Override
      public void run() {
        for (int burst = 0; burst < 5 && paused.get() == 0 && number < calls; burst++) {
          loaded.add(new Numbered(number++));
        }
        if (number < calls) {
          loop.execute(this);
        }
      }
    }

    loop.execute(new Reader());
    assertThat(done.await(50, TimeUnit.SECONDS)).as("all calls; so far " + next[0]).isTrue();
    pool.shutdown();
    assertThat(pool.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    loop.shutdown();
    assertThat(loop.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    assertThat(wrong).isEmpty();
    assertThat(paused.get()).isZero();
  }
}
