// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LineReaderTest {
  private static List<String> lines(InputStream in) throws IOException {
    LineReader reader = new LineReader(in, 100_000);
    List<String> lines = new ArrayList<>();
    for (byte[] line = reader.next(); line != null; line = reader.next()) {
      lines.add(new String(line, StandardCharsets.UTF_8));
    }
    return lines;
  }

  private static InputStream stream(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void theLastLineNeedsNoEnd() throws IOException {
    assertEquals(List.of(), lines(stream("")));
    assertEquals(List.of(""), lines(stream("\n")));
    assertEquals(List.of("a"), lines(stream("a\n")));
    assertEquals(List.of("a", "", "b"), lines(stream("a\n\nb")));
    assertEquals(List.of("a", "b\rc"), lines(stream("a\r\nb\rc\n")));
  }

  @Test
  void linesMayBeLongerThanTheBufferAndComeInParts() throws IOException {
    String longLine = "x".repeat(70_000);
    InputStream oneByOne =
        new InputStream() {
          private final InputStream in = stream(longLine + "\ny");

          @Override
          public int read() throws IOException {
            return in.read();
          }

          @Override
          public int read(byte[] bytes, int offset, int length) throws IOException {
            return in.read(bytes, offset, 1);
          }
        };
    assertEquals(List.of(longLine, "y"), lines(oneByOne));
    assertEquals(List.of(longLine, "y"), lines(stream(longLine + "\ny")));
  }

  @Test
  void aLineWithoutEndIsNotCollectedForEver() {
    assertThrows(IOException.class, () -> lines(stream("x".repeat(200_000))));
  }
}
