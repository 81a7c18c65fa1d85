// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.spi;

import static org.assertj.core.api.Assertions.assertThat;

import dev.millrace.Limits;
import dev.millrace.SendOptions;
import dev.millrace.SendOptions.Policy;
import dev.millrace.SendResult;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The backlog over an engine that a test plays: each answer, what is kept, and what comes out,
 * against a list that applies the rules one by one.
 */
class BacklogTest {
  private static final long MARK = 256 << 10;
  private static final long LOW = 128 << 10;
  private static final Limits LIMITS = Limits.defaults().withHighWaterMarkBytes(MARK);

  /** A message without memory. */
  private static final class Note extends Kept {
    final int number;
    boolean released;

    Note(int number, int length) {
      this(number, length, length);
    }

    Note(int number, int length, long capacity) {
      super(length, capacity);
      this.number = number;
    }

    @Override
    protected void release() {
      assertThat(released).as("released twice").isFalse();
      released = true;
    }

    @Override
    public String toString() {
      return "#" + number + " of " + length();
    }
  }

  /** An engine of one thread: what it has been given, and what it is told to do. */
  private static class FakeEngine implements Outlet {
    final Limits limits;
    final KeptMemory memory = new KeptMemory(1 << 30);
    final Queue<Runnable> posted = new ArrayDeque<>();
    final ArrayDeque<Note> queue = new ArrayDeque<>();
    final ArrayDeque<CompletableFuture<Void>> sent = new ArrayDeque<>();
    final List<Integer> taken = new ArrayList<>();
    long bytes;
    long inInbox;
    boolean onLoop = true;
    boolean readsStopped;
    boolean writableOwed;
    boolean refuses;
    int batchesReleased;
    int writable;
    int tellsOfDropped;
    int closes;

    FakeEngine(Limits limits) {
      this.limits = limits;
    }

    @Override
    public Limits limits() {
      return limits;
    }

    @Override
    public KeptMemory keptMemory() {
      return memory;
    }

    @Override
    public boolean stopsReads() {
      return true;
    }

    @Override
    public boolean isOnLoop() {
      return onLoop;
    }

    @Override
    public void postToLoop(Runnable task) {
      posted.add(task);
    }

    @Override
    public long engineBytes() {
      return bytes + inInbox;
    }

    @Override
    public boolean hasPosted() {
      assertThat(onLoop).isTrue();
      return inInbox > 0;
    }

    @Override
    public SendResult handOver(Kept kept, @Nullable CompletableFuture<Void> tracked, boolean all) {
      assertThat(onLoop).isTrue();
      if (!all && (refuses || engineBytes() >= limits.highWaterMarkBytes())) {
        writableOwed = true;
        return SendResult.REFUSED;
      }
      Note note = (Note) kept;
      assertThat(note.released).isFalse();
      queue.add(note);
      sent.add(tracked == null ? new CompletableFuture<>() : tracked);
      taken.add(note.number);
      bytes += note.frameLength();
      return SendResult.ACCEPTED;
    }

    @Override
    public void releaseBatch() {
      assertThat(onLoop).isTrue();
      batchesReleased++;
    }

    @Override
    public void stopReads(boolean stop) {
      assertThat(onLoop).isTrue();
      readsStopped = stop;
    }

    @Override
    public void oweWritable(boolean outOfMemory) {
      writableOwed = true;
    }

    @Override
    public void tellWritable() {
      assertThat(onLoop).isTrue();
      writable++;
    }

    @Override
    public boolean hearsOfDropped() {
      return true;
    }

    @Override
    public void tellDropped() {
      assertThat(onLoop).isTrue();
      tellsOfDropped++;
    }

    @Override
    public void closeFull() {
      closes++;
    }

    /** The loop's turn: what was posted. */
    void runPosted() {
      boolean before = onLoop;
      onLoop = true;
      for (int left = posted.size(); left > 0; left--) {
        posted.remove().run();
      }
      onLoop = before;
    }

    /** The kernel takes the first message. */
    void sendOne(Backlog backlog) {
      onLoop = true;
      Note note = queue.poll();
      if (note != null) {
        bytes -= note.frameLength();
        sent.remove().complete(null);
      }
      if (engineBytes() <= LOW) {
        boolean owed = writableOwed;
        writableOwed = false;
        if (backlog.onDrained(owed)) {
          return;
        }
        writable += owed ? 1 : 0;
      }
    }
  }

  private final Tally tally = new Tally();
  private final FakeEngine engine = new FakeEngine(LIMITS);
  private final Backlog backlog = new Backlog(engine, tally);
  private int numbers;

