// SPDX-License-Identifier: Apache-2.0
package dev.millrace.cli;

import dev.millrace.BlockingConnection;
import dev.millrace.Client;
import dev.millrace.Engine;
import dev.millrace.Limits;
import dev.millrace.Message;
import dev.millrace.MillraceException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Shows what a running server does, again and again, by its administration socket. */
final class Top {
  private static final int ENDED_IN_ORDER = 0;
  private static final int LOST = 3;

  // The loops that do not answer are waited for by the server, for a second.
  private static final Duration PATIENCE = Duration.ofSeconds(5);
  private static final int MOST_ANSWER_BYTES = 4 << 20;
  private static final int PLAIN_WIDTH = 200;
  private static final int PLAIN_HEIGHT = 200;

  private static final String ENTER = "\u001b[?1049h\u001b[?25l";
  private static final String LEAVE = "\u001b[?25h\u001b[?1049l";
  private static final String HOME = "\u001b[H";
  private static final String CLEAR_LINE = "\u001b[K";
  private static final String CLEAR_BELOW = "\u001b[J";

  private final TopOptions options;
  private final PrintStream out =
      new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
  private final CountDownLatch quit = new CountDownLatch(1);
  private @Nullable Terminal terminal;
  private boolean left;

  Top(TopOptions options) {
    this.options = options;
  }

  /** Does not return: ends the process with the status that says how it went. */
  void run() throws MillraceException, InterruptedException {
    int status;
    try (Client client = client();
        BlockingConnection connection = open(client)) {
      boolean shown = !options.once() && !options.json() && Terminal.is(0) && Terminal.is(1);
      Terminal opened = shown ? openTerminal() : null;
      status = opened == null ? print(connection) : show(connection, opened);
    } finally {
      leave();
    }
    if (status == LOST) {
      System.err.println("millrace: the server has ended");
    }
    Runtime.getRuntime().halt(status);
  }

  private static Client client() throws MillraceException {
    // The Java engine: one small connection is not worth unpacking a library.
    return Client.builder()
        .engine(Engine.JAVA)
        .limits(
            Limits.defaults()
                .withMaxMessageBytes(MOST_ANSWER_BYTES)
                .withCloseTimeout(Duration.ofMillis(200)))
        .build();
  }

  private BlockingConnection open(Client client) throws MillraceException, InterruptedException {
    try {
      return client.open(options.uri());
    } catch (MillraceException e) {
      throw new MillraceException(
          "no server answers at " + options.target() + ": " + sentence(e), e);
    }
  }

  private static String sentence(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage()) + "; is it the administration socket of a server?";
  }

  /** The next answer; empty at the end of the connection. */
  private Optional<String> ask(BlockingConnection connection)
      throws InterruptedException, MillraceException {
    try {
      connection.send("?");
      Optional<Message> answer = connection.receive(PATIENCE);
      if (answer.isEmpty() && connection.connection().isOpen()) {
        throw new MillraceException(
            options.target() + " does not answer within " + PATIENCE.toSeconds() + " s", null);
      }
      return answer.map(Message::text);
    } catch (IllegalStateException e) {
      return Optional.empty(); // closed meanwhile
    }
  }

  // ---- For programs and files.

  /** Rates need two answers: one look takes an interval. */
  private int print(BlockingConnection connection) throws InterruptedException, MillraceException {
    for (boolean first = true; ; first = false) {
      Optional<String> answer = ask(connection);
      if (answer.isEmpty()) {
        return LOST;
      }
      if (!first) {
        if (options.json()) {
          out.println(answer.get());
        } else {
          TopView.of(options.target(), read(answer.get()), PLAIN_WIDTH, PLAIN_HEIGHT)
              .forEach(out::println);
        }
        if (out.checkError() || options.once() || !options.json()) {
          return ENDED_IN_ORDER;
        }
      }
      Thread.sleep(options.interval().toMillis());
    }
  }

  private TopDocument read(String answer) throws MillraceException {
    try {
      return TopDocument.read(answer);
    } catch (IllegalArgumentException e) {
      throw new MillraceException(options.target() + ": " + e.getMessage(), e);
    }
  }

  // ---- For people.

  /** An interrupt meanwhile waits until it is known what to restore. */
  private synchronized @Nullable Terminal openTerminal() {
    Runtime.getRuntime().addShutdownHook(new Thread(this::interrupted, "top-shutdown"));
    terminal = Terminal.open().orElse(null);
    if (terminal != null) {
      out.print(ENTER);
    }
    return terminal;
  }

  private int show(BlockingConnection connection, Terminal terminal)
      throws InterruptedException, MillraceException {
    Thread keys = new Thread(this::readKeys, "top-keys");
    keys.setDaemon(true);
    keys.start();
    do {
      Optional<String> answer = ask(connection);
      if (answer.isEmpty()) {
        return LOST;
      }
      draw(
          TopView.of(
              options.target(), read(answer.get()), terminal.width(), terminal.height() - 1));
    } while (!quit.await(options.interval().toMillis(), TimeUnit.MILLISECONDS));
    return ENDED_IN_ORDER;
  }

  /** In one piece, and over what is there: nothing flickers. */
  private synchronized void draw(List<String> lines) {
    if (left) {
      return;
    }
    StringBuilder screen = new StringBuilder(HOME);
    for (String line : lines) {
      screen.append(line).append(CLEAR_LINE).append("\r\n");
    }
    out.print(screen.append("q quits").append(CLEAR_LINE).append(CLEAR_BELOW));
    out.flush();
  }

  private void readKeys() {
    try {
      for (int key = System.in.read(); key >= 0; key = System.in.read()) {
        if (key == 'q' || key == 'Q' || key == 4) { // Ctrl-D
          break;
        }
      }
    } catch (IOException e) {
      // Nobody types any more.
    }
    quit.countDown();
  }

  /** A signal, Ctrl-C most of the time: that is how people end such programs. */
  private void interrupted() {
    leave();
    Runtime.getRuntime().halt(ENDED_IN_ORDER);
  }

  /** The terminal as it was, whoever ends this, and once. */
  private synchronized void leave() {
    Terminal set = terminal;
    if (set != null && !left) {
      left = true;
      out.print(LEAVE);
      out.flush();
      set.close();
    }
  }
}
