// SPDX-License-Identifier: Apache-2.0
package dev.millrace;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** How much memory this process may use: what its control group allows, or what the machine has. */
final class MemoryCeiling {
  /** Where nobody says. */
  private static final long ASSUMED = 1L << 30;

  private static final long QUARTER = quarterOf(available());

  private MemoryCeiling() {}

  /** A quarter of the memory that this process may use. */
  static long quarter() {
    return QUARTER;
  }

  private static long quarterOf(long bytes) {
    return Math.max(32L << 20, bytes / 4);
  }

  private static long available() {
    long machine = fromMeminfo();
    long least = machine > 0 ? machine : ASSUMED;
    for (Path limit :
        List.of(
            Path.of("/sys/fs/cgroup/memory.max"),
            Path.of("/sys/fs/cgroup/memory/memory.limit_in_bytes"))) {
      least = Math.min(least, numberIn(limit, least));
    }
    return least;
  }

  private static long fromMeminfo() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
        if (line.startsWith("MemTotal:")) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
        }
      }
    } catch (IOException | NumberFormatException e) {
      return -1; // not Linux, or not shown to us
    }
    return -1;
  }

  /** The first line as a number, or otherwise: a group without a limit says "max". */
  private static long numberIn(Path file, long otherwise) {
    try {
      return Long.parseLong(Files.readString(file).strip());
    } catch (IOException | NumberFormatException e) {
      return otherwise;
    }
  }
}
