// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite.fault;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The processor time of the loops of another process, as Linux counts it. */
public final class LoopCpu {
  /** USER_HZ of Linux is 100 wherever it matters. */
  private static final long MILLIS_PER_TICK = 10;

  private LoopCpu() {}

  /** What the loops of a process use in so much time, in thousandths of it. */
  public static long perMille(long process, Duration time) throws Exception {
    long before = millis(process);
    CompletableFuture.runAsync(
            () -> {}, CompletableFuture.delayedExecutor(time.toMillis(), TimeUnit.MILLISECONDS))
        .get();
    return (millis(process) - before) * 1000 / time.toMillis();
  }

  private static long millis(long process) throws IOException {
    long ticks = 0;
    try (Stream<Path> threads = Files.list(Path.of("/proc/" + process + "/task"))) {
      for (Path thread : (Iterable<Path>) threads::iterator) {
        if (Files.readString(thread.resolve("comm")).startsWith("millrace-loop")) {
          // The fields behind the name, of which the 12th and 13th are user and system time.
          String stat = Files.readString(thread.resolve("stat"));
          String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
          ticks += Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
        }
      }
    }
    return ticks * MILLIS_PER_TICK;
  }
}
