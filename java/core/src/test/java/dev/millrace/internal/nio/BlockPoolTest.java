// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.millrace.internal.spi.CheckedMode;
import dev.millrace.internal.spi.LoopCounter;
import dev.millrace.suite.Deadline;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlockPoolTest {
  private static final long LIMIT = 64 << 20;

  /** A chunk, with the headroom of all blocks. */
  private static final long SLACK = Chunk.CAPACITY + (1 << 20);

  private final BlockPool pool = new BlockPool(LIMIT, false);

  private Block acquire(int length) {
    return Objects.requireNonNull(pool.acquire(length), "a block");
  }

  private long value(LoopCounter counter) {
    return values()[counter.ordinal()];
  }

  private long[] values() {
    long[] values = new long[LoopCounter.valueCount()];
    pool.readStatistics(values);
    return values;
  }

  @ParameterizedTest
  @CsvSource({
    "0, 256",
    "1, 256",
    "256, 256",
    "257, 512",
    "4096, 4096",
    "32768, 32768",
    "32769, 65536",
    "1048576, 1048576",
    "1048577, 2097152"
  })
  void aBlockIsThePowerOfTwoThatHoldsIt(int length, int capacity) {
    Block block = acquire(length);
    assertThat(block.capacity()).isEqualTo(capacity);
    assertThat(block.bytes().capacity()).isEqualTo(Block.HEADROOM + capacity);
    assertThat(block.bytes().isDirect()).isTrue();
    block.bytes().put(Block.HEADROOM + capacity - 1, (byte) 1);
    block.release();
  }

  @Test
  void whatComesBackLastIsTakenFirst() {
    Block first = acquire(300);
    Block second = acquire(300);
    first.release();
    second.release();
    assertThat(acquire(512)).isSameAs(second);
    assertThat(acquire(512)).isSameAs(first);
  }

  @Test
  void theLastReferenceGivesItBack() {
    Block block = acquire(1000);
    assertThat(block.isExclusive()).isTrue();
    block.retain();
    assertThat(block.isExclusive()).isFalse();
    block.release();
    assertThat(value(LoopCounter.BLOCKS_IN_USE)).isEqualTo(1);
    assertThat(block.isExclusive()).isTrue();
    block.release();
    assertThat(value(LoopCounter.BLOCKS_IN_USE)).isZero();
    assertThatIllegalStateException().isThrownBy(block::release).withMessageContaining("twice");
  }

  @Test
  void everyBlockOfASlabIsItsOwn() {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      Block block = acquire(256);
      for (int at = 0; at < block.bytes().capacity(); at += Integer.BYTES) {
        block.bytes().putInt(at, i);
      }
      blocks.add(block);
    }
    for (int i = 0; i < blocks.size(); i++) {
      for (int at = 0; at < blocks.get(i).bytes().capacity(); at += Integer.BYTES) {
        assertThat(blocks.get(i).bytes().getInt(at)).isEqualTo(i);
      }
    }
  }

  @Test
  void theLimitHoldsAndIsCounted() {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      blocks.add(acquire(1 << 20));
    }
    assertThat(pool.isScarce()).isTrue();
    assertThat(pool.acquire(1)).isNull();
    assertThat(value(LoopCounter.BLOCK_SPILLS)).isEqualTo(1);
    blocks.remove(0).release();
    assertThat(pool.acquire(1 << 20)).isNotNull();
    assertThat(pool.acquire(1)).isNull();
  }

  @Test
  void statisticsTellByClass() {
    Block small = acquire(256);
    acquire(4096);
    acquire(4096);
    small.release();
    long[] values = values();
    assertThat(values[LoopCounter.blocksInUse(0)]).isZero();
    assertThat(values[LoopCounter.blocksHighWater(0)]).isEqualTo(1);
    assertThat(values[LoopCounter.blocksInUse(4)]).isEqualTo(2);
    assertThat(value(LoopCounter.BLOCK_BYTES_IN_USE)).isEqualTo(8192);
    assertThat(value(LoopCounter.BLOCK_BYTES_HIGH_WATER)).isEqualTo(8448);
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isEqualTo(256);
  }

  @Test
  void whatIsKeptFreeIsBounded() {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      blocks.add(acquire(1 << 20));
    }
    blocks.add(acquire(256));
    blocks.forEach(Block::release);
    assertThat(pool.keepsTooMuch()).isTrue();
    pool.trim(BlockPool.KEPT_BYTES);
    assertThat(pool.keepsTooMuch()).isFalse();
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isBetween(7L << 20, BlockPool.KEPT_BYTES);
    assertThat(value(LoopCounter.BLOCK_BYTES_RETURNED)).isBetween(32L << 20, 34L << 20);
    pool.trim(0);
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isZero();
  }

  /** Beyond what is kept long blocks are cut from one run of memory, whatever their sizes. */
  @Test
  void longBlocksOfAChunkAreTheirOwn() {
    List<Block> blocks = new ArrayList<>();
    for (int round = 0; round < 4; round++) {
      for (int i = 0; i < 60; i++) {
        Block block = acquire(64 << 10 << i % 5);
        for (int at = 0; at < block.bytes().capacity() - 3; at += 1021) {
          block.bytes().putInt(at, blocks.size());
        }
        blocks.add(block);
      }
      for (int i = 0; i < blocks.size(); i++) {
        Block block = blocks.get(i);
        for (int at = 0; at < block.bytes().capacity() - 3; at += 1021) {
          assertThat(block.bytes().getInt(at)).isEqualTo(i);
        }
      }
      // Every other one makes room for the next.
      for (int i = blocks.size() - 1; i >= 0; i -= 2) {
        blocks.remove(i).release();
      }
      for (int i = 0; i < blocks.size(); i++) {
        Block block = blocks.get(i);
        for (int at = 0; at < block.bytes().capacity() - 3; at += 1021) {
          block.bytes().putInt(at, i);
        }
      }
    }
    assertThat(blocks).anyMatch(block -> block.chunk() != null);
    assertThat(blocks).anyMatch(block -> block.chunk() == null);
    blocks.forEach(Block::release);
    assertThat(value(LoopCounter.BLOCKS_IN_USE)).isZero();
    pool.trim(0);
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isZero();
    assertThat(pool.keepsTooMuch()).isFalse();
  }

  @Test
  void theNextChunkIsThereBeforeItIsNeeded() {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      blocks.add(acquire(1 << 20));
    }
    Deadline.until(() -> value(LoopCounter.BLOCK_BYTES_KEPT) == Chunk.CAPACITY, "a chunk ahead");
    assertThat(blocks).allMatch(block -> block.chunk() == null);
    for (int i = 0; i < 10; i++) {
      blocks.add(acquire(1 << 20));
    }
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isEqualTo(Chunk.CAPACITY - (8 << 20));
    pool.trim(BlockPool.KEPT_BYTES);
    assertThat(value(LoopCounter.BLOCK_BYTES_RETURNED)).isZero();
    blocks.forEach(Block::release);
    pool.trim(BlockPool.KEPT_BYTES);
    assertThat(value(LoopCounter.BLOCK_BYTES_RETURNED)).isEqualTo(Chunk.CAPACITY);
  }

  @Test
  void aChunkThatIsNotNeededAfterAllIsDropped() {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      blocks.add(acquire(1 << 20));
    }
    Deadline.until(() -> value(LoopCounter.BLOCK_BYTES_KEPT) == Chunk.CAPACITY, "a chunk ahead");
    pool.trim(BlockPool.KEPT_BYTES);
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isEqualTo(Chunk.CAPACITY);
    blocks.remove(0).release();
    assertThat(pool.keepsTooMuch()).isTrue();
    pool.trim(BlockPool.KEPT_BYTES);
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isEqualTo(1 << 20);
    assertThat(pool.keepsTooMuch()).isFalse();
  }

  /** A chunk stays as long as one block of it is in use, and its room with it. */
  @Test
  void chunksAreDroppedWhole() {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      blocks.add(acquire(1 << 20));
    }
    Block last = blocks.remove(blocks.size() - 1);
    blocks.forEach(Block::release);
    pool.trim(BlockPool.KEPT_BYTES);
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isEqualTo((8 << 20) + (31 << 20));
    assertThat(pool.keepsTooMuch()).isFalse();
    List<Block> again = new ArrayList<>();
    for (int i = 0; i < 39; i++) {
      again.add(acquire(1 << 20));
    }
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isZero();
    again.forEach(Block::release);
    last.release();
    assertThat(pool.keepsTooMuch()).isTrue();
    pool.trim(BlockPool.KEPT_BYTES);
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isEqualTo(8 << 20);
  }

  /** Bursts of small blocks, which are dropped and have no collection between them. */
  @Test
  void burstsOfSmallBlocksNeedNoMoreThanTheLimit() {
    long before = directBytes();
    List<Block> blocks = new ArrayList<>();
    for (int round = 0; round < 12; round++) {
      // Each round has another size, in turn, so that a slab must be room for any.
      int capacity = 16 << 10 >> round % 3;
      for (Block next; (next = pool.acquire(capacity)) != null; ) {
        blocks.add(next);
        assertThat(directBytes() - before).isLessThanOrEqualTo(LIMIT + SLACK);
      }
      assertThat(value(LoopCounter.BLOCK_BYTES_IN_USE)).isGreaterThan(LIMIT / 8 * 7);
      blocks.forEach(Block::release);
      blocks.clear();
      pool.trim(BlockPool.KEPT_BYTES);
      assertThat(pool.keepsTooMuch()).isFalse();
      assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isLessThanOrEqualTo(BlockPool.KEPT_BYTES);
    }
  }

  /** One small block keeps its slab from being reused, and nothing else. */
  @Test
  void slabsOfWhichNothingIsInUseAreRoomForOtherSizes() {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 32 << 6; i++) {
      blocks.add(acquire(16 << 10));
    }
    Block last = blocks.remove(blocks.size() - 1);
    last.bytes().putLong(Block.HEADROOM, 0x1234_5678);
    assertThat(last.slab()).isNotNull();
    blocks.forEach(Block::release);
    blocks.clear();
    for (int i = 0; i < 31; i++) {
      Block next = acquire(1 << 20);
      next.fill((byte) 1);
      blocks.add(next);
    }
    assertThat(last.bytes().getLong(Block.HEADROOM)).isEqualTo(0x1234_5678);
    blocks.forEach(Block::release);
    last.release();
    pool.trim(0);
    assertThat(value(LoopCounter.BLOCK_BYTES_KEPT)).isZero();
    assertThat(pool.keepsTooMuch()).isFalse();
  }

  private static long directBytes() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(buffers -> buffers.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  @Test
  void whatComesBackIsFilledAndRestsWhereItIsChecked() {
    BlockPool checked = new BlockPool(LIMIT, true);
    Block first = acquireFrom(checked, 300);
    first.bytes().putLong(Block.HEADROOM + 100, 0x1234_5678);
    first.release();
    for (int at = 0; at < first.bytes().capacity(); at++) {
      assertThat(first.bytes().get(at)).isEqualTo(CheckedMode.FREED);
    }
    int others = 0;
    for (Block next = acquireFrom(checked, 300); next != first; next = acquireFrom(checked, 300)) {
      assertThat(++others).isLessThan(5000);
      next.release();
    }
    assertThat(others).isGreaterThanOrEqualTo(1024);
  }

  @Test
  void whatIsWrittenToABlockThatRestsIsFoundOnce() {
    BlockPool checked = new BlockPool(LIMIT, true);
    assertThat(checked.lookAtResting()).isNull();
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      blocks.add(acquireFrom(checked, 256 << i % 10));
    }
    blocks.forEach(Block::release);
    assertThat(found(checked)).isNull();
    for (int i = 0; i < blocks.size(); i += 19) {
      Block block = blocks.get(i);
      int end = block.bytes().capacity();
      for (int at : new int[] {0, Block.HEADROOM, end / 2, end - 1}) {
        block.bytes().put(at, (byte) 1);
        assertThat(found(checked)).isSameAs(block);
        assertThat(found(checked)).isNull();
      }
    }
  }

  /** In a whole round, or more. */
  private static @Nullable Block found(BlockPool checked) {
    Block found = null;
    for (int looks = 0; looks < 200 && found == null; looks++) {
      found = checked.lookAtResting();
    }
    return found;
  }

  @Test
  void whatRestsIsBoundedAndCountsNotAsUsed() {
    BlockPool checked = new BlockPool(LIMIT, true);
    for (int i = 0; i < 300; i++) {
      acquireFrom(checked, 1 << 20).release();
      acquireFrom(checked, 16 << 20).release();
    }
    long[] values = new long[LoopCounter.valueCount()];
    checked.readStatistics(values);
    assertThat(values[LoopCounter.BLOCK_BYTES_IN_USE.ordinal()]).isZero();
    assertThat(values[LoopCounter.BLOCK_BYTES_KEPT.ordinal()])
        .isLessThanOrEqualTo((18L << 20) + Chunk.CAPACITY);
  }

  /** Where the JVM gives no more, not even for a chunk, what rests makes room. */
  @ParameterizedTest
  @CsvSource({"41, 40", "24, 23"})
  void whatRestsIsUsedWhereTheJvmHasNoMore(int megabytes, int most) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:MaxDirectMemorySize=" + megabytes + "m",
                "-cp",
                System.getProperty("java.class.path"),
                OutOfDirectMemory.class.getName())
            .redirectErrorStream(true)
            .start();
    try {
      String output = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
      assertThat(output).isEqualTo(most + " blocks, then one that rested, then none");
    } finally {
      process.destroyForcibly();
    }
  }

  /** Takes 8 MiB in blocks of their own, and a whole chunk or what there is. */
  static final class OutOfDirectMemory {
    public static void main(String[] arguments) {
      BlockPool checked = new BlockPool(LIMIT, true);
      List<Block> blocks = new ArrayList<>();
      for (Block next; (next = checked.acquire(1 << 20)) != null; ) {
        blocks.add(next);
      }
      String before = blocks.size() + " blocks";
      blocks.get(blocks.size() - 1).release();
      String rested = checked.acquire(1 << 20) == null ? "none" : "one that rested";
      String after = checked.acquire(1 << 20) == null ? "none" : "one";
      System.out.println(before + ", then " + rested + ", then " + after);
    }
  }

  private static Block acquireFrom(BlockPool pool, int length) {
    return Objects.requireNonNull(pool.acquire(length));
  }

  /** Blocks wander between threads; nobody ever has one that another has too. */
  @Test
  void anyThreadTakesAndGivesBack() throws Exception {
    int threads = 4;
    ConcurrentLinkedQueue<Block> wandering = new ConcurrentLinkedQueue<>();
    AtomicInteger shared = new AtomicInteger();
    List<Thread> workers = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int stamp = t;
      Thread worker = new Thread(() -> wander(wandering, stamp, shared));
      worker.start();
      workers.add(worker);
    }
    for (Thread worker : workers) {
      Deadline.join(worker);
    }
    wandering.forEach(Block::release);
    assertThat(shared).hasValue(0);
    assertThat(value(LoopCounter.BLOCKS_IN_USE)).isZero();
  }

  private void wander(ConcurrentLinkedQueue<Block> wandering, int stamp, AtomicInteger shared) {
    for (int i = 0; i < 50_000; i++) {
      Block block = acquire(256 << i % 3);
      block.bytes().putInt(0, stamp);
      wandering.add(block.retain());
      if (block.bytes().getInt(0) != stamp) {
        shared.incrementAndGet();
      }
      block.release();
      Block other = wandering.poll();
      if (other != null) {
        other.release();
      }
    }
  }
}
