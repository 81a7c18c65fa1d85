// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One load: what is sent, over how many connections, with how many messages in flight on each.
 *
 * @param assembled whether the floor holds a message until its last byte is there. From 1 MiB up it
 *     does, as every server with a message handler must.
 * @param compressed whether messages go and come compressed; they are JSON then
 */
record Cell(
    String name,
    String title,
    int payloadLength,
    int connections,
    int inFlight,
    boolean text,
    boolean assembled,
    boolean compressed) {

  static final List<Cell> PLAIN =
      List.of(
          binary("64b", "64 B", 64, 100, 1),
          binary("64b-x16", "64 B", 64, 100, 16),
          binary("1k", "1 KiB", 1 << 10, 100, 1),
          binary("1k-x64", "1 KiB", 1 << 10, 100, 64),
          binary("4k-x16", "4 KiB", 4 << 10, 100, 16),
          binary("16k", "16 KiB", 16 << 10, 50, 1),
          new Cell("1m", "1 MiB x 8, 1 in flight", 1 << 20, 8, 1, false, true, false),
          text("text-16k", "16 KiB", 16 << 10, 50, 1),
          text("text-1k-x8", "1 KiB", 1 << 10, 100, 8));

  static final List<Cell> COMPRESSED =
      List.of(
          compressed("deflate-1k", "1 KiB", 1 << 10, 100, 1),
          compressed("deflate-1k-x16", "1 KiB", 1 << 10, 100, 16),
          compressed("deflate-128b-x16", "128 B", 128, 100, 16));

  /** In the order in which they are measured. */
  static final List<Cell> ALL = Stream.concat(PLAIN.stream(), COMPRESSED.stream()).toList();

  private static Cell binary(String name, String size, int length, int connections, int inFlight) {
    String title = title(size, connections, inFlight);
    return new Cell(name, title, length, connections, inFlight, false, false, false);
  }

  private static Cell text(String name, String size, int length, int connections, int inFlight) {
    String title = title(size + " text", connections, inFlight);
    return new Cell(name, title, length, connections, inFlight, true, false, false);
  }

  private static Cell compressed(
      String name, String size, int length, int connections, int inFlight) {
    String title = title(size + " JSON", connections, inFlight);
    return new Cell(name, title, length, connections, inFlight, false, false, true);
  }

  private static String title(String size, int connections, int inFlight) {
    return size + " x " + connections + ", " + inFlight + " in flight";
  }

  /** The cells named in a comma-separated list, in the order of {@link #ALL}. */
  static List<Cell> parse(String list) throws UsageException {
    List<String> wanted = List.of(list.split(",", -1));
    List<String> known = ALL.stream().map(Cell::name).toList();
    for (String name : wanted) {
      if (!known.contains(name)) {
        throw new UsageException("--cells: no cell \"" + name + "\"; there are " + names());
      }
    }
    return ALL.stream().filter(cell -> wanted.contains(cell.name())).toList();
  }

  static String names() {
    return ALL.stream().map(Cell::name).collect(Collectors.joining(","));
  }

  /** What the load generator is told. */
  List<String> arguments() {
    List<String> arguments = new ArrayList<>();
    arguments.addAll(List.of("--size", Integer.toString(payloadLength)));
    arguments.addAll(List.of("--conns", Integer.toString(connections)));
    arguments.addAll(List.of("--pipeline", Integer.toString(inFlight)));
    if (text) {
      arguments.addAll(List.of("--text", "--payload", "utf8"));
    }
    if (compressed) {
      arguments.add("--deflate");
    }
    return arguments;
  }
}