  private static SendOptions policy(Policy policy) {
    return SendOptions.defaults().withPolicy(policy);
  }

  /** The engine is full to its window, and has been given one that tells. */
  private void fill() {
    engine.bytes = Backlog.WINDOW;
    add(1000, SendOptions.defaults());
    assertThat(engine.taken).containsExactly(0);
    engine.taken.clear();
  }

  private SendResult add(int length, SendOptions options) {
    return backlog.add(new Note(numbers++, length), options, null);
  }

  private List<Integer> drained() {
    engine.bytes = 0;
    while (!engine.queue.isEmpty() || !engine.posted.isEmpty()) {
      engine.bytes =
          Math.max(engine.bytes, engine.queue.stream().mapToLong(Note::frameLength).sum());
      engine.sendOne(backlog);
      engine.runPosted();
    }
    return engine.taken;
  }

  @Test
  void dropsTheOldestThatMayBeDropped() {
    fill();
    assertThat(add(60_000, SendOptions.defaults())).isEqualTo(SendResult.ACCEPTED);
    for (int i = 0; i < 3; i++) {
      assertThat(add(60_000, policy(Policy.DROP_OLDEST))).isEqualTo(SendResult.ACCEPTED);
    }
    assertThat(backlog.count()).isEqualTo(4);
    assertThat(add(60_000, policy(Policy.DROP_OLDEST))).isEqualTo(SendResult.ACCEPTED);
    assertThat(add(60_000, policy(Policy.DROP_OLDEST))).isEqualTo(SendResult.ACCEPTED);
    assertThat(tally.get(Tally.Count.DROPPED_OLDEST)).isEqualTo(2);
    assertThat(backlog.dropped()).isEqualTo(2);
    assertThat(drained()).containsExactly(1, 4, 5, 6);
  }

  @Test
  void askedOnceToTellWhateverIsDroppedMeanwhile() {
    fill();
    for (int i = 0; i < 10; i++) {
      add(60_000, policy(Policy.DROP_OLDEST));
    }
    long dropped = backlog.dropped();
    assertThat(dropped).isEqualTo(6);
    engine.runPosted();
    assertThat(engine.tellsOfDropped).isEqualTo(1);
    assertThat(backlog.takeDropped()).isEqualTo(dropped);
    assertThat(backlog.takeDropped()).isZero();
    add(60_000, policy(Policy.DROP_OLDEST));
    assertThat(add(60_000, policy(Policy.DROP_NEWEST))).isEqualTo(SendResult.DROPPED);
    engine.runPosted();
    assertThat(engine.tellsOfDropped).isEqualTo(2);
    assertThat(backlog.takeDropped()).isEqualTo(2);
  }

  @Test
  void whatGivesWayToAListOrForMemoryIsToldToo() {
    fill();
    for (int i = 0; i < 4; i++) {
      add(60_000, policy(Policy.DROP_OLDEST));
    }
    assertThat(backlog.addAll(List.of(new Note(numbers++, 60_000)))).isEqualTo(SendResult.ACCEPTED);
    engine.runPosted();
    assertThat(engine.tellsOfDropped).isEqualTo(1);
    assertThat(backlog.takeDropped()).isEqualTo(1);
    assertThat(backlog.makeMemory(policy(Policy.DROP_OLDEST))).isTrue();
    engine.runPosted();
    assertThat(engine.tellsOfDropped).isEqualTo(2);
    assertThat(backlog.takeDropped()).isEqualTo(1);
  }

  /** A block may be larger than the message in it, which then fits after all. */
  @Test
  void readsGoOnWhenEverythingFitsTheWindowAtOnce() {
    FakeEngine small = new FakeEngine(Limits.defaults().withHighWaterMarkBytes(64 << 10));
    Backlog above = new Backlog(small, tally);
    small.bytes = 1004;
    Note text = new Note(0, 17_000, 32 << 10);
    assertThat(above.add(text, policy(Policy.DROP_NEWEST), null)).isEqualTo(SendResult.ACCEPTED);
    assertThat(small.taken).containsExactly(0);
    small.runPosted();
    assertThat(small.readsStopped).isFalse();
  }

  @Test
  void whatTheBacklogWaitsForLeavesItsBatch() {
    add(60_000, policy(Policy.DROP_OLDEST));
    assertThat(engine.batchesReleased).isZero();
    add(60_000, policy(Policy.DROP_OLDEST));
    assertThat(engine.taken).containsExactly(0, 1);
    assertThat(engine.batchesReleased).isEqualTo(1);
    add(60_000, policy(Policy.DROP_OLDEST));
    assertThat(engine.batchesReleased).isEqualTo(1);
  }

