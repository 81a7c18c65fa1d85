// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.HandlerExecutor;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The command line of {@code millrace echo}.
 *
 * @param addresses where to listen, never empty
 * @param engine who does the I/O
 * @param loops the number of I/O threads; empty leaves it to the server
 * @param maxMessageBytes the largest message accepted
 * @param compression what is agreed to when a client offers it
 * @param executor where the handlers run
 */
record EchoOptions(
    List<String> addresses,
    Engine engine,
    OptionalInt loops,
    int maxMessageBytes,
    Compression compression,
    HandlerExecutor executor) {
  private static final String DEFAULT_ADDRESS = "ws://127.0.0.1:9001";
  // As far as Limits goes: a quarter of the largest region.
  private static final int MOST_MESSAGE_BYTES = 256 << 20;
  private static final int DEFAULT_MAX_MESSAGE_BYTES = 16 << 20;

  static EchoOptions parse(List<String> arguments) throws UsageException {
    List<String> addresses = new ArrayList<>();
    Engine engine = Engine.AUTO;
    OptionalInt loops = OptionalInt.empty();
    int maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES;
    Compression compression = Compression.disabled();
    HandlerExecutor executor = HandlerExecutor.loop();
    Iterator<String> rest = arguments.iterator();
    while (rest.hasNext()) {
      String name = rest.next();
      switch (name) {
        case "--listen" -> addresses.add(value(name, rest));
        case "--engine" -> engine = engine(value(name, rest));
        case "--loops" -> loops = OptionalInt.of(loops(value(name, rest)));
        case "--max-message" -> maxMessageBytes = maxMessageBytes(value(name, rest));
        case "--compression" -> compression = compression(value(name, rest));
        case "--executor" -> executor = executor(value(name, rest));
        default -> throw new UsageException("unknown option " + name);
      }
    }
    if (addresses.isEmpty()) {
      addresses.add(DEFAULT_ADDRESS);
    }
    return new EchoOptions(
        List.copyOf(addresses), engine, loops, maxMessageBytes, compression, executor);
  }

  private static String value(String name, Iterator<String> rest) throws UsageException {
    if (!rest.hasNext()) {
      throw new UsageException(name + " needs a value");
    }
    return rest.next();
  }

  private static Engine engine(String value) throws UsageException {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "native" -> Engine.NATIVE;
      case "auto" -> Engine.AUTO;
      case "java" -> Engine.JAVA;
      default -> throw new UsageException("--engine is native, java or auto, not " + value);
    };
  }

  // Which numbers are allowed is for the server to say; here they only have to be numbers.
  private static int loops(String value) throws UsageException {
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new UsageException("--loops is a number, not " + value);
    }
  }

  private static int maxMessageBytes(String value) throws UsageException {
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

  private static HandlerExecutor executor(String value) throws UsageException {
    return switch (value) {
      case "loop" -> HandlerExecutor.loop();
      case "virtual" -> virtualThreads();
      default -> throw new UsageException("--executor is loop or virtual, not " + value);
    };
  }

  private static HandlerExecutor virtualThreads() throws UsageException {
    try {
      return HandlerExecutor.virtualThreads();
    } catch (UnsupportedOperationException e) {
      throw new UsageException("--executor virtual: " + e.getMessage());
    }
  }

  private static Compression compression(String value) throws UsageException {
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
}
