// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.orderbook;

import dev.millrace.Engine;
import dev.millrace.MillraceException;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Starts the live order book.
 *
 * <p>Built by {@code mvn -pl examples/orderbook -am process-classes}; run with {@code
 * examples/orderbook/target/classes} and what {@code examples/orderbook/target/classpath} lists on
 * the class path. It needs no browser to build or run:
 *
 * <pre>
 * java -cp CLASSPATH dev.millrace.examples.orderbook.Main \
 *     [--port N] [--engine native|java|auto] [--storm on|off]
 * </pre>
 *
 * <p>{@code --port} is 8080 unless given; 0 takes any free one. {@code --storm on} lets slow and
 * hostile traders come, see {@link Storm}. It prints {@code order book at http://127.0.0.1:PORT/}
 * when the page can be opened, and ends on SIGTERM and Ctrl-C after closing its connections. Exit
 * status 1: it could not start; 2: wrong options.
 */
public final class Main {
  private static final int DEFAULT_PORT = 8080;
  private static final int MAX_PORT = 65_535;
  private static final Set<String> OPTIONS = Set.of("--port", "--engine", "--storm");

  private Main() {}

  /**
   * The program.
   *
   * @param args see the type's description
   * @throws InterruptedException never: nobody interrupts the main thread
   */
  public static void main(String[] args) throws InterruptedException {
    int port;
    Engine engine;
    boolean storm;
    try {
      port = port(args);
      engine = engine(args);
      storm = storm(args);
    } catch (IllegalArgumentException e) {
      fail(2, e.getMessage() + " (usage: [--port N] [--engine native|java|auto] [--storm on|off])");
      return;
    }
    MarketServer server;
    try {
      server = MarketServer.start(port, engine);
    } catch (MillraceException e) {
      // One sentence that says what to do, such as which port is taken.
      fail(1, e.getMessage());
      return;
    }
    Runtime.getRuntime().addShutdownHook(new Thread(server::close, "shutdown"));
    System.out.println("order book at " + server.page());
    if (storm) {
      Storm.start(server.page().getPort(), line -> System.out.println("storm: " + line));
    }
    server.awaitShutdown();
  }

  /** The port that the options ask for. */
  static int port(String... args) {
    String port = option("--port", args);
    return port == null ? DEFAULT_PORT : number(port);
  }

  /** The engine that the options ask for. */
  static Engine engine(String... args) {
    String engine = option("--engine", args);
    return switch (engine == null ? "auto" : engine) {
      case "auto" -> Engine.AUTO;
      case "native" -> Engine.NATIVE;
      case "java" -> Engine.JAVA;
      default ->
          throw new IllegalArgumentException("--engine is native, java or auto, not " + engine);
    };
  }

  /** Whether the options ask for hostile traders. */
  static boolean storm(String... args) {
    String storm = option("--storm", args);
    return switch (storm == null ? "off" : storm) {
      case "off" -> false;
      case "on" -> true;
      default -> throw new IllegalArgumentException("--storm is on or off, not " + storm);
    };
  }

  /** The last value of an option, null if it is not there. */
  private static @Nullable String option(String name, String... args) {
    String value = null;
    for (int i = 0; i < args.length; i += 2) {
      if (!OPTIONS.contains(args[i])) {
        throw new IllegalArgumentException("unknown option " + args[i]);
      }
      if (i + 1 == args.length) {
        throw new IllegalArgumentException(args[i] + " needs a value");
      }
      if (args[i].equals(name)) {
        value = args[i + 1];
      }
    }
    return value;
  }

  private static int number(String text) {
    int number;
    try {
      number = Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("--port is no number: port=" + text, e);
    }
    if (number < 0 || number > MAX_PORT) {
      throw new IllegalArgumentException(
          "port out of range: port=" + number + ", limit=0 to " + MAX_PORT);
    }
    return number;
  }

  private static void fail(int status, String line) {
    System.err.println("orderbook: " + line);
    System.exit(status);
  }
}
