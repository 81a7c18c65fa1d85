// SPDX-License-Identifier: Apache-2.0
package dev.millrace.internal.nio;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The clock of the wall may be set at any moment, by hours. The engine reads the one that cannot
 * be, and waits only where that is what the JDK waits by.
 */
class ClockTest {
  private static final Path HOME = Path.of(System.getProperty("millrace.home", "../.."));
  private static final Pattern WALL_CLOCK =
      Pattern.compile(
          "currentTimeMillis|\\bInstant\\b|java\\.time\\.Clock|\\bLocal(Date)?Time\\b"
              + "|\\bZonedDateTime\\b|java\\.util\\.(Date|Timer|Calendar)\\b|parkUntil|awaitUntil");

  @Test
  void nobodyReadsTheClockOfTheWall() throws IOException {
    List<String> readers = new ArrayList<>();
    int sources = 0;
    for (String room : List.of("nio", "protocol", "spi")) {
      Path folder = HOME.resolve("java/core/src/main/java/dev/millrace/internal").resolve(room);
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          sources++;
          if (WALL_CLOCK.matcher(Files.readString(file)).find()) {
            readers.add(file.getFileName().toString());
          }
        }
      }
    }
    assertThat(sources).isGreaterThan(30);
    assertThat(readers).isEmpty();
  }
}
