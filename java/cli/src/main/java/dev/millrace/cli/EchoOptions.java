// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Compression;
import dev.millrace.Engine;
import dev.millrace.HandlerExecutor;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * The command line of {@code millrace echo}.
 *
 * @param addresses where to listen, never empty
 * @param engine who does the I/O
 * @param loops the number of I/O threads; empty leaves it to the server
 * @param maxMessageBytes the largest message accepted
 * @param maxMemoryBytes what the server may take for payloads; empty leaves it to the server
 * @param compression what is agreed to when a client offers it
 * @param executor where the handlers run
 * @param administration where the server tells what it does
 */
record EchoOptions(
    List<String> addresses,
    Engine engine,
    OptionalInt loops,
    int maxMessageBytes,
    OptionalLong maxMemoryBytes,
    Compression compression,
    HandlerExecutor executor,
    Optional<Path> administration) {
  private static final String DEFAULT_ADDRESS = "ws://127.0.0.1:9001";
  private static final int DEFAULT_MAX_MESSAGE_BYTES = 16 << 20;

  static EchoOptions parse(List<String> arguments) throws UsageException {
    List<String> addresses = new ArrayList<>();
    Engine engine = Engine.AUTO;
    OptionalInt loops = OptionalInt.empty();
    int maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES;
    OptionalLong maxMemoryBytes = OptionalLong.empty();
    Compression compression = Compression.disabled();
    HandlerExecutor executor = HandlerExecutor.loop();
    Optional<Path> administration = Optional.empty();
    Iterator<String> rest = arguments.iterator();
    while (rest.hasNext()) {
      String name = rest.next();
      switch (name) {
        case "--listen" -> addresses.add(OptionValues.next(name, rest));
        case "--engine" -> engine = OptionValues.engine(OptionValues.next(name, rest));
        case "--loops" -> loops = OptionalInt.of(loops(OptionValues.next(name, rest)));
        case "--max-message" ->
            maxMessageBytes = OptionValues.maxMessageBytes(OptionValues.next(name, rest));
        case "--max-memory" -> maxMemoryBytes = maxMemory(OptionValues.next(name, rest));
        case "--compression" ->
            compression = OptionValues.compression(OptionValues.next(name, rest));
        case "--executor" -> executor = executor(OptionValues.next(name, rest));
        case "--administration" ->
            administration = Optional.of(path(name, OptionValues.next(name, rest)));
        default -> throw new UsageException("unknown option " + name);
      }
    }
    if (addresses.isEmpty()) {
      addresses.add(DEFAULT_ADDRESS);
    }
    return new EchoOptions(
        List.copyOf(addresses),
        engine,
        loops,
        maxMessageBytes,
        maxMemoryBytes,
        compression,
        executor,
        administration);
  }

  // Which numbers are allowed is for the server to say; here they only have to be numbers.
  private static int loops(String value) throws UsageException {
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new UsageException("--loops is a number, not " + value);
    }
  }

  private static Path path(String name, String value) throws UsageException {
    try {
      return Path.of(value);
    } catch (InvalidPathException e) {
      throw new UsageException(name + " " + value + " is no path: " + e.getMessage());
    }
  }

  private static OptionalLong maxMemory(String value) throws UsageException {
    OptionalLong bytes = ByteSize.parse(value);
    if (bytes.isEmpty()) {
      throw new UsageException(
          "--max-memory is a number of bytes such as 268435456 or 256M, not " + value);
    }
    return bytes;
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
}
