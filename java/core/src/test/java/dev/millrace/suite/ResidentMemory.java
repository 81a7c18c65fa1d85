// SPDX-License-Identifier: Apache-2.0
package dev.millrace.suite;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the kernel says of this process's memory: the witness beside the engine's own counters. */
final class ResidentMemory {

  private static final Path MAPPINGS = Path.of("/proc/self/smaps");

  private ResidentMemory() {}

  /** Whether it says anything of an engine: AddressSanitizer keeps what was freed. */
  static boolean isTold() {
    return Files.exists(MAPPINGS) && !Boolean.getBoolean("millrace.sanitized");
  }

  /** Bytes in memory but for the heap and the classes, which lie in the lowest 64 GiB. */
  static long bytesOutsideTheHeap() throws IOException {
    long kib = 0;
    boolean counts = false;
    for (String line : Files.readAllLines(MAPPINGS)) {
      String first = line.split("[- ]", 2)[0];
      if (first.matches("[0-9a-f]+")) {
        counts = Long.parseUnsignedLong(first, 16) >>> 36 != 0;
      } else if (counts && line.startsWith("Rss:")) {
        kib += Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    return kib << 10;
  }
}