  /** Only answers on the loop, of which a receive brings so many, go beyond the mark. */
  @Test
  void tinyMessagesOfOtherThreadsStayBelowTheMark() {
    fill();
    engine.onLoop = false;
    int accepted = 0;
    while (add(2, SendOptions.defaults()) == SendResult.ACCEPTED) {
      accepted++;
    }
    assertThat(engine.engineBytes() + backlog.bytes()).isBetween(MARK, MARK + 256);
    engine.onLoop = true;
    for (int i = 0; i < accepted; i++) {
      assertThat(add(2, SendOptions.defaults())).isEqualTo(SendResult.ACCEPTED);
    }
  }

  /** Five thousand steps of every kind, each judged by a list. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void behavesAsAListThatFollowsTheRules(long seed) {
    new Model(new Random(seed), seed % 2 == 0 ? Limits.UNLIMITED : 40).run(5_000);
  }

  /** The rules, over a plain list. */
  private static final class Model {
    record Message(Note note, SendOptions options) {
      long size() {
        return Math.max(256, note.length());
      }

      boolean isDroppable() {
        return options.replacementKey().isPresent()
            || options.policy() == Policy.DROP_OLDEST
            || options.policy() == Policy.DROP_LOWER_PRIORITY;
      }
    }

    private final Random random;
    private final int max;
    private final FakeEngine engine;
    private final Tally tally = new Tally();
    private final Backlog backlog;
    private final List<Message> waiting = new ArrayList<>();
    private final List<Note> all = new ArrayList<>();
    private final List<CompletableFuture<Void>> futures = new ArrayList<>();
    private long dropped;
    private int refusals;
    private int numbers;

    Model(Random random, int max) {
      this.random = random;
      this.max = max;
      engine =
          new FakeEngine(LIMITS.withMaxQueuedMessages(max)) {
            @Override
            public SendResult handOver(
                Kept kept, @Nullable CompletableFuture<Void> tracked, boolean always) {
              SendResult result = super.handOver(kept, tracked, always);
              if (result == SendResult.ACCEPTED) {
                assertThat(waiting.get(0).note()).isSameAs(kept);
                waiting.remove(0);
              }
              return result;
            }
          };
      backlog = new Backlog(engine, tally);
    }

    void run(int steps) {
      for (int step = 0; step < steps; step++) {
        step();
        check();
      }
      finish();
    }

    private void step() {
      int kind = random.nextInt(100);
      engine.onLoop = random.nextBoolean();
      if (kind < 55) {
        send();
      } else if (kind < 60) {
        sendAll();
      } else if (kind < 75) {
        engine.runPosted();
      } else if (kind < 95) {
        engine.refuses = false;
        engine.sendOne(backlog);
      } else if (kind < 97) {
        engine.refuses = true;
      } else if (kind < 98) {
        engine.inInbox = random.nextInt(2) * 5000;
      } else {
        engine.inInbox = 0;
        engine.onLoop = true;
        for (int left = random.nextInt(60); left > 0; left--) {
          engine.sendOne(backlog);
        }
      }
    }

    private int length() {
      return random.nextInt(10) == 0 ? random.nextInt(100_000) : random.nextInt(9_000);
    }

    private Note note() {
      Note note = new Note(numbers++, length());
      all.add(note);
      return note;
    }

    private void send() {
      SendOptions options =
          SendOptions.defaults()
              .withPolicy(Policy.values()[random.nextInt(4)]) // not CLOSE, which ends it
              .withPriority(random.nextInt(4));
      if (random.nextInt(4) == 0) {
        options = options.withReplacementKey("key " + random.nextInt(6));
      }
      CompletableFuture<Void> sent =
          options.policy() == Policy.REFUSE && options.replacementKey().isEmpty()
              ? new CompletableFuture<>()
              : null;
      Message message = new Message(note(), options);
      SendResult expected = judge(message);
      assertThat(backlog.add(message.note(), options, sent)).isEqualTo(expected);
      if (expected == SendResult.ACCEPTED && sent != null) {
        futures.add(sent);
      }
      if (expected != SendResult.ACCEPTED) {
        assertThat(message.note().released).isTrue();
      }
    }

