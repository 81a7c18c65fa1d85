// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Compression;
import dev.millrace.Engine;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.Iterator;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Pattern;

/** The values of options that several commands have. */
final class OptionValues {
  // As far as Limits goes: a quarter of the largest region.
  static final int MOST_MESSAGE_BYTES = 256 << 20;

  private static final Pattern SECONDS = Pattern.compile("[0-9]{1,6}(\\.[0-9]{1,3})?");

  private OptionValues() {}

  static String next(String name, Iterator<String> rest) throws UsageException {
    if (!rest.hasNext()) {
      throw new UsageException(name + " needs a value");
    }
    return rest.next();
  }

  static Engine engine(String value) throws UsageException {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "native" -> Engine.NATIVE;
      case "auto" -> Engine.AUTO;
      case "java" -> Engine.JAVA;
      default -> throw new UsageException("--engine is native, java or auto, not " + value);
    };
  }

  static Compression compression(String value) throws UsageException {
    return switch (value) {
      case "off" -> Compression.disabled();
      case "on" -> Compression.enabled();
      default -> {
        if (!value.matches("[1-9]")) {
          throw new UsageException("--compression is off, on or a level from 1 to 9, not " + value);
        }
        yield Compression.enabled().withLevel(Integer.parseInt(value));
      }
    };
  }

  static int maxMessageBytes(String value) throws UsageException {
    OptionalLong bytes = ByteSize.parse(value);
    if (bytes.isEmpty()) {
      throw new UsageException(
          "--max-message is a number of bytes such as 65536 or 16M, not " + value);
    }
    if (bytes.getAsLong() < 1 || bytes.getAsLong() > MOST_MESSAGE_BYTES) {
      throw new UsageException(
          "--max-message out of range: bytes="
              + bytes.getAsLong()
              + ", limits=1.."
              + MOST_MESSAGE_BYTES);
    }
    return (int) bytes.getAsLong();
  }

  static Duration seconds(String name, String value) throws UsageException {
    if (!SECONDS.matcher(value).matches()) {
      throw new UsageException(name + " is a number of seconds such as 10 or 0.5, not " + value);
    }
    return Duration.ofMillis(new BigDecimal(value).movePointRight(3).longValueExact());
  }
}
