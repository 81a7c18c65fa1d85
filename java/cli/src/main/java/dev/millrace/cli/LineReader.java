// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Lines as bytes, without their ends; the last needs none. */
final class LineReader {
  private final InputStream in;
  private final int longest;
  private final byte[] buffer = new byte[64 << 10];
  private int position;
  private int limit;

  LineReader(InputStream in, int longest) {
    this.in = in;
    this.longest = longest;
  }

  /** The next line; null when there are no more. */
  byte @Nullable [] next() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    while (position < limit || fill()) {
      int end = position;
      while (end < limit && buffer[end] != '\n') {
        end++;
      }
      line.write(buffer, position, end - position);
      position = Math.min(end + 1, limit);
      if (line.size() > longest) {
        throw new IOException("line too long: limit=" + longest);
      }
      if (end < limit) {
        return withoutReturn(line.toByteArray());
      }
    }
    return line.size() == 0 ? null : line.toByteArray();
  }

  private boolean fill() throws IOException {
    position = 0;
    limit = Math.max(0, in.read(buffer));
    return limit > 0;
  }

  private static byte[] withoutReturn(byte[] line) {
    int length = line.length;
    return length > 0 && line[length - 1] == '\r' ? Arrays.copyOf(line, length - 1) : line;
  }
}