    private void sendAll() {
      List<Message> messages =
          Stream.generate(() -> new Message(note(), SendOptions.defaults())).limit(3).toList();
      SendResult expected = judge(messages.get(0));
      if (expected == SendResult.ACCEPTED) {
        waiting.addAll(messages.subList(1, 3));
      }
      assertThat(backlog.addAll(messages.stream().map(Message::note).toList())).isEqualTo(expected);
    }

    private boolean hasRoom(List<Message> kept) {
      return engine.engineBytes() + kept.stream().mapToLong(Message::size).sum() < MARK
          && kept.size() < max;
    }

    /** What becomes of it, and of the others. */
    private SendResult judge(Message message) {
      SendOptions options = message.options();
      int same = -1;
      for (int i = 0; i < waiting.size() && options.replacementKey().isPresent(); i++) {
        if (waiting.get(i).options().replacementKey().equals(options.replacementKey())) {
          same = i;
        }
      }
      List<Message> others = new ArrayList<>(waiting);
      Message old = same < 0 ? null : others.remove(same);
      boolean isPromise = !message.isDroppable() && options.policy() == Policy.REFUSE;
      List<Message> left = new ArrayList<>(others);
      if (!hasRoom(left)) {
        List<Message> candidates =
            others.stream()
                .filter(Message::isDroppable)
                .filter(
                    other ->
                        isPromise
                            || options.policy() == Policy.DROP_OLDEST
                            || options.policy() == Policy.DROP_LOWER_PRIORITY
                                && other.options().priority() < options.priority())
                .sorted(
                    Comparator.comparingInt(
                        other ->
                            options.policy() == Policy.DROP_LOWER_PRIORITY
                                ? other.options().priority()
                                : 0))
                .toList();
        List<Message> promised = others.stream().filter(other -> !other.isDroppable()).toList();
        boolean promisedFits =
            isPromise
                && promised.size() < max
                && engine.engineBytes()
                        + promised.stream()
                            .mapToLong(
                                other -> engine.onLoop ? other.note().frameLength() : other.size())
                            .sum()
                    < MARK;
        for (Message candidate : candidates) {
          if (hasRoom(left)) {
            break;
          }
          left.removeIf(other -> other == candidate);
        }
        if (isPromise ? !promisedFits : !hasRoom(left)) {
          if (options.policy() == Policy.REFUSE) {
            refusals++;
            return SendResult.REFUSED;
          }
          dropped++;
          return SendResult.DROPPED;
        }
      }
      dropped += others.size() - left.size();
      for (int i = waiting.size() - 1; i >= 0; i--) {
        Message kept = waiting.get(i);
        if (kept != old && left.stream().noneMatch(other -> other == kept)) {
          waiting.remove(i);
        }
      }
      if (old == null) {
        waiting.add(message);
      } else {
        dropped++;
        waiting.set(waiting.indexOf(old), message);
      }
      return SendResult.ACCEPTED;
    }

    private void check() {
      assertThat(backlog.count()).isEqualTo(waiting.size());
      assertThat(backlog.dropped()).isEqualTo(dropped);
      long bytes = waiting.stream().mapToLong(Message::size).sum();
      assertThat(backlog.bytes()).isEqualTo(bytes);
      assertThat(engine.memory.takenBytes()).isEqualTo(bytes);
      long promised = waiting.stream().filter(m -> !m.isDroppable()).mapToLong(Message::size).sum();
      assertThat(backlog.promisedBytes()).isEqualTo(promised);
    }

    /** Everything leaves; whoever was refused hears of it, and the peer is read from again. */
    private void finish() {
      engine.refuses = false;
      engine.inInbox = 0;
      int told = engine.writable;
      engine.onLoop = true;
      SendResult last = SendResult.ACCEPTED;
      while (last == SendResult.ACCEPTED) {
        Message message = new Message(note(), SendOptions.defaults());
        SendResult expected = judge(message);
        last = backlog.add(message.note(), SendOptions.defaults(), null);
        assertThat(last).isEqualTo(expected);
      }
      engine.runPosted();
      assertThat(engine.readsStopped).isTrue();
      while (!engine.queue.isEmpty() || !engine.posted.isEmpty()) {
        engine.sendOne(backlog);
        engine.runPosted();
        check();
      }
      assertThat(waiting).isEmpty();
      assertThat(engine.readsStopped).isFalse();
      assertThat(engine.writable).isGreaterThan(told);
      assertThat(refusals).isPositive();
      assertThat(futures).isNotEmpty().allMatch(CompletableFuture::isDone);
      long out = engine.taken.size();
      assertThat(all.stream().filter(note -> note.released).count()).isEqualTo(all.size() - out);
      assertThat(backlog.isPassedBy(0)).isTrue();
    }
  }

