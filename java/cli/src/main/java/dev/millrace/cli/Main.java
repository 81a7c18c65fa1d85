// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.MillraceException;
import java.util.Arrays;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;

/** The entry point behind the launcher: the first argument names the command. */
public final class Main {
  private static final int FAILED = 1;
  private static final int MISUSED = 2;

  // Held here: the log manager forgets the level of a logger that nobody refers to.
  private static final Logger LOGGER = Logger.getLogger("dev.millrace");

  private Main() {}

  /**
   * Runs one command until it ends.
   *
   * @param arguments the command, then its options
   */
  public static void main(String[] arguments) {
    LOGGER.setLevel(Level.WARNING); // the line a command prints says which engine it has
    List<String> all = Arrays.asList(arguments);
    try {
      run(all);
    } catch (UsageException e) {
      end(MISUSED, e);
    } catch (MillraceException e) {
      end(FAILED, e);
    } catch (IllegalStateException e) {
      e.printStackTrace(); // a loop failed: that is a fault of ours, and its trace is what helps
      end(FAILED, e);
    } catch (InterruptedException e) {
      end(FAILED, e); // nobody interrupts the main thread of this program
    }
  }

  private static void run(List<String> arguments)
      throws UsageException, MillraceException, InterruptedException {
    String command = arguments.isEmpty() ? "" : arguments.get(0);
    List<String> rest = arguments.isEmpty() ? arguments : arguments.subList(1, arguments.size());
    switch (command) {
      case "echo" -> new Echo(EchoOptions.parse(rest)).run();
      case "top" -> new Top(TopOptions.parse(rest)).run();
      case "connect" -> new Connect(ConnectOptions.parse(rest)).run();
      default -> throw new UsageException("unknown command: " + command);
    }
  }

  private static void end(int status, Exception cause) {
    System.err.println("millrace: " + cause.getMessage());
    System.exit(status);
  }
}
