// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A number of bytes as people write it: {@code 65536}, {@code 64K}, {@code 16M}, {@code 1G}. */
final class ByteSize {
  // Eighteen digits fit into a long; the multiplication below is checked.
  private static final Pattern SIZE = Pattern.compile("([0-9]{1,18})([KMG]?)");

  private ByteSize() {}

  static OptionalLong parse(String text) {
    Matcher matcher = SIZE.matcher(text.toUpperCase(Locale.ROOT));
    if (!matcher.matches()) {
      return OptionalLong.empty();
    }
    long unit =
        switch (matcher.group(2)) {
          case "K" -> 1L << 10;
          case "M" -> 1L << 20;
          case "G" -> 1L << 30;
          default -> 1L;
        };
    long count = Long.parseLong(matcher.group(1));
    return count > Long.MAX_VALUE / unit ? OptionalLong.empty() : OptionalLong.of(count * unit);
  }
}