  @Test
  void replacesInItsPlace() {
    fill();
    SendOptions keyed = SendOptions.defaults().withReplacementKey("EUR");
    add(1000, keyed);
    add(1000, policy(Policy.DROP_NEWEST));
    assertThat(add(2000, keyed)).isEqualTo(SendResult.ACCEPTED);
    assertThat(backlog.count()).isEqualTo(2);
    assertThat(tally.get(Tally.Count.REPLACED)).isEqualTo(1);
    assertThat(drained()).containsExactly(3, 2);
  }

  @Test
  void messageThatTheEngineRefusedGivesWayToANewerOneWithItsKey() {
    SendOptions keyed = SendOptions.defaults().withReplacementKey("EUR");
    Note[] newer = new Note[1];
    Backlog[] under = new Backlog[1];
    FakeEngine refusing =
        new FakeEngine(LIMITS) {
          @Override
          public SendResult handOver(
              Kept kept, @Nullable CompletableFuture<Void> tracked, boolean always) {
            if (newer[0] == null) {
              // What another thread may do while the engine looks at it.
              newer[0] = new Note(1, 1000);
              onLoop = false;
              under[0].add(newer[0], keyed, null);
              under[0].add(new Note(2, 1000), SendOptions.defaults(), null);
              onLoop = true;
              return SendResult.REFUSED;
            }
            return super.handOver(kept, tracked, always);
          }
        };
    under[0] = new Backlog(refusing, tally);
    Note first = new Note(0, 1000);
    assertThat(under[0].add(first, keyed, null)).isEqualTo(SendResult.ACCEPTED);
    assertThat(first.released).isTrue();
    assertThat(under[0].count()).isEqualTo(2);
    refusing.runPosted();
    refusing.sendOne(under[0]);
    assertThat(refusing.taken).containsExactly(1, 2);
  }

  @Test
  void closeHandsOverAllThatWasAccepted() {
    fill();
    add(60_000, SendOptions.defaults());
    add(60_000, policy(Policy.DROP_OLDEST));
    add(60_000, SendOptions.defaults());
    assertThat(engine.readsStopped).isTrue();
    backlog.close();
    assertThat(engine.taken).containsExactly(1, 2, 3);
    assertThat(engine.readsStopped).isFalse();
    assertThat(backlog.bytes()).isZero();
    assertThat(add(10, SendOptions.defaults())).isEqualTo(SendResult.CLOSED);
  }

  @Test
  void endGivesEverythingBack() {
    fill();
    CompletableFuture<Void> sent = new CompletableFuture<>();
    Note note = new Note(numbers++, 60_000);
    backlog.add(note, SendOptions.defaults(), sent);
    backlog.end();
    assertThat(note.released).isTrue();
    assertThat(sent).isCompletedExceptionally();
    assertThat(engine.memory.takenBytes()).isZero();
  }

  @Test
  void closesOnceOverThePolicy() {
    fill();
    add(100_000, SendOptions.defaults());
    add(100_000, SendOptions.defaults());
    assertThat(add(10, policy(Policy.CLOSE))).isEqualTo(SendResult.CLOSED);
    assertThat(add(10, policy(Policy.CLOSE))).isEqualTo(SendResult.CLOSED);
    assertThat(engine.closes).isEqualTo(1);
    assertThat(tally.get(Tally.Count.CLOSED_BY_POLICY)).isEqualTo(1);
  }

  @Test
  void memoryOfTheLoopIsSharedOut() {
    KeptMemory ofTheLoop = new KeptMemory(400_000);
    FakeEngine other =
        new FakeEngine(LIMITS) {
          @Override
          public KeptMemory keptMemory() {
            return ofTheLoop;
          }
        };
    Backlog second = new Backlog(other, tally);
    other.bytes = Backlog.WINDOW;
    second.add(new Note(0, 1), SendOptions.defaults(), null);
    ofTheLoop.add(100_000);
    assertThat(second.add(new Note(1, 10), policy(Policy.DROP_NEWEST), null))
        .isEqualTo(SendResult.DROPPED);
    assertThat(second.add(new Note(2, 10), SendOptions.defaults(), null))
        .isEqualTo(SendResult.ACCEPTED);
    ofTheLoop.add(100_000);
    assertThat(second.add(new Note(3, 10), SendOptions.defaults(), null))
        .isEqualTo(SendResult.REFUSED);
  }
}
