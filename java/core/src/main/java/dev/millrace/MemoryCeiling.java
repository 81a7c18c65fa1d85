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

  private static final long QUARTER = quarterOf(available(Path.of("/")));

  private MemoryCeiling() {}

  /** A quarter of the memory that this process may use. */
  static long quarter() {
    return QUARTER;
  }

  private static long quarterOf(long bytes) {
    return Math.max(32L << 20, bytes / 4);
  }

  /**
   * What the machine has, or less by its control group or one of those above it.
   *
   * @param root of the file system
   */
  static long available(Path root) {
    long machine = fromMeminfo(root.resolve("proc/meminfo"));
    long least = machine > 0 ? machine : ASSUMED;
    Path groups = root.resolve("sys/fs/cgroup");
    Path ofMemory = groups.resolve("memory"); // version 1
    least = leastAbove(groups, groups, "memory.max", least);
    least = leastAbove(ofMemory, ofMemory, "memory.limit_in_bytes", least);
    // Number, controllers, path: version 2 has no controllers there.
    for (String line : lines(root.resolve("proc/self/cgroup"))) {
      String[] parts = line.split(":", 3);
      if (parts.length < 3) {
        continue;
      }
      if (parts[1].isEmpty()) {
        least = leastAbove(groups, within(groups, parts[2]), "memory.max", least);
      } else if (List.of(parts[1].split(",")).contains("memory")) {
        Path group = within(ofMemory, parts[2]);
        least = leastAbove(ofMemory, group, "memory.limit_in_bytes", least);
      }
    }
    return least;
  }

  /** The directory of a group, or the mount where it lies outside of what is mounted here. */
  private static Path within(Path mount, String group) {
    Path directory = Path.of(mount + "/" + group).normalize();
    return directory.startsWith(mount) ? directory : mount;
  }

  /** The least limit of a group and those above it; which of them are not to be seen have none. */
  private static long leastAbove(Path mount, Path group, String file, long otherwise) {
    long least = otherwise;
    Path end = mount.getParent();
    for (Path at = group; at != null && !at.equals(end); at = at.getParent()) {
      least = Math.min(least, numberIn(at.resolve(file), least));
    }
    return least;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      return List.of(); // not Linux, or not shown to us
    }
  }

  private static long fromMeminfo(Path file) {
    try {
      for (String line : lines(file)) {
        if (line.startsWith("MemTotal:")) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
        }
      }
    } catch (NumberFormatException e) {
      return -1;
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
