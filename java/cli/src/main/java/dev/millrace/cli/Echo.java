// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.Connection;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.MillraceException;
import dev.millrace.SendResult;
import dev.millrace.Server;
import java.net.URI;
import java.util.Locale;
import java.util.logging.Formatter;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/** Answers every message with the same bytes and kind, in the foreground, until SIGTERM. */
final class Echo {
  private static final Logger LOGGER = Logger.getLogger("dev.millrace");
  private static final String MEMORY = "memory: ";

  private final EchoOptions options;
  private String memory = "";

  Echo(EchoOptions options) {
    this.options = options;
  }

  /** Returns when the server has ended; does not return after a signal. */
  void run() throws UsageException, MillraceException, InterruptedException {
    listenToTheLog();
    Server server = builder().start();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> closeAndExit(server), "echo-shutdown"));
    for (URI address : server.addresses()) {
      System.out.println(
          "listening "
              + address
              + " engine="
              + server.engine().name().toLowerCase(Locale.ROOT)
              + " loops="
              + server.loops()
              + " max-message="
              + options.maxMessageBytes());
    }
    System.out.println(memory);
    server.awaitShutdown();
  }

  /** The line of the log that says how the memory is shared out is printed here, and no other. */
  private void listenToTheLog() {
    Formatter formatter = new SimpleFormatter();
    LOGGER.setFilter(
        record -> {
          String line = formatter.formatMessage(record);
          int at = line.indexOf(MEMORY);
          if (record.getLevel() == Level.INFO && at >= 0) {
            memory = line.substring(at);
          }
          return record.getLevel().intValue() >= Level.WARNING.intValue();
        });
    LOGGER.setLevel(Level.INFO);
  }

  private Server.Builder builder() throws UsageException {
    try {
      Server.Builder builder =
          Server.builder()
              .engine(options.engine())
              .limits(limits())
              .compression(options.compression())
              .route("/", Echo::echo, options.executor())
              .route("/{path}", Echo::echo, options.executor());
      options.addresses().forEach(builder::listen);
      options.loops().ifPresent(builder::loops);
      options.administration().ifPresent(builder::administration);
      return builder;
    } catch (IllegalArgumentException e) {
      // The builder judges every value at once, in one sentence with the value and the limit.
      throw new UsageException(e.getMessage());
    }
  }

  private Limits limits() {
    Limits limits = Limits.defaults().withMaxMessageBytes(options.maxMessageBytes());
    return options.maxMemoryBytes().isPresent()
        ? limits.withMaxMemoryBytes(options.maxMemoryBytes().getAsLong())
        : limits;
  }

  private static void echo(Connection connection, Message message) {
    // A handler that only answers is not refused; were it so, silence would be a lost message.
    if (connection.send(message) == SendResult.REFUSED) {
      throw new IllegalStateException("echo refused: length=" + message.length());
    }
  }

  // A signal would end the JVM with 128 + its number; this was a clean end.
  private static void closeAndExit(Server server) {
    server.close();
    Runtime.getRuntime().halt(0);
  }
}
