// SPDX-License-Identifier: Apache-2.0
package dev.millrace.benchmarks;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the command line asked for. */
record BenchOptions(
    boolean help,
    Comparison comparison,
    int pairs,
    double seconds,
    double warmupSeconds,
    List<Cell> cells,
    List<Peer> peers,
    List<String> ours,
    Jvm jvm,
    @Nullable Path json) {

  static final String USAGE =
      """
      usage: ./millrace bench [--only floor|netty|netty-nio|deflate|jmh] [option ...]
        --only floor             our echo server against the floor (what happens if left out)
        --only netty             ... against Netty, tuned and with its defaults, and the floor
        --only netty-nio         ... with the Java engine against tuned Netty on NIO
        --only deflate           ... with compression, against Bun and node ws, installed by npm
        --only jmh               the microbenchmarks instead; only JMH's options, behind --
        --pairs N                how often each server is measured in each cell (5)
        --seconds S              length of one measurement (2)
        --warmup S               load before the first one of a cell, with answers compared (3)
        --cells LIST             some of the cells, comma-separated:
                                 %s
                                 (floor: all that are not compressed; deflate: all that are;
                                 those with a target otherwise)
        --peer NAME=URL,pid=PID  a server that runs already, to compare with; may be repeated
        --ours COMMAND           starts our server; {port} stands for the port, and it prints a line
                                 "listening URL" when it is ready; if left out (netty-nio: java;
                                 deflate: with --compression on):
                                 %s
        --java HOME              the JDK that every Java server runs on (the launcher's)
        --json FILE              every single figure, too
        --help                   this text
      example: ./millrace bench --only floor --cells 64b,1m --pairs 15
      """
          .formatted(Cell.names(), String.join(" ", defaultCommand(Comparison.FLOOR)));

  private static List<String> defaultCommand(Comparison comparison) {
    String options = "echo --listen ws://127.0.0.1:{port} --engine %s --loops 1";
    if (comparison.isCompressed()) {
      options += " --compression on";
    }
    return List.of(("./millrace " + options.formatted(comparison.engine())).split(" "));
  }

  static BenchOptions parse(String... arguments) throws UsageException {
    return new Parser(arguments).parse();
  }

  private static final class Parser {
    private final String[] arguments;
    private int index;
    private boolean help;
    private int pairs = 5;
    private double seconds = 2;
    private double warmupSeconds = 3;
    private Comparison comparison = Comparison.FLOOR;
    private @Nullable List<Cell> cells;
    private final List<Peer> peers = new ArrayList<>();
    private @Nullable List<String> ours;
    private Jvm jvm = Jvm.own();
    private @Nullable Path json;

    Parser(String[] arguments) {
      this.arguments = arguments;
    }

    BenchOptions parse() throws UsageException {
      while (index < arguments.length) {
        option(arguments[index++]);
      }
      if (cells != null) {
        checkCompression(cells);
      }
      return new BenchOptions(
          help,
          comparison,
          pairs,
          seconds,
          warmupSeconds,
          cells == null ? comparison.cells() : cells,
          List.copyOf(peers),
          ours == null ? defaultCommand(comparison) : ours,
          jvm,
          json);
    }

    private void option(String name) throws UsageException {
      switch (name) {
        case "--help" -> help = true;
        case "--only" -> comparison = Comparison.parse(value(name));
        case "--pairs" -> pairs = wholeNumber(name, value(name), 1, 1000);
        case "--seconds" -> seconds = number(name, value(name), 0.1, 600);
        case "--warmup" -> warmupSeconds = number(name, value(name), 0.5, 600);
        case "--cells" -> cells = Cell.parse(value(name));
        case "--peer" -> addPeer(Peer.parse(value(name)));
        case "--ours" -> ours = command(value(name));
        case "--java" -> jvm = Jvm.parse(value(name));
        case "--json" -> json = path(name, value(name));
        default -> throw new UsageException("unknown option " + name + "; bench --help lists them");
      }
    }

    private void checkCompression(List<Cell> cells) throws UsageException {
      for (Cell cell : cells) {
        if (cell.compressed() != comparison.isCompressed()) {
          throw new UsageException(
              "--cells: \""
                  + cell.name()
                  + (cell.compressed() ? "\" wants --only deflate" : "\" is not compressed"));
        }
      }
    }

    private String value(String name) throws UsageException {
      if (index == arguments.length) {
        throw new UsageException(name + " wants a value; bench --help shows it");
      }
      return arguments[index++];
    }

    private void addPeer(Peer peer) throws UsageException {
      if (peers.stream().anyMatch(other -> other.name().equals(peer.name()))) {
        throw new UsageException("--peer: \"" + peer.name() + "\" is there twice; rename one");
      }
      peers.add(peer);
    }

    private static List<String> command(String text) throws UsageException {
      if (!text.contains("{port}")) {
        throw new UsageException("--ours: write {port} where the port goes: \"" + text + "\"");
      }
      return List.of(text.strip().split("\\s+"));
    }

    private static Path path(String name, String text) throws UsageException {
      try {
        return Path.of(text);
      } catch (InvalidPathException e) {
        throw new UsageException(name + ": not a file name: \"" + text + "\"");
      }
    }

    private static int wholeNumber(String name, String text, int minimum, int maximum)
        throws UsageException {
      double number = number(name, text, minimum, maximum);
      if (number != Math.rint(number)) {
        throw new UsageException(name + " wants a whole number, not \"" + text + "\"");
      }
      return (int) number;
    }

    private static double number(String name, String text, double minimum, double maximum)
        throws UsageException {
      // Only plain decimals: Double.parseDouble would also take "1e2", "0x1p3", "2d" and "NaN".
      if (text.matches("[0-9]{1,9}(\\.[0-9]{1,9})?")) {
        double number = Double.parseDouble(text);
        if (number >= minimum && number <= maximum) {
          return number;
        }
      }
      String range = Figures.plain(minimum) + " to " + Figures.plain(maximum);
      throw new UsageException(name + " wants a number from " + range + ", not \"" + text + "\"");
    }
  }
}
